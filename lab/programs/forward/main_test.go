package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// echoing starts a server that returns what it reads, and ends its side when the client has ended its own.
func echoing(t *testing.T) *net.TCPAddr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				all, _ := io.ReadAll(connection)
				connection.Write(all)
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr)
}

// apiServer answers with a Service at the given address, or with 404 while it is nil.
func apiServer(t *testing.T, address *atomic.Pointer[net.TCPAddr]) *target {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		current := address.Load()
		if r.URL.Path != "/api/v1/namespaces/chat/services/gateway" || current == nil {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, `{"spec":{"clusterIP":"127.0.0.1","ports":[{"name":"http","port":`+strconv.Itoa(current.Port)+`}]}}`)
	}))
	t.Cleanup(server.Close)
	return &target{namespace: "chat", name: "gateway", port: "http",
		url: server.URL + "/api/v1/namespaces/chat/services/gateway", http: server.Client()}
}

func connected(t *testing.T, target *target) *net.TCPConn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	go serve(context.Background(), accepted.(*net.TCPConn), target)
	client.SetDeadline(time.Now().Add(10 * time.Second))
	return client.(*net.TCPConn)
}

func TestBytesPassBothWaysAndAHalfClosedConnectionStillAnswers(t *testing.T) {
	var address atomic.Pointer[net.TCPAddr]
	address.Store(echoing(t))
	client := connected(t, apiServer(t, &address))
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() {
		client.Write(sent)
		client.CloseWrite()
	}()
	got, err := io.ReadAll(client)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("got %d bytes back of %d: %v", len(got), len(sent), err)
	}
}

func TestAServiceThatIsNotThereClosesTheConnection(t *testing.T) {
	var address atomic.Pointer[net.TCPAddr]
	client := connected(t, apiServer(t, &address))
	if got, _ := io.ReadAll(client); len(got) != 0 {
		t.Fatalf("got %q", got)
	}
}

func TestAServiceThatComesLaterIsFound(t *testing.T) {
	var address atomic.Pointer[net.TCPAddr]
	target := apiServer(t, &address)
	if _, err := target.dial(context.Background()); err == nil {
		t.Fatal("connected to a Service that does not exist")
	}
	address.Store(echoing(t))
	connection, err := target.dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	connection.Close()
}

func TestTheLastKnownAddressServesWhileTheAPIServerIsAway(t *testing.T) {
	var address atomic.Pointer[net.TCPAddr]
	address.Store(echoing(t))
	target := apiServer(t, &address)
	want, err := target.resolve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	target.asked = time.Time{}
	target.url = "http://127.0.0.1:1/"
	if got, err := target.resolve(context.Background()); err != nil || got != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

func TestAMalformedServiceIsRefused(t *testing.T) {
	for _, service := range []string{"", "gateway", "chat/gateway", "chat/:80", "/gateway:80", "chat/gateway:"} {
		if _, err := newTarget(service, "", ""); err == nil {
			t.Errorf("%q was accepted", service)
		}
	}
}
