package incluster

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"github.com/argoproj/argo-cd/v2/common"
	"github.com/argoproj/argo-cd/v2/util/git"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"

	"github.com/tidegate/tidegate/generator/leader"
	"github.com/tidegate/tidegate/generator/mirror"
	"github.com/tidegate/tidegate/generator/mirror/credentials"
	"github.com/tidegate/tidegate/generator/mirror/webhook"
	"github.com/tidegate/tidegate/generator/supersede"
)

// openSource opens the mirror, with credentials where Argo CD keeps them, or takes the source that is given.
func (g *Generator) openSource() error {
	if g.Mirror.URL == "" {
		g.source = g.Source
		return nil
	}
	options := g.Mirror
	reader := &credentials.Reader{
		Client: g.kube, Namespace: g.Namespace, Project: g.RepositoryProject, Scratch: mirror.Scratch(options.Dir),
	}
	options.Access, options.Log = reader.For, g.Log
	if g.VerifySignatures {
		options.Keys = reader.Keys
	}
	g.herald = &herald{
		leases: g.kube.CoordinationV1().Leases(g.Namespace), lease: leader.DefaultLease, log: g.Log, source: sourceOf(options.Branch, options.URL),
	}
	options.Witness = g.herald.witness
	var err error
	if g.mirror, err = mirror.Open(options); err != nil {
		return err
	}
	g.herald.state, g.herald.fetch, g.herald.follows = g.mirror.State, g.mirror.Fetch, g.mirror.Follows
	g.source = g.mirror
	return nil
}

// Webhook takes what a forge sends; nil without a mirror.
func (g *Generator) Webhook() http.Handler {
	if g.mirror == nil {
		return nil
	}
	return webhook.New(g.mirror, g.secrets, g.Log)
}

// secrets are those of Argo CD's webhooks.
func (g *Generator) secrets(ctx context.Context) (map[string][]byte, error) {
	secret, err := g.kube.CoreV1().Secrets(g.Namespace).Get(ctx, common.ArgoCDSecretName, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return secret.Data, nil
}

func (g *Generator) newReleaser(events record.EventRecorder) *supersede.Releaser {
	return supersede.New(supersede.Options{
		Policy: *g.Supersede, Client: g.argo, Repository: &followed{Mirror: g.mirror, log: g.Log}, Events: events,
		Projects: supersede.LiveProjects{
			Projects: g.argo.ArgoprojV1alpha1().AppProjects(g.Namespace), Settings: g.kube.CoreV1().ConfigMaps(g.Namespace),
		},
		Metrics: supersede.NewMetrics(g.Registry), Log: g.Log,
	})
}

// followed is the mirror as those see it who ask what an Application follows.
type followed struct {
	*mirror.Mirror
	log *slog.Logger
	// told are the sources of which the log has been told that they are others.
	told sync.Map
}

// Newest is the newest revision of what a source follows; empty where that is not what is mirrored.
func (f *followed) Newest(repoURL, targetRevision string) string {
	same := targetRevision == f.Branch() || isDefault(targetRevision) && isDefault(f.Branch())
	if !same || git.NormalizeGitURLAllowInvalid(repoURL) != git.NormalizeGitURLAllowInvalid(f.URL()) {
		if _, known := f.told.LoadOrStore(repoURL+" "+targetRevision, true); !known {
			f.log.Warn("Applications follow what is not mirrored: which of its revisions is the newest is known only as soon as Argo CD looks for itself; "+
				"write repoURL and targetRevision as --repo-url and --revision", "repoURL", credentials.Shown(repoURL), "targetRevision", targetRevision)
		}
		return ""
	}
	return f.State().Revision
}

// Doubt is why what the mirror has may not be the truth.
func (f *followed) Doubt() string { return f.State().Doubt }

// isDefault tells whether a revision is the repository's own branch.
func isDefault(revision string) bool { return revision == "" || revision == "HEAD" }
