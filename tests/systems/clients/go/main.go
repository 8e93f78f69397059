// What an application does with go-redis: main suite | preamble | connects COUNT. Redis is in REDIS_URL, its authority in REDIS_CA.
// Prints one line of JSON.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

var ctx = context.Background()

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func check(holds bool, what string) {
	if !holds {
		log.Fatal(what + " does not hold")
	}
}

func trust() *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile(os.Getenv("REDIS_CA"))))
	return &tls.Config{RootCAs: roots, ServerName: "localhost"}
}

func options() *redis.Options {
	o := must(redis.ParseURL(os.Getenv("REDIS_URL")))
	if o.TLSConfig != nil {
		o.TLSConfig = trust()
	}
	return o
}

func suite() any {
	r := redis.NewClient(options())
	var parts []string
	check(must(r.Set(ctx, "app:go", "v", 0).Result()) == "OK" && must(r.Get(ctx, "app:go").Result()) == "v", "strings")
	parts = append(parts, "strings")
	must(r.HSet(ctx, "app:go:h", "a", "1", "b", "2").Result())
	check(len(must(r.HGetAll(ctx, "app:go:h").Result())) == 2, "hashes")
	must(r.ZAdd(ctx, "app:go:z", redis.Z{Score: 1.5, Member: "m"}).Result())
	check(must(r.ZScore(ctx, "app:go:z", "m").Result()) == 1.5, "sorted sets")
	parts = append(parts, "collections")
	pipe := r.Pipeline()
	for range 1000 {
		pipe.Incr(ctx, "app:go:n")
	}
	check(must(pipe.Exec(ctx))[999].(*redis.IntCmd).Val() == 1000, "pipelines")
	must(r.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Incr(ctx, "app:go:n"); p.Del(ctx, "app:go:n"); return nil }))
	check(r.Watch(ctx, func(tx *redis.Tx) error {
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Set(ctx, "app:go:w", "1", 0); return nil })
		return err
	}, "app:go:w") == nil, "WATCH")
	parts = append(parts, "pipelines", "transactions")
	waited := make(chan []string)
	go func() { waited <- must(r.BLPop(ctx, 10*time.Second, "app:go:q").Result()) }()
	time.Sleep(100 * time.Millisecond)
	must(r.RPush(ctx, "app:go:q", "job").Result())
	check((<-waited)[1] == "job", "BLPOP")
	parts = append(parts, "blocking reads")
	must(r.XGroupCreateMkStream(ctx, "app:go:s", "g", "0").Result())
	id := must(r.XAdd(ctx, &redis.XAddArgs{Stream: "app:go:s", Values: []string{"k", "v"}}).Result())
	got := must(r.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "g", Consumer: "c", Streams: []string{"app:go:s", ">"}}).Result())
	check(got[0].Messages[0].ID == id && must(r.XAck(ctx, "app:go:s", "g", id).Result()) == 1, "streams")
	parts = append(parts, "streams")
	script := redis.NewScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
	check(must(script.Run(ctx, r, []string{"app:go:l"}, 5).Int()) == 5 && must(script.Run(ctx, r, []string{"app:go:l"}, 5).Int()) == 10, "scripts")
	parts = append(parts, "scripts")
	s := r.PSubscribe(ctx, "app:news:*")
	must(s.Receive(ctx))
	check(must(r.Publish(ctx, "app:news:go", "hi").Result()) == 1, "PUBLISH")
	check((<-s.Channel()).Payload == "hi", "messages")
	s.Close()
	parts = append(parts, "channels")
	return map[string]any{"client": "go-redis " + redis.Version(), "parts": parts, "refused": refused(r)}
}

