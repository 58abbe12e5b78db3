package mirror

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/tidegate/tidegate/generator/mirror/credentials"
)

// secret is one as Argo CD keeps it.
func secret(kind, name string, data map[string]string) *corev1.Secret {
	out := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: name, Labels: map[string]string{"argocd.argoproj.io/secret-type": kind}},
		Data:       map[string][]byte{},
	}
	for key, value := range data {
		out.Data[key] = []byte(value)
	}
	return out
}

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: name}, Data: data}
}

// following are options for a URL, with what Argo CD has.
func following(t testing.TB, repoURL string, objects ...runtime.Object) Options {
	dir := filepath.Join(t.TempDir(), "mirror")
	reader := &credentials.Reader{Client: fake.NewClientset(objects...), Namespace: "argocd", Scratch: Scratch(dir)}
	return Options{URL: repoURL, Branch: "main", Dir: dir, Access: reader.For, Timeout: 20 * time.Second}
}

// backend is git's own server, over HTTP, for the folder above a repository.
func backend(t testing.TB, u *upstream) http.Handler {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	return &cgi.Handler{
		Path: git, Args: []string{"http-backend"}, Stderr: io.Discard,
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(u.dir), "GIT_HTTP_EXPORT_ALL=1", "HOME=/dev/null"},
	}
}

