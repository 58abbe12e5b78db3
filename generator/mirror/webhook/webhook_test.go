package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// followed counts fetches.
type followed struct {
	url, branch string
	fetches     int
}

func (f *followed) URL() string    { return f.url }
func (f *followed) Branch() string { return f.branch }
func (f *followed) Fetch()         { f.fetches++ }

func mac(secret, body string) string {
	digest := hmac.New(sha256.New, []byte(secret))
	digest.Write([]byte(body))
	return hex.EncodeToString(digest.Sum(nil))
}

// shops are the forges, each with a push to main of acme/config, signed with the secret.
var shops = []struct {
	name string
	keys map[string]string
	body string
	sign func(r *http.Request, secret, body string)
}{
	{"GitHub", map[string]string{"webhook.github.secret": "s"},
		`{"ref": "refs/heads/main", "repository": {"html_url": "https://git.example.com/acme/config", "clone_url": "https://git.example.com/acme/config.git"}}`,
		func(r *http.Request, secret, body string) {
			r.Header.Set("X-GitHub-Event", "push")
			r.Header.Set("X-Hub-Signature-256", "sha256="+mac(secret, body))
		}},
	{"GitLab", map[string]string{"webhook.gitlab.secret": "s"},
		`{"object_kind": "push", "ref": "refs/heads/main", "project": {"web_url": "https://git.example.com/acme/config"}}`,
		func(r *http.Request, secret, body string) {
			r.Header.Set("X-Gitlab-Event", "Push Hook")
			r.Header.Set("X-Gitlab-Token", secret)
		}},
	{"Gogs and Gitea", map[string]string{"webhook.gogs.secret": "s"},
		`{"ref": "refs/heads/main", "repository": {"html_url": "https://git.example.com/acme/config"}}`,
		func(r *http.Request, secret, body string) {
			r.Header.Set("X-Gogs-Event", "push")
			r.Header.Set("X-GitHub-Event", "push")
			r.Header.Set("X-Gogs-Signature", mac(secret, body))
		}},
	{"Bitbucket", map[string]string{"webhook.bitbucket.uuid": "s"},
		`{"repository": {"links": {"html": {"href": "https://git.example.com/acme/config"}}}, "push": {"changes": [{"new": {"name": "other"}}, {"new": {"name": "main"}}]}}`,
		func(r *http.Request, secret, body string) {
			r.Header.Set("X-Event-Key", "repo:push")
			r.Header.Set("X-Hook-UUID", secret)
		}},
	{"Bitbucket Server", map[string]string{"webhook.bitbucketserver.secret": "s"},
		`{"repository": {"links": {"clone": [1, {"name": "ssh", "href": "ssh://git@git.example.com:7999/acme/config.git"}]}}, "changes": [{"ref": {"id": "refs/heads/main"}}]}`,
		func(r *http.Request, secret, body string) {
			r.Header.Set("X-Event-Key", "repo:refs_changed")
			r.Header.Set("X-Hub-Signature", "sha256="+mac(secret, body))
		}},
	{"Azure DevOps", map[string]string{"webhook.azuredevops.username": "u", "webhook.azuredevops.password": "s"},
		`{"eventType": "git.push", "resource": {"refUpdates": [{"name": "refs/heads/main"}], "repository": {"remoteUrl": "https://git.example.com/acme/config"}}}`,
		func(r *http.Request, secret, body string) {
			r.Header.Set("X-Vss-Activityid", "1")
			r.SetBasicAuth("u", secret)
		}},
}

func data(keys map[string]string) func(context.Context) (map[string][]byte, error) {
	return func(context.Context) (map[string][]byte, error) {
		out := map[string][]byte{}
		for key, value := range keys {
			out[key] = []byte(value)
		}
		return out, nil
	}
}

