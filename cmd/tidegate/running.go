package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/cmd/internal/cli"
	"github.com/tidegate/tidegate/generator/server"
)

// running is a generator that can be asked.
type running struct{ address, tokenFile string }

func (r *running) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&r.address, "server", "", "the address of a running generator, such as http://localhost:8080")
	flags.StringVar(&r.tokenFile, "token-file", "", "the file of the generator's token; with --server")
}

const (
	// askTime is how long a generator may take to explain.
	askTime = time.Minute
	// maxExplanation bounds what is read of an answer: 10,000 Applications that wait are about 4 MiB.
	maxExplanation = 64 << 20
)

// ask has the generator explain an Application, or all if the name is empty.
func (r *running) ask(ctx context.Context, name string, explanation any) error {
	base, err := url.Parse(r.address)
	if err != nil || base.Host == "" {
		return cli.Usage(fmt.Errorf("--server: %q is not an address such as http://localhost:8080", r.address))
	}
	if r.tokenFile == "" {
		return cli.Usage(errors.New("--token-file is missing: the generator answers only those who have its token"))
	}
	token, err := server.TokenFile(r.tokenFile).Token()
	if err != nil {
		return cli.Usage(err)
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return get(ctx, base.JoinPath(server.WhyPath, url.PathEscape(name)).String(), token, explanation)
}

func get(ctx context.Context, address, token string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	// The standard transport is shut, so that no render reaches out.
	response, err := (&http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}).Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxExplanation))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", address, response.Status, messageOf(body))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	return nil
}

// messageOf is what an error of the generator says.
func messageOf(body []byte) string {
	var said struct{ Message string }
	if json.Unmarshal(body, &said) == nil && said.Message != "" {
		return said.Message
	}
	return string(bytes.TrimSpace(body))
}