// guarded lets in who has one of the Authorization headers.
func guarded(next http.Handler, user, password string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gotUser, gotPassword, _ := r.BasicAuth()
		if gotUser != user || gotPassword != password {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// certificate is a self-signed one for 127.0.0.1, with its key.
func certificate(t testing.TB, usage x509.ExtKeyUsage) (certPEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{usage}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// overTLS serves a handler with a certificate of its own; a client must show the other one, if there is one.
func overTLS(t testing.TB, handler http.Handler, certPEM, keyPEM, clientPEM string) *httptest.Server {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(certPEM), []byte(keyPEM))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	if clientPEM != "" {
		server.TLS.ClientAuth, server.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		server.TLS.ClientCAs.AppendCertsFromPEM([]byte(clientPEM))
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestARepositoryIsReadOverHTTPSWithWhatArgoCDHasForIt(t *testing.T) {
	remote := newUpstream(t, config)
	serverCert, serverKey := certificate(t, x509.ExtKeyUsageServerAuth)
	clientCert, clientKey := certificate(t, x509.ExtKeyUsageClientAuth)
	trusted := configMap("argocd-tls-certs-cm", map[string]string{"127.0.0.1": serverCert})
	for _, test := range []struct {
		name           string
		user, password string
		client         bool
		kind           string
		data           map[string]string
		others         []runtime.Object
		// want is part of the doubt; empty is none.
		want string
	}{
		{"a token", "x-access-token", "t0ken", false, "repository", map[string]string{"password": "t0ken"}, []runtime.Object{trusted}, ""},
		{"a user and a password", "me", "pass", false, "repository", map[string]string{"username": "me", "password": "pass"}, []runtime.Object{trusted}, ""},
		{"a template", "me", "pass", false, "repo-creds", map[string]string{"username": "me", "password": "pass"}, []runtime.Object{trusted}, ""},
		{"a client certificate", "me", "pass", true, "repository",
			map[string]string{"username": "me", "password": "pass", "tlsClientCertData": clientCert, "tlsClientCertKey": clientKey}, []runtime.Object{trusted}, ""},
		{"a server that is not verified", "me", "pass", false, "repository", map[string]string{"username": "me", "password": "pass", "insecure": "true"}, nil, ""},
		{"a wrong password", "me", "pass", false, "repository", map[string]string{"username": "me", "password": "s3cret"}, []runtime.Object{trusted}, "refuses the credentials (401)"},
		{"no credentials", "me", "pass", false, "cluster", map[string]string{"username": "me", "password": "pass"}, []runtime.Object{trusted}, "wants credentials (401)"},
		{"an unknown authority", "me", "pass", false, "repository", map[string]string{"username": "me", "password": "pass"}, nil, "certificate"},
		{"no client certificate", "me", "pass", true, "repository", map[string]string{"username": "me", "password": "pass"}, []runtime.Object{trusted}, "certificate required"},
		{"half a client certificate", "me", "pass", true, "repository", map[string]string{"username": "me", "password": "pass", "tlsClientCertData": clientCert},
			[]runtime.Object{trusted}, "Secret argocd/it: tlsClientCertData and tlsClientCertKey"},
		{"no certificate where there should be one", "me", "pass", false, "repository", map[string]string{"username": "me", "password": "pass"},
			[]runtime.Object{configMap("argocd-tls-certs-cm", map[string]string{"127.0.0.1": "x"})}, "ConfigMap argocd/argocd-tls-certs-cm: the certificates of 127.0.0.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			asks := ""
			if test.client {
				asks = clientCert
			}
			server := overTLS(t, guarded(backend(t, remote), test.user, test.password), serverCert, serverKey, asks)
			test.data["url"] = server.URL + "/upstream"
			options := following(t, server.URL+"/upstream", append(test.others, secret(test.kind, "it", test.data))...)
			var logged strings.Builder
			options.Log = slog.New(slog.NewTextHandler(&logged, nil))
			m := open(t, options)
			if test.want != "" {
				doubted(t, m, "", Outage, test.want)
			} else {
				updated(t, m)
				remote.commit(map[string]string{"README.md": test.name})
				if updated(t, m); served(m) != remote.head() {
					t.Errorf("%s is served, want %s", served(m), remote.head())
				}
			}
			said := logged.String() + m.State().Doubt
			for _, hidden := range []string{"t0ken", "s3cret", "PRIVATE KEY"} {
				if strings.Contains(said, hidden) {
					t.Errorf("%q is told: %s", hidden, said)
				}
			}
			left, err := os.ReadDir(Scratch(options.Dir))
			if err != nil || len(left) > 0 {
				t.Errorf("files are left behind: %v, %v", left, err)
			}
		})
	}
}

func TestARewrittenBranchIsFoundOverHTTPWithFewObjects(t *testing.T) {
	remote := newUpstream(t, config)
	for i := range 20 {
		remote.commit(map[string]string{"README.md": fmt.Sprint(i)})
	}
	server := httptest.NewServer(backend(t, remote))
	t.Cleanup(server.Close)
	options := following(t, server.URL+"/upstream")
	options.AllowHTTP = true
	m := open(t, options)
	good := updated(t, m).ID
	remote.git("reset", "--quiet", "--hard", "HEAD~10")
	remote.commit(map[string]string{"README.md": "elsewhere"})
	doubted(t, m, good, Rewritten)
	m.Accept(remote.head())
	updated(t, m)
}

// What another replica has made from a newer commit while this one was fetching would be taken for older than what this one
// knows, if this fails: it would be let go.
func TestContactIsWhenTheBranchWasAskedForHoweverLongTheFetchTakes(t *testing.T) {
	remote := newUpstream(t, config)
	real := backend(t, remote)
	var sent time.Time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
			// The branch was told before, and moves on.
			remote.commit(map[string]string{"README.md": rand.Text()})
			sent = time.Now()
		}
		real.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	options := following(t, server.URL+"/upstream")
	options.AllowHTTP = true
	m := open(t, options)
	for range 2 {
		before := time.Now()
		seen := remote.head()
		updated(t, m)
		if state := m.State(); state.Seen != seen || state.Contact.Before(before) || state.Contact.After(sent) {
			t.Errorf("contact at %s with %s, want between %s and %s with %s", state.Contact, state.Seen, before, sent, seen)
		}
	}
}

func TestAProxyIsUsedAndItsExceptionsAreNot(t *testing.T) {
	remote := newUpstream(t, config)
	server := httptest.NewServer(backend(t, remote))
	t.Cleanup(server.Close)
	var proxied atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied.Add(1)
		target, err := url.Parse(server.URL)
		if err != nil {
			t.Error(err)
		}
		httputil.NewSingleHostReverseProxy(target).ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	// No address of this machine is ever proxied by Go, so that the repository needs a name.
	named := "http://git.example.invalid/upstream"
	for _, test := range []struct {
		noProxy string
		want    bool
	}{{"", true}, {"other.invalid", true}, {"git.example.invalid", false}} {
		proxied.Store(0)
		options := following(t, named, secret("repository", "it", map[string]string{"url": named, "proxy": proxy.URL, "noProxy": test.noProxy}))
		options.AllowHTTP = true
		err := open(t, options).Update(t.Context())
		if (proxied.Load() > 0) != test.want || (err == nil) != test.want {
			t.Errorf("noProxy %q: %d requests through the proxy, %v", test.noProxy, proxied.Load(), err)
		}
	}
}

func TestCredentialsAreNotSentToAnotherServer(t *testing.T) {
	var sent atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { sent.Store(true) }))
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.String(), http.StatusFound)
	}))
	t.Cleanup(server.Close)
	options := following(t, server.URL+"/upstream")
	options.AllowHTTP = true
	doubted(t, open(t, options), "", Outage, "redirects to "+other.URL)
	if sent.Load() {
		t.Error("the other server was asked")
	}
}

