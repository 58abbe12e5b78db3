package guard

import (
	"context"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/tidegate/tidegate/generator/live"
)

// Offline is a namespace with nothing in it but ApplicationSets that have just been applied.
func Offline(sets []v1alpha1.ApplicationSet) Live {
	out := make(offline, len(sets))
	for i, set := range sets {
		out[i] = live.ApplicationSet{Name: set.Name, Annotations: set.Annotations, Spec: set.Spec}
	}
	slices.SortFunc(out, func(a, b live.ApplicationSet) int { return strings.Compare(a.Name, b.Name) })
	return out
}

type offline []live.ApplicationSet

func (o offline) ApplicationSets() []live.ApplicationSet { return o }

func (o offline) ApplicationSet(_ context.Context, name string) (*live.ApplicationSet, error) {
	at := slices.IndexFunc(o, func(set live.ApplicationSet) bool { return set.Name == name })
	if at < 0 {
		return nil, nil
	}
	return &o[at], nil
}

func (offline) Applications(context.Context) (*live.Listing, error) {
	return live.NewListing(nil, nil), nil
}
func (offline) Complete(context.Context) (bool, error)                             { return false, nil }
func (offline) Seen(string) ([]live.Application, bool)                             { return nil, false }
func (offline) Taken(string) map[string]string                                     { return nil }
func (offline) Projects() map[string]bool                                          { return nil }
func (offline) Annotate(context.Context, string, string, map[string]*string) error { return nil }
