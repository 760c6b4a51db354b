// Command forward makes one Service of the lab reachable on one loopback port of the machine.
//
// It asks the API server for the Service's address when a client connects, so a Service that is deleted and created
// again is followed. Chat clients hold thousands of idle connections: a connection owns no buffer while it is idle.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	addressIsFresh = 2 * time.Second
	dialTimeout    = 3 * time.Second
	bufferBytes    = 16 << 10
)

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	listen := flag.String("listen", "", "loopback address and port to listen on")
	service := flag.String("service", "", "what to forward to: namespace/name:port")
	api := flag.String("api", "", "URL of the API server")
	pki := flag.String("pki", "", "folder with ca.crt, admin.crt and admin.key")
	flag.Parse()

	target, err := newTarget(*service, *api, *pki)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(*listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("--listen %s: only loopback addresses are served", *listen)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { listener.Close() })
	log.Printf("forwarding %s to %s", *listen, *service)
	for {
		client, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			// Out of descriptors: those who are connected matter more than those who are not.
			log.Printf("accept: %v", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		go serve(ctx, client.(*net.TCPConn), target)
	}
}

func serve(ctx context.Context, client *net.TCPConn, target *target) {
	defer client.Close()
	upstream, err := target.dial(ctx)
	if err != nil {
		log.Printf("%s: %v", target, err)
		return
	}
	defer upstream.Close()
	sent := make(chan struct{})
	go func() { defer close(sent); pipe(upstream, client) }()
	pipe(client, upstream)
	<-sent
}

// pipe copies until the source ends, then passes the end on, so that a half-closed connection still works.
func pipe(to, from *net.TCPConn) {
	if err := copyIdleFree(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	to.CloseWrite()
}

var buffers = sync.Pool{New: func() any { return new([bufferBytes]byte) }}

// copyIdleFree borrows a buffer only when there is something to read. io.Copy would hold a pipe for splice(2).
func copyIdleFree(to, from *net.TCPConn) error {
	raw, err := from.SyscallConn()
	if err != nil {
		return err
	}
	for {
		var buffer *[bufferBytes]byte
		var count int
		var failure error
		err := raw.Read(func(fd uintptr) bool {
			buffer = buffers.Get().(*[bufferBytes]byte)
			for {
				count, failure = syscall.Read(int(fd), buffer[:])
				if failure != syscall.EINTR {
					break
				}
			}
			if failure == syscall.EAGAIN {
				buffers.Put(buffer)
				return false
			}
			return true
		})
		if err = errors.Join(err, failure); err != nil {
			return err
		}
		if count == 0 {
			buffers.Put(buffer)
			return nil
		}
		_, err = to.Write(buffer[:count])
		buffers.Put(buffer)
		if err != nil {
			return err
		}
	}
}

// target is a Service, with the address that it had when last asked.
type target struct {
	namespace, name, port string
	url                   string
	http                  *http.Client

	lock    sync.Mutex
	address string
	asked   time.Time
}

func newTarget(service, api, pki string) (*target, error) {
	namespace, rest, ok := strings.Cut(service, "/")
	name, port, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 || namespace == "" || name == "" || port == "" {
		return nil, fmt.Errorf("--service %q: want namespace/name:port", service)
	}
	ca, err := os.ReadFile(pki + "/ca.crt")
	if err != nil {
		return nil, err
	}
	certificate, err := tls.LoadX509KeyPair(pki+"/admin.crt", pki+"/admin.key")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &target{
		namespace: namespace, name: name, port: port,
		url: api + "/api/v1/namespaces/" + namespace + "/services/" + name,
		http: &http.Client{
			Timeout:   dialTimeout,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}},
		},
	}, nil
}

func (t *target) String() string { return t.namespace + "/" + t.name + ":" + t.port }

func (t *target) dial(ctx context.Context) (*net.TCPConn, error) {
	address, err := t.resolve(ctx)
	if err != nil {
		return nil, err
	}
	connection, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return connection.(*net.TCPConn), nil
}

// resolve returns the Service's address, at most addressIsFresh old. While the API server is away the last one serves.
func (t *target) resolve(ctx context.Context) (string, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if time.Since(t.asked) < addressIsFresh {
		return t.address, nil
	}
	address, found, err := t.ask(ctx)
	switch {
	case err == nil && found:
		t.address, t.asked = address, time.Now()
	case err == nil:
		t.address = ""
		return "", errors.New("no such Service or port")
	case t.address == "":
		return "", err
	default:
		t.asked = time.Now()
		log.Printf("%s: using the last known address: %v", t, err)
	}
	return t.address, nil
}

func (t *target) ask(ctx context.Context) (address string, found bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, nil)
	if err != nil {
		return "", false, err
	}
	response, err := t.http.Do(request)
	if err != nil {
		return "", false, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return "", false, nil
	default:
		return "", false, fmt.Errorf("the API server answered %s", response.Status)
	}
	var service struct {
		Spec struct {
			ClusterIP string
			Ports     []struct {
				Name string
				Port int
			}
		}
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&service); err != nil {
		return "", false, err
	}
	for _, port := range service.Spec.Ports {
		if port.Name == t.port || strconv.Itoa(port.Port) == t.port {
			ip := net.ParseIP(service.Spec.ClusterIP)
			return net.JoinHostPort(service.Spec.ClusterIP, strconv.Itoa(port.Port)), ip != nil, nil
		}
	}
	return "", false, nil
}
