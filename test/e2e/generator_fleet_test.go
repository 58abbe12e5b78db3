//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/test/controlplane"
)

// services is the ApplicationSet of the tests of the generator. It polls once an hour: whatever happens in a test, the
// generator has had Argo CD ask.
const services = "tidegate-services"

// guarded is a control plane with services that are a ConfigMap each: in staging they are synced by themselves, in production
// by humans.
type guarded struct {
	*suite
	// audit has every Application that was deleted, and may are those that may have been.
	audit *controlplane.Audit
	may   *[]string
}

// environments of the fleet. The first two are on the cluster that Argo CD runs in.
const environments = `
  - name: dev
    applicationName: "{service}-{environment}"
    clusterSelector: {matchLabels: {tier: nonproduction}}
  - name: staging
    clusterSelector: {matchLabels: {tier: nonproduction}}
  - name: production
    clusterSelector: {matchLabels: {tier: production}}
    syncPolicy: {syncOptions: [CreateNamespace=true]}
`

// startFleet starts a control plane with services, each in its environments.
func startFleet(t *testing.T, options controlplane.Options, environments string, services map[string][]string) *guarded {
	t.Helper()
	s := start(t, options)
	f := &guarded{suite: s, may: new([]string)}
	var err error
	f.audit, err = s.Staging.Audit()
	s.must(err)
	s.must(s.DefaultProject(s.Context()))
	// Of many Applications that make one namespace at a time, all but one fail.
	for _, environment := range []string{"dev", "staging"} {
		s.namespace(s.Staging, "fleet-"+environment)
	}
	for _, environment := range []string{"production", "edge"} {
		s.namespace(s.Production, "fleet-"+environment)
	}
	s.must(s.Repository.Remove("services"))
	f.platform(environments)
	for name, in := range services {
		f.add(name, in...)
	}
	f.push("A fleet")
	f.must(s.Staging.ApplyFile(s.Context(), "manifests/applicationset.yaml", "requeueAfterSeconds: 180", "requeueAfterSeconds: 3600"))
	return f
}

// platform writes tidegate.yaml.
func (f *guarded) platform(environments string, more ...string) {
	f.Helper()
	f.must(f.Repository.Write("tidegate.yaml", fmt.Sprintf(`apiVersion: tidegate.dev/v1alpha1
kind: Platform
defaults:
  project: default
  repoURL: %q
  targetRevision: main
  syncPolicy: {automated: {prune: true, selfHeal: true}, syncOptions: [CreateNamespace=true]}
%s
environments: %s`, f.Repository.URL, strings.Join(more, "\n"), environments)))
}

// add writes a service.
func (f *guarded) add(name string, environments ...string) {
	f.Helper()
	for _, environment := range environments {
		dir := overlay(name, environment)
		f.must(f.Repository.Write(dir+"/kustomization.yaml", "namespace: fleet-"+environment+"\nresources: [configmap.yaml]\n"))
		f.must(f.Repository.Write(dir+"/configmap.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "+name+"}\n"))
	}
}

func overlay(service, environment string) string {
	return path.Join("services", service, "overlays", environment)
}

// drop removes files or folders.
func (f *guarded) drop(paths ...string) {
	f.Helper()
	for _, one := range paths {
		f.must(f.Repository.Remove(one))
	}
}

// shipped is the ApplicationSet as it is shipped.
func (f *guarded) shipped() *controlplane.Object {
	f.Helper()
	root, err := controlplane.Root()
	f.must(err)
	content, err := os.ReadFile(path.Join(root, "manifests", "applicationset.yaml"))
	f.must(err)
	return f.manifests(string(content))[0]
}

// part runs a part of a test. Whatever it does, no Application is deleted that may not be.
func (f *guarded) part(name string, run func(*guarded)) {
	f.Helper()
	f.suite.part(name, func(s *suite) {
		within := &guarded{suite: s, audit: f.audit, may: f.may}
		run(within)
		within.asks()
		within.nothingElseIsDeleted()
	})
}

// asks has Argo CD ask the generator, and do all that follows.
func (f *guarded) asks() {
	f.Helper()
	f.must(f.Generate(f.Context(), services))
}

// nothingElseIsDeleted fails the test if an Application was deleted that may not be, or if one was not that was to be.
func (f *guarded) nothingElseIsDeleted() {
	f.Helper()
	writes, err := f.audit.Writes(func(w controlplane.Write) bool {
		return w.Resource == "applications.argoproj.io" && (w.Verb == "delete" || w.Verb == "deletecollection") && w.Status < 300
	})
	f.must(err)
	var deleted []string
	for _, write := range writes {
		deleted = append(deleted, write.Name)
	}
	// Argo CD may ask for a deletion that is under way.
	slices.Sort(deleted)
	deleted = slices.Compact(deleted)
	may := slices.Compact(slices.Sorted(slices.Values(*f.may)))
	if diff := cmp.Diff(may, deleted); diff != "" {
		f.Fatalf("Applications were deleted (-may be +are):\n%s", diff)
	}
}

