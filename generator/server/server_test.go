package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/applicationset/services/plugin"
	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/params"
)

// answererFunc stands for the repository and the clusters.
type answererFunc func(ctx context.Context, request generator.Request) (*generator.Answer, error)

func (f answererFunc) Answer(ctx context.Context, request generator.Request) (*generator.Answer, error) {
	return f(ctx, request)
}

func one(context.Context, generator.Request) (*generator.Answer, error) {
	return &generator.Answer{Sets: []params.Set{{Name: "payments-api-staging"}}, Revision: "0ddba11"}, nil
}

const token = "open-sesame"

// running is a server on a socket, with what it has logged.
type running struct {
	*Server
	address string
	logged  *buffer
	stop    context.CancelFunc
	ended   chan error
	// cut closes the listener.
	cut func() error
}

// start serves until the test ends.
func start(t *testing.T, options Options) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if options.Token == nil {
		options.Token = FixedToken(token)
	}
	if options.Answerer == nil {
		options.Answerer = answererFunc(one)
	}
	logged := newBuffer()
	options.Log = slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx, stop := context.WithCancel(context.Background())
	s := &running{New(options), listener.Addr().String(), logged, stop, make(chan error, 1), listener.Close}
	go func() { s.ended <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		<-s.ended
	})
	return s
}

// end stops the server and returns what Serve returned.
func (s *running) end() error {
	s.stop()
	err := <-s.ended
	s.ended <- nil
	return err
}

// buffer is a log that can be waited for.
type buffer struct {
	written *sync.Cond
	text    strings.Builder
}

func newBuffer() *buffer { return &buffer{written: sync.NewCond(&sync.Mutex{})} }

func (b *buffer) Write(p []byte) (int, error) {
	b.written.L.Lock()
	defer b.written.L.Unlock()
	defer b.written.Broadcast()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.written.L.Lock()
	defer b.written.L.Unlock()
	return b.text.String()
}

// await waits until the log holds a text, and returns the log.
func (b *buffer) await(text string) string {
	b.written.L.Lock()
	defer b.written.L.Unlock()
	for !strings.Contains(b.text.String(), text) {
		b.written.Wait()
	}
	return b.text.String()
}

// ask sends a request that may be as wrong as a test wants it.
func (s *running) ask(t *testing.T, method, path, body string, header map[string]string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+s.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(answer)
}