// A token may stand in the URL, where a user would.
func TestATokenInTheURLIsSentAndNeverShown(t *testing.T) {
	const token = "ghp_0123456789"
	remote := newUpstream(t, config)
	serverCert, serverKey := certificate(t, x509.ExtKeyUsageServerAuth)
	trusted := configMap("argocd-tls-certs-cm", map[string]string{"127.0.0.1": serverCert})
	status := http.StatusOK
	server := overTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		guarded(backend(t, remote), token, "").ServeHTTP(w, r)
	}), serverCert, serverKey, "")
	var logged bytes.Buffer
	options := following(t, strings.Replace(server.URL, "https://", "https://"+token+"@", 1)+"/upstream/.git", trusted)
	options.Log = slog.New(slog.NewTextHandler(&logged, nil))
	m := open(t, options)
	good := updated(t, m).ID
	hidden := func() {
		t.Helper()
		state, err := os.ReadFile(filepath.Join(options.Dir, stateFile))
		if err != nil {
			t.Fatal(err)
		}
		if text := m.State().Doubt + string(state) + logged.String(); strings.Contains(text, token) {
			t.Errorf("the token is shown:\n%s", text)
		}
	}
	for _, status = range []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusBadGateway} {
		doubted(t, m, good, Outage, fmt.Sprint(status))
		hidden()
	}
	server.Close()
	doubted(t, m, good, Outage, "connection refused")
	hidden()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if m = open(t, options); served(m) != good {
		t.Errorf("%q is served after a restart, want %s", served(m), good)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	options.URL += "x"
	m = open(t, options)
	if doubted(t, m, "", Outage); strings.Contains(m.State().Doubt+logged.String(), token) {
		t.Errorf("the token is shown:\n%s", logged.String())
	}
}

func TestAServerMayMoveARepositoryToAnotherPath(t *testing.T) {
	remote := newUpstream(t, config)
	real := backend(t, remote)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/old"); ok {
			http.Redirect(w, r, "/upstream"+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
			return
		}
		real.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	options := following(t, server.URL+"/old")
	options.AllowHTTP = true
	updated(t, open(t, options))
}

func TestAGitHubAppGetsATokenForEachFetch(t *testing.T) {
	remote := newUpstream(t, config)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	serverCert, serverKey := certificate(t, x509.ExtKeyUsageServerAuth)
	var tokens atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v3/app/installations/22/access_tokens", func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		tokens.Add(1)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"token": "installation", "expires_at": %q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
	})
	mux.Handle("/", guarded(backend(t, remote), "x-access-token", "installation"))
	server := overTLS(t, mux, serverCert, serverKey, "")
	repoURL := server.URL + "/upstream"
	m := open(t, following(t, repoURL, configMap("argocd-tls-certs-cm", map[string]string{"127.0.0.1": serverCert}),
		secret("repo-creds", "app", map[string]string{"url": server.URL, "githubAppID": "11", "githubAppInstallationID": "22",
			"githubAppPrivateKey": private, "githubAppEnterpriseBaseUrl": server.URL + "/api/v3/"})))
	for want := range int64(3) {
		updated(t, m)
		if tokens.Load() != want+1 {
			t.Errorf("%d tokens were asked for by fetch %d: one is kept", tokens.Load(), want+1)
		}
	}
}

// overSSH serves a repository to who has the key, and returns the address and a line for known hosts.
func overSSH(t testing.TB, key ssh.PublicKey) (address, knownHosts string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	host, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() != "git" || string(offered.Marshal()) != string(key.Marshal()) {
			return nil, fmt.Errorf("another key")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go serveSSH(connection, config)
		}
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String(), fmt.Sprintf("# a comment\n[127.0.0.1]:%s %s", port, ssh.MarshalAuthorizedKey(host.PublicKey()))
}

// serveSSH runs git-upload-pack, as sshd would, with a shell.
func serveSSH(connection net.Conn, config *ssh.ServerConfig) {
	_, channels, requests, err := ssh.NewServerConn(connection, config)
	if err != nil {
		_ = connection.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		for request := range requests {
			if request.Type != "exec" {
				_ = request.Reply(false, nil)
				continue
			}
			_ = request.Reply(true, nil)
			command := exec.Command("sh", "-c", string(request.Payload[4:]))
			command.Stdout, command.Stderr = channel, channel.Stderr()
			in, err := command.StdinPipe()
			if err != nil || command.Start() != nil {
				return
			}
			go func() { _, _ = io.Copy(in, channel) }()
			status := []byte{0, 0, 0, 0}
			if command.Wait() != nil {
				status[3] = 1
			}
			_, _ = channel.SendRequest("exit-status", false, status)
			_ = channel.Close()
		}
	}
}

func sshKey(t testing.TB) (ssh.PublicKey, string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(block))
}

