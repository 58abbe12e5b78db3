package webhook

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-playground/webhooks/v6/azuredevops"
	"github.com/go-playground/webhooks/v6/bitbucket"
	bitbucketserver "github.com/go-playground/webhooks/v6/bitbucket-server"
	"github.com/go-playground/webhooks/v6/github"
	"github.com/go-playground/webhooks/v6/gitlab"
	"github.com/go-playground/webhooks/v6/gogs"
)

// forge is a kind of server that sends webhooks.
type forge struct {
	name string
	// header is what tells its requests.
	header string
	// keys are those of argocd-secret without which nothing of it is believed.
	keys []string
	// parse verifies a request with the values of the keys and returns the payload.
	parse func(r *http.Request, secrets []string) (any, error)
}

// forges are Argo CD's (util/webhook), in its order: Gogs and Gitea send GitHub's header as well.
var forges = []*forge{
	{"Azure DevOps", "X-Vss-Activityid", []string{"webhook.azuredevops.username", "webhook.azuredevops.password"},
		func(r *http.Request, secrets []string) (any, error) {
			hook, err := azuredevops.New(azuredevops.Options.BasicAuth(secrets[0], secrets[1]))
			if err != nil {
				return nil, err
			}
			return hook.Parse(r, azuredevops.GitPushEventType)
		}},
	{"Gogs", "X-Gogs-Event", []string{"webhook.gogs.secret"},
		func(r *http.Request, secrets []string) (any, error) {
			hook, err := gogs.New(gogs.Options.Secret(secrets[0]))
			if err != nil {
				return nil, err
			}
			return hook.Parse(r, gogs.PushEvent)
		}},
	{"GitHub", "X-GitHub-Event", []string{"webhook.github.secret"},
		func(r *http.Request, secrets []string) (any, error) {
			hook, err := github.New(github.Options.Secret(secrets[0]))
			if err != nil {
				return nil, err
			}
			return hook.Parse(r, github.PushEvent, github.PingEvent)
		}},
	{"GitLab", "X-Gitlab-Event", []string{"webhook.gitlab.secret"},
		func(r *http.Request, secrets []string) (any, error) {
			hook, err := gitlab.New(gitlab.Options.Secret(secrets[0]))
			if err != nil {
				return nil, err
			}
			return hook.Parse(r, gitlab.PushEvents, gitlab.TagEvents, gitlab.SystemHookEvents)
		}},
	{"Bitbucket", "X-Hook-UUID", []string{"webhook.bitbucket.uuid"},
		func(r *http.Request, secrets []string) (any, error) {
			hook, err := bitbucket.New(bitbucket.Options.UUID(secrets[0]))
			if err != nil {
				return nil, err
			}
			return hook.Parse(r, bitbucket.RepoPushEvent)
		}},
	{"Bitbucket Server", "X-Event-Key", []string{"webhook.bitbucketserver.secret"},
		func(r *http.Request, secrets []string) (any, error) {
			hook, err := bitbucketserver.New(bitbucketserver.Options.Secret(secrets[0]))
			if err != nil {
				return nil, err
			}
			return hook.Parse(r, bitbucketserver.RepositoryReferenceChangedEvent, bitbucketserver.DiagnosticsPingEvent)
		}},
}

func forgeOf(header http.Header) *forge {
	at := slices.IndexFunc(forges, func(f *forge) bool { return header.Get(f.header) != "" })
	if at < 0 {
		return nil
	}
	return forges[at]
}

// values are the secrets of a forge. As for Argo CD, one that is $name stands for another key of the same Secret.
func (f *forge) values(data map[string][]byte) []string {
	out := make([]string, len(f.keys))
	for i, key := range f.keys {
		out[i] = strings.TrimSpace(string(data[key]))
		if name, reference := strings.CutPrefix(out[i], "$"); reference {
			out[i] = strings.TrimSpace(string(data[name]))
		}
	}
	return out
}

// configured refuses a forge whose secret is not known: the library would take its requests without looking.
func (f *forge) configured(data map[string][]byte) error {
	for i, value := range f.values(data) {
		if value == "" {
			return refuse(http.StatusForbidden, "webhooks of %s are not set up: argocd-secret has no %s", f.name, f.keys[i])
		}
	}
	return nil
}

// verify returns what was pushed. The library indexes what it has not measured, such as the signature of Bitbucket Server.
func (f *forge) verify(data map[string][]byte, r *http.Request) (what *push, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			what, err = nil, refuse(http.StatusBadRequest, "the webhook of %s is malformed", f.name)
		}
	}()
	payload, err := f.parse(r, f.values(data))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the webhook of %s: %v", f.name, err)
	}
	return pushOf(payload), nil
}

// push is what a payload says; nil is something else than a push.
type push struct {
	// urls are all by which the forge knows the repository.
	urls []string
	// refs are those that were pushed to, such as refs/heads/main.
	refs []string
}

// pushOf reads a payload, as Argo CD's affectedRevisionInfo does, but all of the references in it.
func pushOf(payload any) *push {
	switch p := payload.(type) {
	case azuredevops.GitPushEvent:
		out := &push{urls: []string{p.Resource.Repository.RemoteURL}}
		for _, update := range p.Resource.RefUpdates {
			out.refs = append(out.refs, update.Name)
		}
		return out
	case github.PushPayload:
		return &push{[]string{p.Repository.HTMLURL, p.Repository.CloneURL, p.Repository.SSHURL}, []string{p.Ref}}
	case gitlab.PushEventPayload:
		return &push{[]string{p.Project.WebURL, p.Project.GitHTTPURL, p.Project.GitSSHURL}, []string{p.Ref}}
	case gitlab.TagEventPayload:
		return &push{[]string{p.Project.WebURL, p.Project.GitHTTPURL, p.Project.GitSSHURL}, []string{p.Ref}}
	case bitbucket.RepoPushPayload:
		out := &push{urls: []string{p.Repository.Links.HTML.Href}}
		for _, change := range p.Push.Changes {
			out.refs = append(out.refs, heads+change.New.Name, heads+change.Old.Name)
		}
		return out
	case bitbucketserver.RepositoryReferenceChangedPayload:
		out := &push{urls: cloneLinks(p.Repository.Links)}
		for _, change := range p.Changes {
			out.refs = append(out.refs, change.Reference.ID)
		}
		return out
	}
	return gogsPush(payload)
}

// cloneLinks are the addresses of a Bitbucket Server repository, which the library leaves as they came.
func cloneLinks(links map[string]any) []string {
	var out []string
	all, _ := links["clone"].([]any)
	for _, one := range all {
		link, _ := one.(map[string]any)
		if href, ok := link["href"].(string); ok {
			out = append(out, href)
		}
	}
	return out
}