func TestArgoCDGetsTheWholeAnswer(t *testing.T) {
	set := params.Set{
		Name: "payments-api-staging", Service: "payments-api", Values: map[string]string{"region": "eu"},
		Labels: map[string]string{"a": "<b>"}, Annotations: map[string]string{}, Finalizers: []string{}, SyncPolicy: `{"automated":{}}`,
	}
	var got generator.Request
	s := start(t, Options{Answerer: answererFunc(func(_ context.Context, r generator.Request) (*generator.Answer, error) {
		got = r
		return &generator.Answer{Sets: []params.Set{set}}, nil
	})})
	client, err := plugin.NewPluginService(context.Background(), "services", "http://"+s.address, token, 0)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.List(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(response.Output.Parameters) != 1 {
		t.Fatalf("%d parameter sets", len(response.Output.Parameters))
	}
	text, err := json.Marshal(response.Output.Parameters[0]["tidegate"])
	if err != nil {
		t.Fatal(err)
	}
	var back params.Set
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(set, back); diff != "" {
		t.Error(diff)
	}
	if got.ApplicationSet != "services" {
		t.Errorf("the generator was told %+v", got)
	}
}

func TestASuccessHasOneFormAndALength(t *testing.T) {
	s := start(t, Options{})
	response, body := s.ask(t, http.MethodPost, Path, `{"applicationSetName":"services","input":{}}`, nil)
	want, err := json.Marshal((&params.Result{Sets: []params.Set{{Name: "payments-api-staging"}}}).Answer())
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || strings.TrimSpace(body) != string(want) {
		t.Errorf("%s %s", response.Status, body)
	}
	if response.ContentLength != int64(len(body)) || response.Header.Get("Content-Type") != "application/json" || response.TransferEncoding != nil {
		t.Errorf("%v, %d bytes", response.Header, response.ContentLength)
	}
}

func TestEverythingElseIsAFailureThatSaysWhatIsWrong(t *testing.T) {
	const fine = `{"applicationSetName":"services","input":{"parameters":{}}}`
	header := func(name, value string) map[string]string { return map[string]string{name: value} }
	for _, test := range []struct {
		name, method, path, body string
		header                   map[string]string
		status                   int
		message                  string
	}{
		{"no token", "POST", Path, fine, header("Authorization", ""), 401, "a bearer token is needed: token in the ConfigMap that configMapRef names must refer to a key of a Secret, as $secret:key"},
		{"another scheme", "POST", Path, fine, header("Authorization", "Basic b3Blbi1zZXNhbWU="), 401, "a bearer token is needed: token in the ConfigMap that configMapRef names must refer to a key of a Secret, as $secret:key"},
		{"a reference that Argo CD could not resolve", "POST", Path, fine, header("Authorization", "Bearer $tidegate:token"), 401, "this is not the generator's token: the Secret that the ConfigMap's token refers to and the file that the generator reads must hold the same"},
		{"a longer token", "POST", Path, fine, header("Authorization", "Bearer open-sesame-street"), 401, "this is not the generator's token: the Secret that the ConfigMap's token refers to and the file that the generator reads must hold the same"},
		{"another method", "GET", Path, "", nil, 405, "GET is not allowed for /api/v1/getparams.execute: it takes POST"},
		{"PUT", "PUT", Path, fine, nil, 405, "PUT is not allowed for /api/v1/getparams.execute: it takes POST"},
		{"POST to the health check", "POST", "/healthz", "", nil, 405, "POST is not allowed for /healthz: it takes GET, HEAD"},
		{"POST to an explanation", "POST", WhyPath, "", nil, 405, "POST is not allowed for /api/v1/why: it takes GET, HEAD"},
		{"another path", "POST", "/api/v1/getparams", fine, nil, 404, "there is no /api/v1/getparams here; Argo CD's plugin generator asks for /api/v1/getparams.execute: baseUrl in its ConfigMap must be this server's address without a path"},
		{"a slash at the end is no redirect", "POST", Path + "/", fine, nil, 404, "there is no /api/v1/getparams.execute/ here; Argo CD's plugin generator asks for /api/v1/getparams.execute: baseUrl in its ConfigMap must be this server's address without a path"},
		{"two slashes are no redirect", "POST", "/" + Path, fine, nil, 404, "there is no //api/v1/getparams.execute here; Argo CD's plugin generator asks for /api/v1/getparams.execute: baseUrl in its ConfigMap must be this server's address without a path"},
		{"no content type", "POST", Path, fine, header("Content-Type", ""), 415, `the content type is "", and must be application/json`},
		{"a form", "POST", Path, fine, header("Content-Type", "application/x-www-form-urlencoded"), 415, `the content type is "application/x-www-form-urlencoded", and must be application/json`},
		{"another charset", "POST", Path, fine, header("Content-Type", "application/json; charset=utf-16"), 415, `the charset is "utf-16", and must be utf-8`},
		{"compressed", "POST", Path, fine, header("Content-Encoding", "gzip"), 415, `the content encoding "gzip" is not supported`},
		{"an empty request", "POST", Path, "", nil, 400, "the request is empty; it must be a JSON object"},
		{"half a request", "POST", Path, `{"applicationSetName":"serv`, nil, 400, "the request ends in the middle of its JSON"},
		{"no JSON", "POST", Path, "input=services", nil, 400, "the request is not JSON: invalid character 'i' looking for beginning of value"},
		{"a list", "POST", Path, "[]", nil, 400, "the request must be a JSON object, not a JSON array"},
		{"null", "POST", Path, "null", nil, 400, "the request must be a JSON object"},
		{"two objects", "POST", Path, fine + fine, nil, 400, "the request goes on after its JSON object"},
		{"a name that is a number", "POST", Path, `{"applicationSetName":7}`, nil, 400, "applicationSetName is a JSON number"},
		{"a name that is none", "POST", Path, `{"applicationSetName":"a b"}`, nil, 400, `applicationSetName "a b" is no name: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`},
		{"parameters that are a list", "POST", Path, `{"input":{"parameters":["services"]}}`, nil, 400, "input.parameters is a JSON array"},
		{"too large", "POST", Path, `{"applicationSetName":"` + strings.Repeat("a", 2000) + `"}`, nil, 413, "the request is larger than 1024 bytes: input.parameters of the ApplicationSet is too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, Options{Limits: Limits{Body: 1024}})
			response, body := s.ask(t, test.method, test.path, test.body, test.header)
			wantMessage(t, response, body, test.status, test.message)
			if strings.Contains(body, token) {
				t.Error("the message holds the token")
			}
			if test.status == 405 && response.Header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
}

// wantMessage checks the one form that a failure has.
func wantMessage(t *testing.T, response *http.Response, body string, status int, message string) {
	t.Helper()
	var got map[string]string
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	if diff := cmp.Diff(map[string]string{"message": message}, got); diff != "" || response.StatusCode != status {
		t.Errorf("%s, want %d; message (-want +got):\n%s", response.Status, status, diff)
	}
}

func TestWhatIsNotKnownIsNeverAShorterAnswer(t *testing.T) {
	for _, test := range []struct {
		name    string
		answer  *generator.Answer
		err     error
		status  int
		message string
	}{
		{"an empty answer", &generator.Answer{}, nil, 503, "the answer would be empty, and Argo CD would delete every Application"},
		{"an answer that says it has parameter sets", &generator.Answer{Count: 3}, nil, 503, "the answer would be empty, and Argo CD would delete every Application"},
		{"an answer without a byte", &generator.Answer{Body: []byte{}, Count: 3}, nil, 503, "the answer would be empty, and Argo CD would delete every Application"},
		{"a repository that cannot be read", nil, errors.New("tidegate.yaml:3: no field env"), 503, "tidegate.yaml:3: no field env"},
		{"an input that names what is not there", nil, &params.InputError{Problems: []string{"there is no service payment-api"}}, 400, (&params.InputError{Problems: []string{"there is no service payment-api"}}).Error()},
		{"a repository that does not fit the clusters", nil, &params.Refusal{Problems: []string{"environment production: no cluster"}}, 409, (&params.Refusal{Problems: []string{"environment production: no cluster"}}).Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, Options{Answerer: answererFunc(func(context.Context, generator.Request) (*generator.Answer, error) {
				return test.answer, test.err
			})})
			response, body := s.ask(t, http.MethodPost, Path, "{}", nil)
			wantMessage(t, response, body, test.status, test.message)
		})
	}
}

func TestAPanicIsAMessageAndTheServerLives(t *testing.T) {
	s := start(t, Options{Answerer: answererFunc(func(ctx context.Context, r generator.Request) (*generator.Answer, error) {
		if r.ApplicationSet == "bad" {
			panic("index out of range")
		}
		return one(ctx, r)
	})})
	response, body := s.ask(t, http.MethodPost, Path, `{"applicationSetName":"bad"}`, nil)
	wantMessage(t, response, body, 500, "the generator has failed: index out of range")
	if response, body := s.ask(t, http.MethodPost, Path, "{}", nil); response.StatusCode != 200 {
		t.Errorf("after it: %s %s", response.Status, body)
	}
}

func TestAPanicAnywhereIsLogged(t *testing.T) {
	s := start(t, Options{Why: func(context.Context, string) (any, error) { panic("index out of range") }})
	conn := s.dial(t, "GET "+WhyPath+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token+"\r\n\r\n")
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	logged := s.logged.String()
	for _, want := range []string{"level=ERROR msg=panic path=/api/v1/why", `error="index out of range"`, "TestAPanicAnywhereIsLogged"} {
		if !strings.Contains(logged, want) {
			t.Errorf("no %s in\n%s", want, logged)
		}
	}
}

func TestWhatAPathTakesIsWhatItIsSaidToTake(t *testing.T) {
	hook := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "asked with "+r.Method, http.StatusTeapot) })
	s := start(t, Options{Webhook: hook, Why: func(context.Context, string) (any, error) { return "why", nil }})
	for _, path := range []string{"/healthz", "/readyz", "/metrics", WhyPath, WhyPath + "/api-staging"} {
		if response, body := s.ask(t, http.MethodHead, path, "", nil); response.StatusCode != 200 || body != "" {
			t.Errorf("HEAD %s: %s %q", path, response.Status, body)
		}
		if response, _ := s.ask(t, http.MethodDelete, path, "", nil); response.StatusCode != 405 || response.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("DELETE %s: %s, allows %q", path, response.Status, response.Header.Get("Allow"))
		}
	}
	// What a webhook takes is for its handler to say.
	if response, body := s.ask(t, http.MethodGet, WebhookPath, "", nil); response.StatusCode != http.StatusTeapot || body != "asked with GET\n" {
		t.Errorf("GET %s: %s %q", WebhookPath, response.Status, body)
	}
}

