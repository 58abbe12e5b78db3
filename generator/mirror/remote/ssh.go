package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/argoproj/argo-cd/v2/util/git"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
	"golang.org/x/net/proxy"

	"github.com/tidegate/tidegate/generator/mirror/credentials"
)

// overSSH runs git-upload-pack on the server. go-git's own client does not let the context end a handshake, and reads
// ~/.ssh/config.
type overSSH struct {
	client  *ssh.Client
	session *ssh.Session
	stop    func() bool
	in      io.WriteCloser
	out     io.Reader
	errors  *bytes.Buffer
	refs    *packp.AdvRefs
}

func openSSH(ctx context.Context, at Endpoint, access *credentials.Access, limit int64) (Session, error) {
	port := at.Port
	if port <= 0 {
		port = gitssh.DefaultPort
	}
	address := net.JoinHostPort(at.Host, strconv.Itoa(port))
	config, err := sshConfig(at, access, address)
	if err != nil {
		return nil, err
	}
	connection, err := dial(ctx, access, address)
	if err != nil {
		return nil, err
	}
	// All that waits for the server waits for this connection.
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	session, err := startSSH(connection, address, config, at.Path, limit)
	if err != nil {
		stop()
		return nil, errors.Join(because(ctx, err), ignoreClosed(connection.Close()))
	}
	session.stop = stop
	return session, nil
}

// because names the end of the context as the cause of an error that it made.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

func sshConfig(at Endpoint, access *credentials.Access, address string) (*ssh.ClientConfig, error) {
	user := at.User
	if user == "" {
		user = gitssh.DefaultUsername
	}
	// The key exchanges are Argo CD's.
	auth := &git.PublicKeysWithOptions{PublicKeys: gitssh.PublicKeys{User: user, Signer: access.SSH}}
	auth.HostKeyCallback = access.HostKey
	if auth.Signer == nil || auth.HostKeyCallback == nil {
		return nil, fmt.Errorf("%s is read over SSH, and there is no key for it, or nothing that says which server to trust", address)
	}
	config, err := auth.ClientConfig()
	if err == nil && access.HostKeyAlgorithms != nil {
		config.HostKeyAlgorithms = access.HostKeyAlgorithms(address)
	}
	return config, err
}

func dial(ctx context.Context, access *credentials.Access, address string) (net.Conn, error) {
	if access.Socks == nil {
		return (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	var auth *proxy.Auth
	if user := access.Socks.User; user != nil {
		password, _ := user.Password()
		auth = &proxy.Auth{User: user.Username(), Password: password}
	}
	// Argo CD takes every proxy of an SSH repository for a SOCKS5 one.
	dialer, err := proxy.SOCKS5("tcp", access.Socks.Host, auth, &net.Dialer{})
	if err != nil {
		return nil, err
	}
	return dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", address)
}

func startSSH(connection net.Conn, address string, config *ssh.ClientConfig, path string, limit int64) (*overSSH, error) {
	c, channels, requests, err := ssh.NewClientConn(connection, address, config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	s := &overSSH{client: ssh.NewClient(c, channels, requests), errors: &bytes.Buffer{}}
	if s.session, err = s.client.NewSession(); err != nil {
		return nil, err
	}
	s.session.Stderr = &short{s.errors}
	out, err := s.session.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.in, err = s.session.StdinPipe(); err != nil {
		return nil, err
	}
	s.out = &limited{out, limit}
	return s, s.session.Start(service + " '" + strings.ReplaceAll(path, "'", `'\''`) + "'")
}

// short keeps the beginning of what is written.
type short struct{ to *bytes.Buffer }

func (s *short) Write(p []byte) (int, error) {
	s.to.Write(p[:min(len(p), max(0, 500-s.to.Len()))])
	return len(p), nil
}

func (s *overSSH) Close() error {
	s.stop()
	return ignoreClosed(s.client.Close())
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *overSSH) References(ctx context.Context) (*packp.AdvRefs, error) {
	refs := packp.NewAdvRefs()
	if err := refs.Decode(s.out); err != nil {
		if errors.Is(err, packp.ErrEmptyAdvRefs) {
			return nil, err
		}
		return nil, because(ctx, s.explain(err))
	}
	s.refs = refs
	return refs, nil
}

func (s *overSSH) Pack(ctx context.Context, want plumbing.Hash, have []plumbing.Hash) (io.ReadCloser, error) {
	body, err := request(s.refs, want, have)
	if err != nil {
		return nil, err
	}
	if _, err := s.in.Write(body); err != nil {
		return nil, because(ctx, err)
	}
	pack, err := response(s.refs, s.out)
	if err != nil {
		return nil, because(ctx, err)
	}
	return io.NopCloser(pack), nil
}

// explain adds what the server said, which is complete when the session has ended.
func (s *overSSH) explain(err error) error {
	_ = s.in.Close()
	_ = s.session.Wait()
	if said := strings.TrimSpace(s.errors.String()); said != "" {
		return fmt.Errorf("the server says %.300q: %w", said, err)
	}
	return err
}
