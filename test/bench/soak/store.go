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
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+web+"/metrics", nil)
	if err != nil {
		return 0, 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, 0, err
	}
	text, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return 0, 0, err
	}
	holds, err = metric(string(text), "store_bytes")
	dropped, more := metric(string(text), "store_dropped_bytes_total")
	return holds, dropped, errors.Join(err, more)
}

// metric is the value of one of the plugin's metrics.
func metric(text, name string) (int64, error) {
	_, after, found := strings.Cut(text, "\ntidegate_plugin_"+name+" ")
	if !found {
		return 0, fmt.Errorf("the server has no metric %s", name)
	}
	value, _, _ := strings.Cut(after, "\n")
	number, err := strconv.ParseFloat(value, 64)
	return int64(number), err
}