func TestALongMessageKeepsItsFirstLines(t *testing.T) {
	line := strings.Repeat("x", 999) + "\n"
	got := shorten(strings.Repeat(line, 20), 8<<10)
	if want := strings.Repeat(line, 8)[:7999] + "\n… and 12001 bytes more: the generator's log has all of it"; got != want {
		t.Errorf("got %d bytes, ending %q", len(got), got[len(got)-80:])
	}
}

func TestAChangedTokenNeedsNoRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n")
	s := start(t, Options{Token: TokenFile(file)})
	status := func(token string) int {
		response, _ := s.ask(t, http.MethodPost, Path, "{}", map[string]string{"Authorization": "Bearer " + token})
		return response.StatusCode
	}
	if got := []int{status("first"), status("second")}; !cmp.Equal(got, []int{200, 401}) {
		t.Errorf("before: %v", got)
	}
	write("second\n")
	if got := []int{status("first"), status("second")}; !cmp.Equal(got, []int{401, 200}) {
		t.Errorf("after: %v", got)
	}
	write(" \n")
	response, body := s.ask(t, http.MethodPost, Path, "{}", nil)
	wantMessage(t, response, body, 503, "the generator cannot read its token: token file "+file+" is empty: anybody could ask")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	response, body = s.ask(t, http.MethodPost, Path, "{}", nil)
	wantMessage(t, response, body, 503, "the generator cannot read its token: token file: open "+file+": no such file or directory")
}

