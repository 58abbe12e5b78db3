package credentials

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

const repoURL = "https://git.example.com/acme/config.git"

// secret is one as Argo CD keeps it, from keys and values by turns.
func secret(kind, name string, data ...string) *corev1.Secret {
	out := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: name, Labels: map[string]string{"argocd.argoproj.io/secret-type": kind}},
		Data:       map[string][]byte{},
	}
	for i := 0; i < len(data); i += 2 {
		out.Data[data[i]] = []byte(data[i+1])
	}
	return out
}

func reader(t *testing.T, objects ...runtime.Object) *Reader {
	return &Reader{Client: fake.NewClientset(objects...), Namespace: "argocd", Scratch: t.TempDir()}
}

func TestTheSecretThatArgoCDWouldTakeIsTaken(t *testing.T) {
	basic := func(user, password string) githttp.AuthMethod {
		return &githttp.BasicAuth{Username: user, Password: password}
	}
	for _, test := range []struct {
		name    string
		project string
		secrets []runtime.Object
		want    githttp.AuthMethod
	}{
		{"none", "", nil, nil},
		{"the repository's, however its URL is written", "", []runtime.Object{secret("repository", "a", "url", "https://git.example.com/Acme/Config", "username", "u", "password", "p")}, basic("u", "p")},
		{"another repository's", "", []runtime.Object{secret("repository", "a", "url", "https://git.example.com/acme/config-two", "password", "p")}, nil},
		{"the longest template", "", []runtime.Object{
			secret("repo-creds", "a", "url", "https://git.example.com", "password", "short"),
			secret("repo-creds", "b", "url", "https://git.example.com/acme", "password", "long"),
			secret("repo-creds", "c", "url", "https://git.example.com/acme/other", "password", "other"),
		}, basic("x-access-token", "long")},
		{"the repository's before a template", "", []runtime.Object{
			secret("repo-creds", "a", "url", repoURL, "password", "template"), secret("repository", "b", "url", repoURL, "password", "own"),
		}, basic("x-access-token", "own")},
		{"a template for a repository without credentials", "", []runtime.Object{
			secret("repo-creds", "a", "url", "https://git.example.com", "password", "template"), secret("repository", "b", "url", repoURL),
		}, basic("x-access-token", "template")},
		{"a repository of Helm charts", "", []runtime.Object{secret("repository", "a", "url", repoURL, "type", "helm", "password", "p")}, nil},
		{"one that may be written to", "", []runtime.Object{secret("repository-write", "a", "url", repoURL, "password", "p")}, nil},
		{"another project's", "", []runtime.Object{secret("repository", "a", "url", repoURL, "project", "team", "password", "p")}, nil},
		{"the project's own", "team", []runtime.Object{
			secret("repository", "a", "url", repoURL, "password", "shared"), secret("repository", "b", "url", repoURL, "project", "team", "password", "own"),
		}, basic("x-access-token", "own")},
		{"one without a project", "team", []runtime.Object{secret("repository", "a", "url", repoURL, "password", "shared")}, basic("x-access-token", "shared")},
		{"a bearer token", "", []runtime.Object{secret("repository", "a", "url", repoURL, "bearerToken", "t")}, &githttp.TokenAuth{Token: "t"}},
		{"one that is forced to basic authentication", "", []runtime.Object{secret("repository", "a", "url", repoURL, "username", "u", "password", "p", "forceHttpBasicAuth", "true")}, basic("u", "p")},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := reader(t, test.secrets...)
			r.Project = test.project
			access, err := r.For(t.Context(), repoURL)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, access.HTTP); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOnlyArgoCDsRepositorySecretsAndItsConfigMapsAreRead(t *testing.T) {
	client := fake.NewClientset()
	r := &Reader{Client: client, Namespace: "argocd"}
	if _, err := r.For(t.Context(), repoURL); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, action := range client.Actions() {
		got = append(got, fmt.Sprintf("%s %s %s", action.GetVerb(), action.GetResource().Resource, selected(action)))
	}
	want := []string{"list secrets argocd.argoproj.io/secret-type in (repo-creds,repository)", "get configmaps argocd-tls-certs-cm"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func selected(action ktesting.Action) string {
	switch a := action.(type) {
	case ktesting.ListAction:
		return a.GetListRestrictions().Labels.String()
	case ktesting.GetAction:
		return a.GetName()
	}
	return ""
}

func TestAnErrorNamesTheSecretAndNotItsContent(t *testing.T) {
	const hidden = "s3cret"
	for _, test := range []struct {
		name, url, want string
		data            []string
	}{
		{"a flag", repoURL, "Secret argocd/a: insecure must be true or false", []string{"insecure", hidden}},
		{"a number", repoURL, "Secret argocd/a: githubAppID must be a number", []string{"githubAppID", hidden}},
		{"a proxy", repoURL, "Secret argocd/a: proxy is no URL", []string{"proxy", "http://user:" + hidden + "@%zz"}},
		{"an app's key", repoURL, "Secret argocd/a: githubAppPrivateKey", []string{"githubAppID", "1", "githubAppInstallationID", "2", "githubAppPrivateKey", hidden}},
		{"a service account", repoURL, "Secret argocd/a: gcpServiceAccountKey", []string{"gcpServiceAccountKey", hidden}},
		{"a certificate", repoURL, "Secret argocd/a: tlsClientCertData", []string{"tlsClientCertData", hidden, "tlsClientCertKey", hidden}},
		{"an SSH key for https", repoURL, "Secret argocd/a holds an SSH key", []string{"sshPrivateKey", hidden}},
		{"an SSH key", "git@git.example.com:acme/config.git", "Secret argocd/a: sshPrivateKey", []string{"sshPrivateKey", hidden}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := reader(t, secret("repository", "a", append([]string{"url", test.url}, test.data...)...))
			_, err := r.For(t.Context(), test.url)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), hidden) {
				t.Error(err)
			}
		})
	}
}

