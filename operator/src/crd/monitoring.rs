//! Monitors for the Prometheus operator.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Monitors for the Prometheus operator. The endpoints are there in any case, and pods carry the usual
/// `prometheus.io/scrape` annotations.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitoringSpec {
    /// Whether a PodMonitor is made.
    #[serde(default)]
    pub mode: MonitorMode,
    /// How often to scrape, in seconds.
    #[serde(default = "default_interval_seconds")]
    #[schemars(range(min = 1, max = 300))]
    pub interval_seconds: i32,
    /// Labels by which a Prometheus finds the monitors.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub labels: BTreeMap<String, String>,
}

/// Whether monitors are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum MonitorMode {
    /// When the cluster knows the Prometheus operator's resources.
    #[default]
    Auto,
    /// Never.
    Disabled,
}

fn default_interval_seconds() -> i32 {
    15
}

impl Default for MonitoringSpec {
    fn default() -> Self {
        super::all_defaults()
    }
}
