package credentials

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/argoproj/argo-cd/v2/common"
	"github.com/argoproj/argo-cd/v2/util/cert"
	"github.com/argoproj/argo-cd/v2/util/git"
	"github.com/argoproj/argo-cd/v2/util/proxy"
	"github.com/bradleyfalzon/ghinstallation/v2"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// tokenUser is the user name of a token that has none.
	tokenUser = "x-access-token"
	gitHubAPI = "https://api.github.com"
	googleAPI = "https://www.googleapis.com/auth/cloud-platform"
)

func (r *Reader) overHTTP(ctx context.Context, found *repository, repoURL string) (*Access, error) {
	access := &Access{}
	var err error
	if access.TLS, err = r.trust(ctx, found, repoURL); err != nil {
		return nil, err
	}
	if found.Proxy != "" {
		if _, err := parseProxy(found); err != nil {
			return nil, err
		}
	}
	access.Proxy = proxy.GetCallback(found.Proxy, found.NoProxy)
	if found.bearerToken != "" {
		access.HTTP = &githttp.TokenAuth{Token: found.bearerToken}
		return access, nil
	}
	// Argo CD's GetGitCreds says which of several credentials counts. It is given no client certificate: of its types, those
	// with one write it to files, and ours is in the TLS configuration already.
	plain := found.Repository
	plain.TLSClientCertData, plain.TLSClientCertKey = "", ""
	caught := &catching{}
	switch credentials := plain.GetGitCreds(caught).(type) {
	case git.GitHubAppCreds:
		access.HTTP, err = r.gitHubApp(ctx, found, access)
	case git.GoogleCloudCreds:
		access.HTTP, err = googleCloud(ctx, found, access)
	case git.SSHCreds:
		err = fmt.Errorf("%s holds an SSH key, and the repository's URL is %s", found.from, Shown(repoURL))
	case git.HTTPSCreds:
		// Its environment is what it would give the git program; the store is where it leaves what matters here.
		if _, _, err = credentials.Environ(); err == nil {
			access.HTTP = &githttp.BasicAuth{Username: caught.username, Password: caught.password}
		}
	}
	return access, err
}

// catching is a store of Argo CD's credential types. They complete what it is handed: a token has no user name.
type catching struct{ username, password string }

func (c *catching) Add(username, password string) string {
	c.username, c.password = username, password
	return ""
}

func (c *catching) Remove(string)           {}
func (c *catching) Environ(string) []string { return nil }

// trust is how the server is verified, and how the client shows itself.
func (r *Reader) trust(ctx context.Context, found *repository, repoURL string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: found.IsInsecure()}
	if found.TLSClientCertData != "" || found.TLSClientCertKey != "" {
		pair, err := tls.X509KeyPair([]byte(found.TLSClientCertData), []byte(found.TLSClientCertKey))
		if err != nil {
			return nil, fmt.Errorf("%s: tlsClientCertData and tlsClientCertKey are no certificate with its key, both in PEM: %w", found.from, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	host, err := hostOf(repoURL)
	if err != nil || config.InsecureSkipVerify {
		return config, err
	}
	trusted, err := r.configMap(ctx, common.ArgoCDTLSCertsConfigMapName)
	if err != nil || trusted[host] == "" {
		return config, err
	}
	certificates, err := cert.ParseTLSCertificatesFromData(trusted[host])
	if err == nil && len(certificates) == 0 {
		err = errors.New("there is none")
	}
	if err != nil {
		return nil, fmt.Errorf("ConfigMap %s/%s: the certificates of %s: %w", r.Namespace, common.ArgoCDTLSCertsConfigMapName, host, err)
	}
	// As for Argo CD, they replace those of the system.
	config.RootCAs = cert.GetCertPoolFromPEMData(certificates)
	return config, nil
}

// configMap is the data of a ConfigMap; one that is missing is empty.
func (r *Reader) configMap(ctx context.Context, name string) (map[string]string, error) {
	found, err := r.Client.CoreV1().ConfigMaps(r.Namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading ConfigMap %s/%s: %w", r.Namespace, name, err)
	}
	return found.Data, nil
}

// parseProxy keeps a password in the proxy's URL out of the error.
func parseProxy(found *repository) (*url.URL, error) {
	parsed, err := url.Parse(found.Proxy)
	if err != nil || parsed.Host == "" {
		return nil, fmt.Errorf("%s: proxy is no URL such as https://proxy.example.com:3128", found.from)
	}
	return parsed, nil
}

// transport sends requests for a token the way that those for the repository go. Its connections end with it.
func (a *Access) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: a.TLS.Clone(), Proxy: a.Proxy, DisableKeepAlives: true}
}

// gitHubApp asks GitHub for a token of the installation, with the library that Argo CD's GitHubAppCreds uses. That type
// itself would keep the app's private key in a cache of the process for an hour, write client certificates to files, and
// look for the certificates of GitHub Enterprise in files that are not mounted here.
func (r *Reader) gitHubApp(ctx context.Context, found *repository, access *Access) (githttp.AuthMethod, error) {
	base := strings.TrimSuffix(found.GitHubAppEnterpriseBaseURL, "/")
	if base == "" {
		base = gitHubAPI
	}
	trust, err := r.trust(ctx, found, base)
	if err != nil {
		return nil, err
	}
	app, err := ghinstallation.New((&Access{TLS: trust, Proxy: access.Proxy}).transport(),
		found.GithubAppId, found.GithubAppInstallationId, []byte(found.GithubAppPrivateKey))
	if err != nil {
		return nil, fmt.Errorf("%s: githubAppPrivateKey is no private key: %w", found.from, err)
	}
	app.BaseURL = base
	token, err := app.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: a token for the installation %d of GitHub App %d: %w",
			found.from, found.GithubAppInstallationId, found.GithubAppId, err)
	}
	return &githttp.BasicAuth{Username: tokenUser, Password: token}, nil
}

// googleCloud asks Google for a token, as Argo CD's GoogleCloudCreds does, which would keep what it gets for good.
func googleCloud(ctx context.Context, found *repository, access *Access) (githttp.AuthMethod, error) {
	account, err := google.JWTConfigFromJSON([]byte(found.GCPServiceAccountKey), googleAPI)
	if err != nil {
		return nil, fmt.Errorf("%s: gcpServiceAccountKey is no service account's key in JSON", found.from)
	}
	client := &http.Client{Transport: (&Access{TLS: &tls.Config{MinVersion: tls.VersionTLS12}, Proxy: access.Proxy}).transport()}
	token, err := account.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, client)).Token()
	if err != nil {
		return nil, fmt.Errorf("%s: a token for %s: %w", found.from, account.Email, err)
	}
	return &githttp.BasicAuth{Username: account.Email, Password: token.AccessToken}, nil
}
