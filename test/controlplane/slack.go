package controlplane

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
)

// Slack takes what Argo CD's notifications controller would send to Slack.
type Slack struct {
	mu       sync.Mutex
	messages []Message
}

// Message is one that was sent to Slack.
type Message struct{ Channel, Text string }

// Messages are those that came until now.
func (s *Slack) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// ServeHTTP is Slack's chat.postMessage.
func (s *Slack) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := `{"ok":true,"channel":"C1","ts":"1.1"}`
	if request.URL.Path != "/chat.postMessage" || request.FormValue("token") != slackToken {
		answer = `{"ok":false,"error":"invalid_auth"}`
	} else {
		s.mu.Lock()
		s.messages = append(s.messages, Message{request.FormValue("channel"), request.FormValue("text")})
		s.mu.Unlock()
	}
	_, _ = w.Write([]byte(answer)) // the sender may be gone
}

// slackToken is what Slack knows the bot by.
const slackToken = "a bot's token"

// openSlack starts a Slack.
func (r *run) openSlack() (*Slack, string) {
	slack := &Slack{}
	server := httptest.NewServer(slack)
	r.closers = append(r.closers, func() error {
		server.Close()
		return nil
	})
	return slack, server.URL + "/"
}

// configureNotifications has Argo CD tell of syncs as the manifests say, with a Slack of this control plane's own.
func (s *Stack) configureNotifications(ctx context.Context) error {
	if s.Slack == nil {
		s.Slack, s.slackURL = s.run.openSlack()
	}
	secret := &Object{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "argocd-notifications-secret"},
		"stringData": map[string]any{"slack-token": slackToken},
	}}
	if err := s.Staging.Apply(ctx, secret); err != nil {
		return err
	}
	const token = "token: $slack-token\n"
	return s.Staging.ApplyFile(ctx, "manifests/argocd-notifications-cm.yaml", token, token+"    apiURL: "+s.slackURL+"\n")
}
