// Package credentials finds what is needed to read a Git repository where Argo CD keeps it: in its repository and
// credential-template Secrets, and in its ConfigMaps of certificates and known hosts.
//
// It reads them whenever it is asked, and keeps nothing: no cache, no environment variable, and no file but the known hosts
// for the moment in which they are parsed. It never prints what it has found.
package credentials

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/argoproj/argo-cd/v2/util/git"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"golang.org/x/crypto/ssh"
	"k8s.io/client-go/kubernetes"
)

// Reader reads Argo CD's Secrets and ConfigMaps: it lists Secrets by label and gets ConfigMaps by name.
type Reader struct {
	Client kubernetes.Interface
	// Namespace is Argo CD's.
	Namespace string
	// Project is the AppProject whose repository Secrets may be used, too; those without a project always may.
	Project string
	// Scratch is a folder that can be written to; empty for the system's.
	Scratch string
}

// Access is what opens one repository, for as long as one fetch takes. The zero value is anonymous, and trusts what the
// system trusts.
type Access struct {
	// HTTP authenticates requests; nil for none.
	HTTP githttp.AuthMethod
	// TLS holds the certificates trusted, and the client's own; nil for the system's.
	TLS *tls.Config
	// Proxy chooses an HTTP proxy; nil for none.
	Proxy func(*http.Request) (*url.URL, error)
	// Socks is the SOCKS5 proxy of SSH; nil for none.
	Socks *url.URL
	// SSH authenticates an SSH connection; nil for none.
	SSH ssh.Signer
	// HostKey accepts the key of an SSH server, of which HostKeyAlgorithms are asked for; nil accepts none.
	HostKey           ssh.HostKeyCallback
	HostKeyAlgorithms func(hostPort string) []string
}

// String keeps an Access out of logs.
func (a *Access) String() string { return "credentials (hidden)" }

// GoString does, too.
func (a *Access) GoString() string { return a.String() }

// For returns what opens the repository of a URL. No Secret for it means that it is opened anonymously, as Argo CD does.
func (r *Reader) For(ctx context.Context, repoURL string) (*Access, error) {
	found, err := r.repository(ctx, repoURL)
	if err != nil {
		return nil, err
	}
	if isSSH, _ := git.IsSSHURL(repoURL); isSSH || hasScheme(repoURL, "ssh", "git+ssh") {
		return r.overSSH(ctx, found)
	}
	if hasScheme(repoURL, "https", "http") {
		return r.overHTTP(ctx, found, repoURL)
	}
	return &Access{}, nil
}

// Shown is a URL as it may be logged: its user may be a token. It need not be one that can be parsed.
func Shown(repoURL string) string {
	scheme, rest, ok := strings.Cut(repoURL, "://")
	if !ok || scheme == "ssh" || scheme == "git+ssh" {
		return repoURL
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	return scheme + "://" + rest[strings.LastIndex(authority, "@")+1:]
}

func hasScheme(repoURL string, schemes ...string) bool {
	parsed, err := url.Parse(repoURL)
	for _, scheme := range schemes {
		if err == nil && parsed.Scheme == scheme {
			return true
		}
	}
	return false
}

// hostOf is the host of a URL without its port: the key of its certificates.
func hostOf(repoURL string) (string, error) {
	parsed, err := url.Parse(repoURL)
	if err != nil {
		return "", fmt.Errorf("the repository's URL, %s, cannot be parsed", Shown(repoURL))
	}
	if host, _, err := net.SplitHostPort(parsed.Host); err == nil {
		return host, nil
	}
	return parsed.Hostname(), nil
}