func TestARepositoryIsReadOverSSH(t *testing.T) {
	remote := newUpstream(t, config)
	key, private := sshKey(t)
	_, otherPrivate := sshKey(t)
	address, known := overSSH(t, key)
	_, otherKnown := overSSH(t, key)
	_, port, _ := net.SplitHostPort(address)
	_, otherPort, _ := net.SplitHostPort(strings.Fields(strings.Split(otherKnown, "\n")[1])[0])
	impostor := strings.Replace(otherKnown, ":"+otherPort, ":"+port, 1)
	hosts := func(lines string) runtime.Object {
		return configMap("argocd-ssh-known-hosts-cm", map[string]string{"ssh_known_hosts": lines})
	}
	for _, test := range []struct {
		name, private, insecure string
		hosts                   runtime.Object
		path, want              string
	}{
		{"a known host", private, "", hosts(known), remote.dir, ""},
		{"a host that need not be known", private, "true", hosts("# none"), remote.dir, ""},
		{"a path with a quote", private, "", hosts(known), remote.dir + "/it's-not-here", "it's-not-here"},
		{"an unknown host", private, "", hosts("# none"), remote.dir, "key is unknown"},
		{"another host's key", private, "", hosts(impostor), remote.dir, "key mismatch"},
		{"known hosts that cannot be read", private, "", hosts("example.com ssh-rsa\n"), remote.dir, "ConfigMap argocd/argocd-ssh-known-hosts-cm, ssh_known_hosts"},
		{"no known hosts", private, "", configMap("other", nil), remote.dir, "ConfigMap argocd/argocd-ssh-known-hosts-cm has no ssh_known_hosts"},
		{"another key", otherPrivate, "", hosts(known), remote.dir, "unable to authenticate"},
		{"no key", "", "", hosts(known), remote.dir, "has an sshPrivateKey for ssh://"},
		{"something else than a key", "x", "", hosts(known), remote.dir, "Secret argocd/it: sshPrivateKey"},
	} {
		t.Run(test.name, func(t *testing.T) {
			repoURL := "ssh://git@" + address + test.path
			options := following(t, repoURL, test.hosts,
				secret("repository", "it", map[string]string{"url": repoURL, "sshPrivateKey": test.private, "insecureIgnoreHostKey": test.insecure}))
			m := open(t, options)
			if test.want != "" {
				doubted(t, m, "", Outage, test.want)
			} else {
				updated(t, m)
				remote.commit(map[string]string{"README.md": test.name})
				if updated(t, m); served(m) != remote.head() {
					t.Errorf("%s is served, want %s", served(m), remote.head())
				}
			}
			left, err := os.ReadDir(Scratch(options.Dir))
			if err != nil || len(left) > 0 {
				t.Errorf("files are left behind: %v, %v", left, err)
			}
		})
	}
}

// silent is a server that accepts connections, says the beginning and then nothing more. When it has been heard, asked is
// closed.
func silent(t testing.TB, beginning string) (address string, asked chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	asked = make(chan struct{})
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = connection.Read(make([]byte, 1))
		_, _ = io.WriteString(connection, beginning)
		close(asked)
		_, _ = io.Copy(io.Discard, connection)
	}()
	return listener.Addr().String(), asked
}

func TestAConnectionThatEndsIsNoEmptyRepository(t *testing.T) {
	for _, said := range []string{"", "001e# service=git-upload-pack\n", "001e# service=git-upload-pack\n0000", "001e# service=git-upload-pack\n00000"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			_, _ = io.WriteString(w, said)
		}))
		t.Cleanup(server.Close)
		options := following(t, server.URL+"/upstream")
		options.AllowHTTP = true
		doubted(t, open(t, options), "", Outage)
	}
}

func TestAServerThatHangsIsGivenUp(t *testing.T) {
	_, private := sshKey(t)
	for _, test := range []struct{ name, scheme, beginning string }{
		{"over HTTP, before an answer", "http://", ""},
		{"over HTTP, within the references", "http://", "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nContent-Length: 1000\r\n\r\n001e# service=git-upload-pack\n"},
		{"over SSH, before the handshake", "ssh://git@", ""},
		{"over SSH, within the handshake", "ssh://git@", "SSH-2.0-silent\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			address, asked := silent(t, test.beginning)
			repoURL := test.scheme + address + "/repo"
			options := following(t, repoURL, secret("repository", "it", map[string]string{"url": repoURL, "sshPrivateKey": private, "insecure": "true"}))
			if test.scheme == "http://" {
				options = following(t, repoURL)
			}
			options.AllowHTTP = true
			m := open(t, options)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-asked
				cancel()
			}()
			if err := m.Update(ctx); err == nil {
				t.Error("there was an answer")
			}
			if m.State().Reason != Unread {
				t.Errorf("the end of the process is no outage: %+v", m.State())
			}
			other, _ := silent(t, test.beginning)
			m.endpoint.Port = 0
			if _, port, err := net.SplitHostPort(other); err == nil {
				_, err = fmt.Sscan(port, &m.endpoint.Port)
				if err != nil {
					t.Fatal(err)
				}
			}
			m.options.Timeout = time.Millisecond
			doubted(t, m, "", Outage, "it took longer than 1ms")
		})
	}
}