// What is foreign: each refusal leaves the client usable.
func refused(r *redis.Client) int {
	apart := options()
	apart.DB, apart.MaxRetries = 9, -1
	foreign := redis.NewClient(apart)
	calls := map[string]func() error{
		"GET": func() error { return r.Get(ctx, "foreign:secret").Err() }, "SET": func() error { return r.Set(ctx, "foreign:secret", 1, 0).Err() },
		"PUBLISH": func() error { return r.Publish(ctx, "foreign:news", 1).Err() }, "SELECT": func() error { return foreign.Get(ctx, "app:go").Err() },
		"SCAN": func() error { return r.Scan(ctx, 0, "*", 10).Err() }, "KEYS": func() error { return r.Keys(ctx, "*").Err() },
		"keyevent": func() error { _, err := r.PSubscribe(ctx, "__keyevent@*__:*").Receive(ctx); return err },
		"script":   func() error { return r.Eval(ctx, "return redis.call('GET', 'foreign:secret')", nil).Err() },
	}
	for name, call := range calls {
		err := call()
		check(err != nil && err != redis.Nil, "the refusal of "+name)
		check(must(r.Get(ctx, "app:go").Result()) == "v", "going on after "+name)
	}
	return len(calls)
}

func preamble() any {
	o := options()
	o.DB, o.ClientName = 1, "go"
	r := redis.NewClient(o)
	must(r.Ping(ctx).Result())
	return map[string]any{"client": "go-redis " + redis.Version()}
}

// Connections spread over one second: TCP, TLS and login of each until its answer, in milliseconds, together and apart.
func connects(count int) any {
	u := must(url.Parse(os.Getenv("REDIS_URL")))
	password, _ := u.User.Password()
	login := fmt.Sprintf("*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(u.User.Username()), u.User.Username(), len(password), password)
	config := trust()
	parts := map[string][]float64{}
	for _, part := range []string{"all", "tcp", "tls", "login"} {
		parts[part] = make([]float64, count)
	}
	failed := 0
	var lock sync.Mutex
	var all sync.WaitGroup
	began := time.Now()
	for i := range count {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(count))))
		all.Go(func() {
			start := time.Now()
			last := start
			took := func(part string) {
				now := time.Now()
				parts[part][i] = float64(now.Sub(last).Microseconds()) / 1000
				last = now
			}
			err := connect(u.Host, config, login, took)
			parts["all"][i] = float64(time.Since(start).Microseconds()) / 1000
			if err != nil {
				lock.Lock()
				failed++
				lock.Unlock()
				log.Print(err)
			}
		})
	}
	all.Wait()
	told := map[string]any{"count": count, "failed": failed, "wall_s": time.Since(began).Seconds()}
	for part, times := range parts {
		sort.Float64s(times)
		prefix := part + "_"
		if part == "all" {
			prefix = ""
		}
		told[prefix+"p50_ms"], told[prefix+"p99_ms"], told[prefix+"max_ms"] = times[count/2], times[count*99/100], times[count-1]
	}
	told["waited_ms"], told["used_ms"] = scheduled()
	return told
}

// One connection until its login is answered; `took` is told after each part.
func connect(address string, config *tls.Config, login string, took func(string)) error {
	socket, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return err
	}
	took("tcp")
	connection := tls.Client(socket, config)
	connection.SetDeadline(time.Now().Add(20 * time.Second))
	if err := connection.Handshake(); err != nil {
		return err
	}
	took("tls")
	if _, err := connection.Write([]byte(login)); err != nil {
		return err
	}
	line, err := bufio.NewReader(connection).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "%") {
		err = fmt.Errorf("answered %s", line)
	}
	took("login")
	return err
}

// How long the threads of this process were ready and had no processor, and how long they had one, in milliseconds (/proc/PID/schedstat).
func scheduled() (waited, used float64) {
	for _, file := range must(filepath.Glob("/proc/self/task/*/schedstat")) {
		var ran, queued float64
		if text, err := os.ReadFile(file); err == nil {
			fmt.Sscan(string(text), &ran, &queued)
		}
		used += ran / 1e6
		waited += queued / 1e6
	}
	return waited, used
}

func main() {
	var told any
	switch os.Args[1] {
	case "suite":
		told = suite()
	case "preamble":
		told = preamble()
	case "connects":
		told = connects(must(strconv.Atoi(os.Args[2])))
	}
	json.NewEncoder(os.Stdout).Encode(told)
}