// idle waits until every request has been counted and logged: that is after it was answered.
func (s *running) idle(t *testing.T) {
	t.Helper()
	for {
		if _, body := s.ask(t, http.MethodGet, "/metrics", "", nil); strings.Contains(body, "tidegate_generator_requests_in_flight 0\n") {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("a request is in flight")
		}
	}
}

func TestMetricsSayWhatWasAnswered(t *testing.T) {
	s := start(t, Options{Version: "v1", Answerer: answererFunc(func(context.Context, generator.Request) (*generator.Answer, error) {
		return &generator.Answer{
			Sets:     make([]params.Set, 3),
			Rendered: 2,
			Findings: []params.Finding{{Kind: params.BrokenOverlay, Path: "services/a/overlays/staging", Message: "services/a/overlays/staging: broken"}},
		}, nil
	})})
	s.ask(t, http.MethodPost, Path, `{"applicationSetName":"services"}`, nil)
	s.ask(t, http.MethodPost, Path, `{`, nil)
	s.idle(t)
	_, body := s.ask(t, http.MethodGet, "/metrics", "", nil)
	for _, want := range []string{
		`tidegate_generator_requests_total{code="200"} 1`,
		`tidegate_generator_requests_total{code="400"} 1`,
		`tidegate_generator_parameter_sets{applicationset="services"} 3`,
		`tidegate_generator_findings{applicationset="services",kind="broken-overlay"} 1`,
		`tidegate_generator_findings{applicationset="services",kind="reads-outside"} 0`,
		`tidegate_generator_overlays_rendered_total 2`,
		`tidegate_generator_build_info{version="v1"} 1`,
		`tidegate_generator_request_duration_seconds_count 2`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

func TestWhyIsAskedWithTheTokenOfOneApplicationOrOfAll(t *testing.T) {
	explains := start(t, Options{Why: func(_ context.Context, application string) (any, error) { return "why " + application, nil }})
	fromFiles := start(t, Options{})
	for _, test := range []struct {
		of     *running
		path   string
		token  string
		status int
		says   string
	}{
		{explains, "/api/v1/why/api-staging", token, http.StatusOK, `"why api-staging"`},
		{explains, "/api/v1/why", token, http.StatusOK, `"why "`},
		{explains, "/api/v1/why/api_staging", token, http.StatusBadRequest, "cannot be the name of an Application"},
		{explains, "/api/v1/why", "another", http.StatusUnauthorized, "token"},
		{explains, "/api/v1/why/api-staging", "another", http.StatusUnauthorized, "token"},
		{fromFiles, "/api/v1/why", token, http.StatusNotImplemented, "tidegate why --clusters-file"},
		{fromFiles, "/api/v1/why/api-staging", "another", http.StatusUnauthorized, "token"},
	} {
		response, body := test.of.ask(t, http.MethodGet, test.path, "", map[string]string{"Authorization": "Bearer " + test.token})
		if response.StatusCode != test.status || !strings.Contains(body, test.says) {
			t.Errorf("%s with %s: %d %s", test.path, test.token, response.StatusCode, body)
		}
	}
}

func TestAFindingIsLoggedOnceAndWhenItIsGone(t *testing.T) {
	findings := []params.Finding{{Kind: params.BrokenOverlay, Path: "services/a/overlays/staging", Message: "services/a/overlays/staging: broken"}}
	s := start(t, Options{Answerer: answererFunc(func(context.Context, generator.Request) (*generator.Answer, error) {
		return &generator.Answer{Sets: make([]params.Set, 1), Findings: findings}, nil
	})})
	for range 3 {
		s.ask(t, http.MethodPost, Path, `{"applicationSetName":"services"}`, nil)
		s.idle(t)
	}
	findings = nil
	s.ask(t, http.MethodPost, Path, `{"applicationSetName":"services"}`, nil)
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	logged := s.logged.String()
	for _, want := range []string{`level=WARN msg=found kind=broken-overlay path=services/a/overlays/staging finding="services/a/overlays/staging: broken"`, `level=INFO msg="no longer found"`} {
		if strings.Count(logged, want) != 1 {
			t.Errorf("%d times %s in\n%s", strings.Count(logged, want), want, logged)
		}
	}
	if strings.Contains(logged, token) {
		t.Error("the log holds the token")
	}
}

func TestLastAnswersOfApplicationSetsThatAreGoneAreForgotten(t *testing.T) {
	a := newAnswers()
	at := time.Unix(0, 0)
	a.now = func() time.Time { return at }
	a.record("old", &generator.Answer{})
	at = at.Add(forgetAfter + time.Second)
	a.record("new", &generator.Answer{})
	a.forget()
	if _, found := a.byID["old"]; found || len(a.byID) != 1 {
		t.Errorf("remembers %v", a.byID)
	}
}