// post sends a body, signed with a secret, and returns status and answer.
func post(h http.Handler, body, secret string, sign func(*http.Request, string, string)) (int, string) {
	r := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader(body))
	sign(r, secret, body)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestAPushOfEveryForgeIsFetched(t *testing.T) {
	for _, shop := range shops {
		for _, address := range []string{"https://git.example.com/acme/config", "https://git.example.com/ACME/config.git", "git@git.example.com:acme/config.git",
			"ssh://git@git.example.com:7999/acme/config.git", "https://user@git.example.com/acme/config"} {
			for _, branch := range []string{"main", "", "HEAD", "refs/heads/main"} {
				f := &followed{url: address, branch: branch}
				if code, said := post(New(f, data(shop.keys), quiet()), shop.body, "s", shop.sign); code != http.StatusOK || f.fetches != 1 {
					t.Errorf("%s, %s, %q: %d fetches, %d %s", shop.name, address, branch, f.fetches, code, said)
				}
			}
		}
	}
}

func TestNothingIsFetchedForWhoDoesNotKnowTheSecret(t *testing.T) {
	for _, shop := range shops {
		for _, test := range []struct {
			name, secret string
			keys         map[string]string
			want         int
		}{
			{"another secret", "guessed", shop.keys, http.StatusBadRequest},
			{"no secret sent", "", shop.keys, http.StatusBadRequest},
			{"no secret configured", "", nil, http.StatusForbidden},
			{"an empty secret configured", "", map[string]string{}, http.StatusForbidden},
			{"another forge's secret", "s", map[string]string{"webhook.other.secret": "s"}, http.StatusForbidden},
		} {
			f := &followed{url: "https://git.example.com/acme/config", branch: "main"}
			if code, said := post(New(f, data(test.keys), quiet()), shop.body, test.secret, shop.sign); code != test.want && code != http.StatusForbidden || f.fetches != 0 {
				t.Errorf("%s, %s: %d fetches, %d %s", shop.name, test.name, f.fetches, code, said)
			}
		}
	}
}

func TestASecretMayBeKeptUnderAnotherKey(t *testing.T) {
	for _, test := range []struct {
		keys map[string]string
		want int
	}{
		{map[string]string{"webhook.github.secret": "$elsewhere", "elsewhere": "s"}, http.StatusOK},
		{map[string]string{"webhook.github.secret": "$nowhere"}, http.StatusForbidden},
	} {
		f := &followed{url: "https://git.example.com/acme/config"}
		if code, said := post(New(f, data(test.keys), quiet()), shops[0].body, "s", shops[0].sign); code != test.want {
			t.Errorf("%v: %d %s", test.keys, code, said)
		}
	}
}

func TestOtherRepositoriesAndBranchesAreIgnored(t *testing.T) {
	for _, shop := range shops {
		for _, other := range []followed{
			{url: "https://git.example.com/acme/config-two", branch: "main"}, {url: "https://git.example.com.evil.example/acme/config", branch: "main"},
			{url: "https://git.example.com/acme/config", branch: "mai"}, {url: "https://git.example.com/acme/config", branch: "release/main"},
		} {
			f := other
			if code, said := post(New(&f, data(shop.keys), quiet()), shop.body, "s", shop.sign); code != http.StatusOK || f.fetches != 0 || !strings.HasPrefix(said, "ignored: another ") {
				t.Errorf("%s, %+v: %d %s", shop.name, other, code, said)
			}
		}
	}
}

func TestWhatIsNoPushIsToldSo(t *testing.T) {
	f := &followed{url: "https://git.example.com/acme/config"}
	h := New(f, data(shops[0].keys), quiet())
	ping := func(r *http.Request, secret, body string) {
		shops[0].sign(r, secret, body)
		r.Header.Set("X-GitHub-Event", "ping")
	}
	if code, said := post(h, `{}`, "s", ping); code != http.StatusOK || said != "ignored: this is no push\n" {
		t.Errorf("a ping: %d %s", code, said)
	}
	if code, _ := post(h, `{}`, "s", func(*http.Request, string, string) {}); code != http.StatusBadRequest {
		t.Errorf("no forge: %d", code)
	}
	if code, _ := post(h, strings.Repeat(" ", maxBody+1), "s", shops[0].sign); code != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d", code)
	}
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/webhook", nil)); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost {
		t.Errorf("GET: %d", w.Code)
	}
	unreadable := New(f, func(context.Context) (map[string][]byte, error) { return nil, errors.New("argocd-secret: forbidden") }, quiet())
	if code, said := post(unreadable, shops[0].body, "s", shops[0].sign); code != http.StatusServiceUnavailable || strings.Contains(said, "forbidden") {
		t.Errorf("unreadable secrets: %d %s", code, said)
	}
	if f.fetches != 0 {
		t.Errorf("%d fetches", f.fetches)
	}
}