func TestAnAccessIsNeverPrinted(t *testing.T) {
	access, err := reader(t, secret("repository", "a", "url", repoURL, "password", "s3cret")).For(t.Context(), repoURL)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, access); strings.Contains(got, "s3cret") {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

func TestWhatCannotBeReadIsNotTakenForNothing(t *testing.T) {
	for _, resource := range []string{"secrets", "configmaps"} {
		client := fake.NewClientset()
		client.PrependReactor("*", resource, func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("forbidden") })
		r := &Reader{Client: client, Namespace: "argocd"}
		if _, err := r.For(t.Context(), repoURL); err == nil || !strings.Contains(err.Error(), "forbidden") || !strings.Contains(err.Error(), "argocd") {
			t.Errorf("%s: %v", resource, err)
		}
	}
	if _, err := reader(t).Keys(t.Context()); err == nil || !strings.Contains(err.Error(), "argocd-gpg-keys-cm has no keys") {
		t.Errorf("no keys: %v", err)
	}
}

func TestAGoogleServiceAccountGetsATokenForEachFetch(t *testing.T) {
	asked := 0
	google := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token": "google", "token_type": "Bearer", "expires_in": 3600}`)
	}))
	t.Cleanup(google.Close)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "me@example.com", "token_uri": google.URL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := reader(t, secret("repository", "a", "url", repoURL, "gcpServiceAccountKey", string(account)))
	for range 2 {
		access, err := r.For(t.Context(), repoURL)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&githttp.BasicAuth{Username: "me@example.com", Password: "google"}, access.HTTP); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	if asked != 2 {
		t.Errorf("%d tokens were asked for by two fetches", asked)
	}
}

func TestASecretLeavesNoFile(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	const address = "git@git.example.com:acme/config.git"
	hosts := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "argocd-ssh-known-hosts-cm"}, Data: map[string]string{"ssh_known_hosts": "# none\n"}}
	r := reader(t, secret("repo-creds", "a", "url", "git@git.example.com:acme", "sshPrivateKey", private, "proxy", "socks5://user:pass@proxy.example.com:1080"), hosts)
	access, err := r.For(t.Context(), address)
	if err != nil || access.SSH == nil || access.Socks.Host != "proxy.example.com:1080" {
		t.Fatalf("%+v, %v", access, err)
	}
	left, err := os.ReadDir(r.Scratch)
	if err != nil || len(left) > 0 {
		t.Errorf("files are left behind: %v, %v", left, err)
	}
}