// goes waits until an Application is gone, which may be.
func (f *guarded) goes(names ...string) {
	f.Helper()
	*f.may = append(*f.may, names...)
	for _, name := range names {
		app := &v1alpha1.Application{}
		app.Namespace, app.Name = controlplane.Namespace, name
		f.untilGone("Application "+name, app)
	}
}

// comes waits until an Application is there, and returns its UID.
func (f *guarded) comes(name string) types.UID {
	f.Helper()
	var uid types.UID
	f.until("Application "+name+" is there", func(ctx context.Context) error {
		app, err := f.Application(ctx, name)
		uid = app.UID
		return err
	})
	return uid
}

// released syncs Applications of production as a human does.
func (f *guarded) released(names ...string) {
	f.Helper()
	for _, name := range names {
		f.comes(name)
		f.must(f.Sync(f.Context(), name))
	}
	f.untilReported("Synced", "Healthy", names...)
}

// served waits until the generator answers from a revision, and Argo CD has done what it was answered.
func (f *guarded) served(revision string) {
	f.Helper()
	f.until("the generator answers from "+revision, func(ctx context.Context) error { return f.Tidegate.Serves(ctx, revision) })
	f.asks()
}

// why waits until tidegate why says that an Application is in a state, and returns what it says.
func (f *guarded) why(name string, state guard.State, says ...string) *guard.Explanation {
	f.Helper()
	explanation := &guard.Explanation{}
	f.until(fmt.Sprintf("tidegate why says that %s is %s", name, state), func(ctx context.Context) error {
		output, err := f.Tidegate.Why(ctx, name, "--output=json")
		if err != nil {
			return err
		}
		*explanation = guard.Explanation{}
		if err := json.Unmarshal([]byte(output), explanation); err != nil {
			return controlplane.Never(err)
		}
		if explanation.State != state || !containsAll(strings.Join(explanation.Why, "\n"), says) {
			return fmt.Errorf("it says that it is %s, %q; want %s, %q", explanation.State, explanation.Why, state, says)
		}
		return nil
	})
	return explanation
}

func containsAll(text string, parts []string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}

// told are Events that a person has seen.
type told map[string]int32

func id(event corev1.Event) string { return string(event.UID) }

// events are the Events of the ApplicationSet until now.
func (f *guarded) events() told {
	f.Helper()
	events, err := f.EventsOf(f.Context(), "ApplicationSet", services)
	f.must(err)
	seen := told{}
	for _, event := range events {
		seen[id(event)] = event.Count
	}
	return seen
}

// tells waits until an Event of the ApplicationSet that was not seen before says all of this.
func (f *guarded) tells(seen told, reason string, says ...string) corev1.Event {
	f.Helper()
	var found corev1.Event
	f.until(fmt.Sprintf("an Event %s says %q", reason, says), func(ctx context.Context) error {
		events, err := f.EventsOf(ctx, "ApplicationSet", services)
		if err != nil {
			return err
		}
		var others []string
		for _, event := range events {
			if event.Count <= seen[id(event)] {
				continue
			}
			if event.Reason == reason && containsAll(event.Message, says) {
				found = event
				return nil
			}
			others = append(others, event.Reason+": "+event.Message)
		}
		return fmt.Errorf("the Events since then: %q", others)
	})
	return found
}

// command is the kubectl command in a text for people.
func (f *guarded) command(text string) string {
	f.Helper()
	_, after, found := strings.Cut(text, "kubectl ")
	line, _, _ := strings.Cut(after, "\n")
	if !found {
		f.Fatalf("no command is told: %s", text)
	}
	return "kubectl " + line
}

// unacknowledged waits until the ApplicationSet has no acknowledgement any more.
func (f *guarded) unacknowledged() {
	f.Helper()
	f.until("the acknowledgement is gone", func(ctx context.Context) error {
		set := &v1alpha1.ApplicationSet{}
		if err := f.Staging.Get(ctx, types.NamespacedName{Namespace: controlplane.Namespace, Name: services}, set); err != nil {
			return err
		}
		if value, has := set.Annotations["tidegate.dev/acknowledge-removal"]; has {
			return fmt.Errorf("it is still there: %s", value)
		}
		return nil
	})
}

// untouchedSince fails the test if Argo CD's ApplicationSet controller has written to Applications since an audit began.
func (f *guarded) untouchedSince(audit *controlplane.Audit, names ...string) {
	f.Helper()
	writes, err := audit.Writes(func(w controlplane.Write) bool {
		return w.Resource == "applications.argoproj.io" && slices.Contains(names, w.Name) &&
			w.User == controlplane.ServiceAccount("argocd-applicationset-controller")
	})
	f.must(err)
	if len(writes) > 0 {
		f.Errorf("Applications that are held were written to: %v", writes)
	}
}

// uids are those of Applications.
func (f *guarded) uids(names ...string) map[string]types.UID {
	f.Helper()
	out := map[string]types.UID{}
	for _, name := range names {
		out[name] = f.application(name).UID
	}
	return out
}

// same fails the test unless Applications are those that they were.
func (f *guarded) same(before map[string]types.UID) {
	f.Helper()
	for name, uid := range before {
		if now := f.application(name).UID; now != uid {
			f.Errorf("Application %s is another one", name)
		}
	}
}