// slow sends the beginning of a payload, and nothing more until it is told to end.
func slow(t *testing.T, h *Handler, beginning string) (end func()) {
	t.Helper()
	body, to := io.Pipe()
	r := httptest.NewRequest(http.MethodPost, "/webhook", body)
	shops[0].sign(r, "guessed", "")
	ended := make(chan struct{})
	go func() {
		h.ServeHTTP(httptest.NewRecorder(), r)
		_ = body.Close()
		close(ended)
	}()
	// All of it has been read once this returns.
	if _, err := to.Write([]byte(beginning)); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Fatal(err)
	}
	return func() {
		_ = to.Close()
		<-ended
	}
}

// Commits wait for the next fetch if this fails, for as long as somebody who knows no secret likes.
func TestAFloodOfSlowWebhooksKeepsNoForgeWaiting(t *testing.T) {
	f := &followed{url: "https://git.example.com/acme/config"}
	h := New(f, data(shops[0].keys), quiet())
	for range 1000 {
		defer slow(t, h, "{")()
	}
	if code, said := post(h, shops[0].body, "s", shops[0].sign); code != http.StatusOK || f.fetches != 1 {
		t.Errorf("%d %s", code, said)
	}
}

func TestAFloodOfLargeWebhooksIsNotHeld(t *testing.T) {
	f := &followed{url: "https://git.example.com/acme/config"}
	h := New(f, data(shops[0].keys), quiet())
	var ends []func()
	for range maxHeld/maxBody + 1 {
		ends = append(ends, slow(t, h, strings.Repeat(" ", maxBody-1)))
	}
	if held := h.held.Load(); held > maxHeld {
		t.Errorf("%d bytes are held", held)
	}
	for _, end := range ends {
		end()
	}
	if held := h.held.Load(); held != 0 {
		t.Errorf("%d bytes are held by nobody", held)
	}
	if code, said := post(h, shops[0].body, "s", shops[0].sign); code != http.StatusOK {
		t.Errorf("afterwards: %d %s", code, said)
	}
}

func TestTheSecretsAreReadOnceASecondWhoeverAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, reads := &followed{url: "https://git.example.com/acme/config"}, 0
		keys := map[string]string{"webhook.github.secret": "s"}
		h := New(f, func(ctx context.Context) (map[string][]byte, error) { reads++; return data(keys)(ctx) }, quiet())
		for range 100 {
			post(h, shops[0].body, "guessed", shops[0].sign)
		}
		if reads != 1 {
			t.Errorf("read %d times", reads)
		}
		time.Sleep(secretsFor)
		synctest.Wait()
		keys["webhook.github.secret"] = "another"
		if code, said := post(h, shops[0].body, "another", shops[0].sign); code != http.StatusOK || reads != 2 {
			t.Errorf("a secret that was changed, after %d reads: %d %s", reads, code, said)
		}
		time.Sleep(secretsFor)
	})
}

// FuzzWebhook sends whatever somebody may: only the secret makes a fetch, and nothing a crash.
func FuzzWebhook(f *testing.F) {
	for i, shop := range shops {
		f.Add(uint8(i), shop.body, "s", "")
		f.Add(uint8(i), shop.body, "", "short")
		f.Add(uint8(i), `{"repository": {"links": {"clone": 7}}}`, "s", "")
	}
	f.Fuzz(func(t *testing.T, which uint8, body, secret, signature string) {
		shop := shops[int(which)%len(shops)]
		target := &followed{url: "https://git.example.com/acme/config"}
		keys := map[string]string{}
		for key := range shop.keys {
			keys[key] = "a long secret that is not guessed"
		}
		code, said := post(New(target, data(keys), quiet()), body, secret, func(r *http.Request, secret, body string) {
			shop.sign(r, secret, body)
			if signature != "" {
				r.Header.Set("X-Hub-Signature", signature)
				r.Header.Set("X-Hub-Signature-256", signature)
			}
		})
		if target.fetches > 0 || code == http.StatusOK {
			t.Errorf("%s believes it: %d %s", shop.name, code, said)
		}
	})
}
