package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/params"
)

// receive reads the body of a request, within limits.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) ([]byte, *failure) {
	if failure := checkContentType(r.Header); failure != nil {
		return nil, failure
	}
	tooLarge := failed(http.StatusRequestEntityTooLarge, "the request is larger than %d bytes: input.parameters of the ApplicationSet is too long", s.limits.Body)
	if r.ContentLength > s.limits.Body {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.limits.Body))
	var tooMany *http.MaxBytesError
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &tooMany):
		return nil, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, failed(http.StatusRequestTimeout, "the request did not arrive within %s", s.limits.Receive)
	default:
		return nil, failed(statusClientGone, "the client left before its request was complete: %v", err)
	}
}

func checkContentType(header http.Header) *failure {
	given := header.Get("Content-Type")
	kind, parameters, err := mime.ParseMediaType(given)
	charset, hasCharset := parameters["charset"]
	switch {
	case err != nil || kind != "application/json":
		return failed(http.StatusUnsupportedMediaType, "the content type is %q, and must be application/json", shorten(given, 100))
	case hasCharset && !strings.EqualFold(charset, "utf-8"):
		return failed(http.StatusUnsupportedMediaType, "the charset is %q, and must be utf-8", shorten(charset, 100))
	case header.Get("Content-Encoding") != "":
		return failed(http.StatusUnsupportedMediaType, "the content encoding %q is not supported", shorten(header.Get("Content-Encoding"), 100))
	}
	return nil
}

// decode reads a request as Argo CD's client writes it (argo-cd applicationset/services/plugin.ServiceRequest). What a
// newer Argo CD may add beside the input is left alone; the input, which people write, is read strictly.
func decode(body []byte) (generator.Request, error) {
	var wire struct {
		ApplicationSetName string `json:"applicationSetName"`
		Input              *struct {
			Parameters v1alpha1.PluginParameters `json:"parameters"`
		} `json:"input"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&wire); err != nil {
		return generator.Request{}, malformed(body, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return generator.Request{}, errors.New("the request goes on after its JSON object")
	}
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return generator.Request{}, errors.New("the request must be a JSON object")
	}
	request := generator.Request{ApplicationSet: wire.ApplicationSetName}
	if name := wire.ApplicationSetName; name != "" {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			return generator.Request{}, fmt.Errorf("applicationSetName %q is no name: %s", shorten(name, 100), problems[0])
		}
	}
	if wire.Input == nil {
		return request, nil
	}
	input, err := params.ParseInput(wire.Input.Parameters)
	request.Input = input
	return request, err
}

func malformed(body []byte, err error) error {
	var wrongType *json.UnmarshalTypeError
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return errors.New("the request is empty; it must be a JSON object")
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return fmt.Errorf("%s is a JSON %s", wrongType.Field, wrongType.Value)
	case errors.As(err, &wrongType):
		return fmt.Errorf("the request must be a JSON object, not a JSON %s", wrongType.Value)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the request ends in the middle of its JSON")
	}
	return fmt.Errorf("the request is not JSON: %w", err)
}
