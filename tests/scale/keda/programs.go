//go:build programs

// Package keda names the programs that tests/scale/keda/build makes from this module, so that `go mod tidy` keeps what they need.
package keda

import (
	_ "github.com/kedacore/keda/v2/cmd/adapter"
	_ "github.com/kedacore/keda/v2/cmd/operator"
)
