package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// freePort is an address that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// store asks the server how much its store holds, and how much it has dropped for want of room.
func store(ctx context.Context, web string) (holds, dropped int64, err error) {
	text, err := get(ctx, "http://"+web+"/metrics")
	if err != nil {
		return 0, 0, err
	}
	holds, err = metric(text, "tidegate_plugin_store_bytes")
	dropped, more := metric(text, "tidegate_plugin_store_dropped_bytes_total")
	return holds, dropped, errors.Join(err, more)
}

// idle waits until the server does nothing: it goes on for a while after those who gave up.
func idle(ctx context.Context, web string) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	for {
		text, err := get(ctx, "http://"+web+"/metrics")
		if err != nil {
			return fmt.Errorf("waiting until the server does nothing: %w", err)
		}
		busy := int64(0)
		for _, name := range []string{"requests", "running", "children"} {
			n, err := metric(text, "tidegate_plugin_"+name)
			if err != nil {
				return err
			}
			busy += n
		}
		if busy == 0 {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// held is what the server has in use, in MiB, once it does nothing and the garbage is collected.
func held(ctx context.Context, web string) (float64, error) {
	if err := idle(ctx, web); err != nil {
		return 0, err
	}
	for range 2 { // what pools and cleanups held goes with the second
		if _, err := get(ctx, "http://"+web+"/debug/pprof/heap?gc=1"); err != nil {
			return 0, err
		}
	}
	text, err := get(ctx, "http://"+web+"/metrics")
	if err != nil {
		return 0, err
	}
	bytes, err := metric(text, "go_memstats_heap_alloc_bytes")
	return float64(bytes) / (1 << 20), err
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return string(text), err
}

// metric is the value of one of the server's metrics.
func metric(text, name string) (int64, error) {
	_, after, found := strings.Cut(text, "\n"+name+" ")
	if !found {
		return 0, fmt.Errorf("the server has no metric %s", name)
	}
	value, _, _ := strings.Cut(after, "\n")
	number, err := strconv.ParseFloat(value, 64)
	return int64(number), err
}
