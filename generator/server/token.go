package server

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// Token tells what requests must carry as a bearer token.
type Token interface {
	// Token returns the token of this moment.
	Token() (string, error)
}

// TokenFile is a token in a file, such as a mounted Secret. It is read for every request, so that a changed Secret needs
// no restart: a few microseconds, where a comparison of modification times would miss changes.
type TokenFile string

// maxToken bounds what is read of a file that may be anything.
const maxToken = 64 << 10

// Token reads the file. White space around the token is not part of it.
func (t TokenFile) Token() (string, error) {
	file, err := os.Open(string(t))
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	token := string(bytes.TrimSpace(content))
	switch {
	case token == "":
		return "", fmt.Errorf("token file %s is empty: anybody could ask", string(t))
	case len(content) > maxToken:
		return "", fmt.Errorf("token file %s is larger than %d bytes", string(t), maxToken)
	case strings.ContainsAny(token, "\r\n"):
		return "", fmt.Errorf("token file %s has more than one line", string(t))
	}
	return token, nil
}

// FixedToken is a token that is known to the program.
type FixedToken string

// Token returns it.
func (t FixedToken) Token() (string, error) {
	if t == "" {
		return "", errors.New("the token is empty: anybody could ask")
	}
	return string(t), nil
}

// authorize checks the bearer token in a time that tells nothing about it.
func (s *Server) authorize(r *http.Request) *failure {
	want, err := s.token.Token()
	if err != nil {
		return failed(http.StatusServiceUnavailable, "the generator cannot read its token: %v", err)
	}
	scheme, got, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || got == "" {
		return failed(http.StatusUnauthorized, "a bearer token is needed: token in the ConfigMap that configMapRef names must refer to a key of a Secret, as $secret:key")
	}
	// Hashed first: the comparison would tell the length.
	wantSum, gotSum := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(strings.TrimSpace(got)))
	if subtle.ConstantTimeCompare(wantSum[:], gotSum[:]) != 1 {
		return failed(http.StatusUnauthorized, "this is not the generator's token: the Secret that the ConfigMap's token refers to and the file that the generator reads must hold the same")
	}
	return nil
}
