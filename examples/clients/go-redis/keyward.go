// go-redis: a streaming credentials provider. Connections in the pool are logged in again as soon as there is a new token, those in
// use when they come back. A subscriber is not: it is closed at the end of its token and subscribes again, without what came meanwhile.
//
//	go run . PORT CA TOKEN_FILE [SECONDS]
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/auth"
)

// FileProvider reads a token that somebody else keeps fresh (kubelet, keyward agent, vault agent); the file is looked at every second.
type FileProvider struct {
	path      string
	mu        sync.Mutex
	token     string
	listeners map[auth.CredentialsListener]bool
}

func NewFileProvider(path string) *FileProvider {
	p := &FileProvider{path: path, listeners: map[auth.CredentialsListener]bool{}}
	go func() {
		for range time.Tick(time.Second) {
			p.mu.Lock()
			before := p.token
			changed := p.read() == nil && before != "" && p.token != before
			var told []auth.CredentialsListener
			if changed {
				for l := range p.listeners {
					told = append(told, l)
				}
			}
			fresh := auth.NewBasicCredentials("default", p.token)
			p.mu.Unlock()
			for _, l := range told {
				l.OnNext(fresh)
			}
		}
	}()
	return p
}

func (p *FileProvider) read() error {
	text, err := os.ReadFile(p.path)
	if token := strings.TrimSpace(string(text)); err == nil && token != "" {
		p.token = token
	}
	return err
}

func (p *FileProvider) Subscribe(l auth.CredentialsListener) (auth.Credentials, auth.UnsubscribeFunc, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.read(); err != nil && p.token == "" {
		return nil, nil, err
	}
	p.listeners[l] = true
	return auth.NewBasicCredentials("default", p.token), func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.listeners, l)
		return nil
	}, nil
}

func Connect(port, ca, tokenFile string) (*redis.Client, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return redis.NewClient(&redis.Options{
		Addr:                         "localhost:" + port,
		TLSConfig:                    &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		StreamingCredentialsProvider: NewFileProvider(tokenFile),
	}), nil
}

func main() {
	ctx := context.Background()
	if len(os.Args) < 4 {
		log.Fatal("go run . PORT CA TOKEN_FILE [SECONDS]")
	}
	r, err := Connect(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	seconds := 1
	if len(os.Args) > 4 {
		seconds, _ = strconv.Atoi(os.Args[4])
	}
	// From here on: work for a while, and tell what was done.
	var connects atomic.Int64
	r.AddHook(dials{&connects})
	n, trouble := int64(0), []string{}
	for end := time.Now().Add(time.Duration(seconds) * time.Second); len(trouble) == 0 && time.Now().Before(end); n++ {
		if got, err := r.Incr(ctx, "app:go-redis:n").Result(); err != nil || got != n+1 {
			trouble = append(trouble, fmt.Sprint(got, err))
		}
		time.Sleep(5 * time.Millisecond)
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"count": n, "connects": connects.Load(), "trouble": trouble})
}

// dials counts connections that are made.
type dials struct{ count *atomic.Int64 }

func (d dials) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		d.count.Add(1)
		return next(ctx, network, addr)
	}
}
func (d dials) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (d dials) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
