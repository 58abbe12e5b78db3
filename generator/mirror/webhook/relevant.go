package webhook

import (
	"net/url"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/util/git"
	gogs "github.com/gogits/go-gogs-client"
)

const heads = "refs/heads/"

func gogsPush(payload any) *push {
	p, ok := payload.(gogs.PushPayload)
	if !ok || p.Repo == nil {
		return nil
	}
	return &push{[]string{p.Repo.HTMLURL, p.Repo.CloneURL, p.Repo.SSHURL}, []string{p.Ref}}
}

// irrelevant says why what was pushed needs no fetch; empty where it does.
func (h *Handler) irrelevant(p *push) string {
	if p == nil {
		return "this is no push"
	}
	where := location(h.followed.URL())
	if where == "" || !slices.ContainsFunc(p.urls, func(u string) bool { return location(u) == where }) {
		return "another repository is followed"
	}
	branch := strings.TrimPrefix(h.followed.Branch(), heads)
	if branch != "" && branch != "HEAD" && !slices.Contains(p.refs, heads+branch) {
		return "another branch is followed"
	}
	return ""
}

// location is what all URLs of a repository have in common, whether it is read over https or SSH: host and path, as
// Argo CD's getWebUrlRegex compares them after its NormalizeGitURL.
func location(repoURL string) string {
	normal := git.NormalizeGitURL(repoURL)
	if !strings.Contains(normal, "://") {
		normal = "ssh://" + normal
	}
	parsed, err := url.Parse(normal)
	if normal == "ssh://" || err != nil {
		return ""
	}
	return parsed.Hostname() + "/" + strings.Trim(parsed.Path, "/")
}
