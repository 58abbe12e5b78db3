//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/test/controlplane"
	"github.com/tidegate/tidegate/test/controlplane/simulate"
	"github.com/tidegate/tidegate/test/sets"
)

var update = flag.Bool("update", false, "rewrite the documents that suites make")

// ordering is a way to order a set, with a cluster of its own: nothing of another order makes it work.
type ordering struct {
	name    string
	waves   string
	byHand  bool
	cluster *controlplane.Cluster
}

// notHere are sets whose operator is neither real nor simulated on this cluster.
var notHere = []string{"rollout"}

// withOwnOperator are sets that bring the operator that others have from elsewhere. They are synced first, on clusters
// that have none.
var withOwnOperator = []string{"cert-manager", "sealed-secrets"}

// racing are sets whose custom resources are refused without waves, unless the API server has yet to notice the webhook
// that was applied just before.
var racing = []string{"cert-manager", "operator-with-webhook", "webhook-certificate"}

// A user loses a rollout that works at the first attempt if this fails. What Argo CD makes of the same sets without waves,
// and with the waves that people number by hand, is recorded beside it.
func TestDeadlocks(t *testing.T) {
	s := start(t, controlplane.Options{})
	byHand, err := s.AddCluster(t.Context(), "by-hand")
	s.must(err)
	orders := []ordering{
		{name: "planned", waves: "tiers", cluster: s.Staging},
		{name: "unplanned", waves: "off", cluster: s.Production},
		{name: "by-hand", waves: "off", byHand: true, cluster: byHand},
	}
	all, err := sets.All()
	s.must(err)
	all = slices.DeleteFunc(all, func(set sets.Set) bool { return slices.Contains(notHere, set.Name) })
	for _, order := range orders {
		s.prepare(order)
		for _, set := range all {
			s.must(s.commit(set, order))
		}
	}
	s.push("Sets")

	outcomes := map[string]outcome{}
	bring := func(set sets.Set) bool { return slices.Contains(withOwnOperator, set.Name) }
	s.try(outcomes, slices.DeleteFunc(slices.Clone(all), func(set sets.Set) bool { return !bring(set) }), orders)
	for _, order := range orders {
		s.operateElsewhere(order.cluster, true)
	}
	s.try(outcomes, slices.DeleteFunc(slices.Clone(all), bring), orders)

	s.Log("\n" + attempts(all, orders, outcomes))
	for _, set := range all {
		if got := outcomes[set.Name+"-planned"]; got.kind != firstAttempt {
			s.Errorf("%s with Tidegate's waves: %s", set.Name, got)
		}
		if got := outcomes[set.Name+"-unplanned"]; got.kind == stuck {
			s.Errorf("%s without waves: %s", set.Name, got)
		}
	}
	s.document(filepath.Join("docs", "first-attempt.md"), document(all, orders, outcomes))
}

// prepare makes a cluster what the sets expect to find.
func (s *suite) prepare(o ordering) {
	if o.cluster != s.Staging {
		s.must(o.cluster.TrustDeployer(s.Context()))
	}
	s.must(o.cluster.InstallCRDs(s.Context(), "external-secrets.io", "cert-manager.io"))
	s.operateElsewhere(o.cluster, false)
	store := s.object("external-secrets.io/v1", "ClusterSecretStore", "", "platform")
	store.Object["spec"] = map[string]any{"provider": map[string]any{"fake": map[string]any{}}}
	s.must(o.cluster.Apply(s.Context(), store))
}

// operateElsewhere has the operators of the sets that bring their own come from elsewhere, or not.
func (s *suite) operateElsewhere(cluster *controlplane.Cluster, elsewhere bool) {
	var definitions apiextensionsv1.CustomResourceDefinitionList
	s.must(cluster.List(s.Context(), &definitions))
	for _, definition := range definitions.Items {
		if group := definition.Spec.Group; group != "cert-manager.io" && group != "bitnami.com" {
			continue
		}
		var value any
		if elsewhere {
			value = simulate.Elsewhere
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{simulate.OperatorAnnotation: value}}})
		s.must(err)
		s.must(cluster.Patch(s.Context(), &definition, client.RawPatch("application/merge-patch+json", patch)))
	}
}

// commit writes a set into the repository, for a namespace of its own.
func (s *suite) commit(set sets.Set, o ordering) error {
	objects, err := renamed(set)
	if err != nil {
		return err
	}
	if o.byHand {
		sets.NumberByKind(objects)
	}
	text, err := manifest.YAML(objects)
	dir := "sets/" + o.name + "/" + set.Name
	return errors.Join(err, s.Repository.Write(dir+"/kustomization.yaml", "resources: [set.yaml]\n"), s.Repository.Write(dir+"/set.yaml", string(text)))
}

// renamed is a set in a namespace of its own.
func renamed(set sets.Set) ([]manifest.Object, error) {
	text, err := manifest.YAML(set.Objects)
	if err != nil {
		return nil, err
	}
	return sets.Parse(destination.ReplaceAll(text, []byte(": "+set.Name+"$1")))
}

// destination is the namespace of all sets as a value, or as the beginning of one.
var destination = regexp.MustCompile(`(?m): ` + sets.Namespace + `($|/)`)

// outcome is what came of a sync.
type outcome struct {
	kind    string
	retries int64
	// reason is what it waits for, or what failed.
	reason string
}

// Kinds of outcomes.
const (
	firstAttempt = "first attempt"
	afterRetries = "retries"
	stuck        = "stuck"
)

func (o outcome) String() string {
	switch {
	case o.kind == afterRetries:
		return fmt.Sprintf("%d retries", o.retries)
	case o.reason != "":
		return o.kind + ": " + o.reason
	}
	return o.kind
}

// trial is one set in one order.
type trial struct {
	set   sets.Set
	order ordering
	// seen is what it was like when it last moved.
	seen  string
	since time.Time
}

// try syncs sets in all orders at the same time, until each is over or stuck.
func (s *suite) try(outcomes map[string]outcome, tried []sets.Set, orders []ordering) {
	trials := map[string]*trial{}
	for _, set := range tried {
		for _, order := range orders {
			app := set.Name + "-" + order.name
			trials[app] = &trial{set: set, order: order}
			s.must(s.Deliver(s.Context(), s.deliveryOf(set, order, app)))
			s.must(s.Sync(s.Context(), app))
		}
	}
	s.until("all syncs are over or stuck", func(ctx context.Context) error {
		apps, err := s.Applications(ctx)
		if err != nil {
			return err
		}
		var busy []string
		for _, app := range slices.Sorted(maps.Keys(trials)) {
			got := apps[app]
			if out, over := trials[app].outcome(&got); over {
				outcomes[app] = out
				delete(trials, app)
			} else {
				busy = append(busy, controlplane.Synced(&got).Error())
			}
		}
		if len(busy) > 0 {
			return errors.New(strings.Join(busy, "\n"))
		}
		return nil
	})
}

func (s *suite) deliveryOf(set sets.Set, o ordering, app string) controlplane.Delivery {
	server := ""
	if o.cluster != s.Staging {
		server = o.cluster.Server
	}
	return controlplane.Delivery{
		Name: app, Path: "sets/" + o.name + "/" + set.Name, Namespace: set.Name, Server: server, Parameters: map[string]string{"waves": o.waves},
		Policy: &v1alpha1.SyncPolicy{
			SyncOptions: v1alpha1.SyncOptions{"CreateNamespace=true"},
			Retry:       &v1alpha1.RetryStrategy{Limit: 2, Backoff: &v1alpha1.Backoff{Duration: "3s"}},
		},
	}
}

// quiet is for how long nothing has moved when a sync is called stuck. The longest pause of one that goes on is that
// between two attempts, 3 s.
const quiet = 20 * time.Second

// outcome is what has come of a sync, if it is over, or, in an order that is not Tidegate's, does not move any more.
func (t *trial) outcome(app *v1alpha1.Application) (out outcome, over bool) {
	state := app.Status.OperationState
	if state == nil {
		return outcome{}, false
	}
	if now := fmt.Sprintf("%+v %+v", state, app.Status.Resources); now != t.seen {
		t.seen, t.since = now, time.Now()
	}
	switch {
	case state.Phase == common.OperationSucceeded && state.RetryCount == 0:
		return outcome{kind: firstAttempt}, true
	case state.Phase == common.OperationSucceeded:
		return outcome{kind: afterRetries, retries: state.RetryCount}, true
	case state.Phase.Completed() || t.order.name != "planned" && time.Since(t.since) > quiet:
		return outcome{kind: stuck, reason: reasonOf(state)}, true
	}
	return outcome{}, false
}

// waiting is what Argo CD says of an operation that waits: group/kind/name.
var waiting = regexp.MustCompile(`waiting for healthy state of [^/]*/(\w+)/([\w.-]+)`)

// reasonOf is why a sync does not succeed.
func reasonOf(state *v1alpha1.OperationState) string {
	if found := waiting.FindStringSubmatch(state.Message); found != nil {
		return "waits for " + found[1] + " " + found[2]
	}
	if state.SyncResult != nil {
		for _, r := range state.SyncResult.Resources {
			if r.Status == common.ResultCodeSyncFailed || r.HookPhase.Failed() {
				return r.Kind + " " + r.Name + ": " + r.Message
			}
		}
	}
	return state.Message
}

// attempts is the table for people who run the suite.
func attempts(all []sets.Set, orders []ordering, outcomes map[string]outcome) string {
	var out strings.Builder
	for _, set := range all {
		fmt.Fprintln(&out, set.Name)
		for _, order := range orders {
			fmt.Fprintf(&out, "  %-10s %s\n", order.name, outcomes[set.Name+"-"+order.name])
		}
	}
	return out.String()
}

// document is the table for readers. How many retries there were depends on how fast the machine is.
func document(all []sets.Set, orders []ordering, outcomes map[string]outcome) string {
	var out strings.Builder
	out.WriteString(intro)
	for _, set := range all {
		fmt.Fprintf(&out, "| [%s](../test/sets/%s.yaml) | %s |", set.Name, set.Name, linked(set.About))
		for _, order := range orders {
			got := outcomes[set.Name+"-"+order.name]
			text := got.kind
			switch {
			case got.kind == stuck:
				text = got.String()
			case order.name == "unplanned" && slices.Contains(racing, set.Name):
				text = "first attempt or retries[^1]"
			}
			fmt.Fprintf(&out, " %s |", strings.ReplaceAll(text, "|", `\|`))
		}
		out.WriteString("\n")
	}
	out.WriteString("\n" + race)
	return out.String()
}

const race = `[^1]: A race: custom resources are refused unless the API server has yet to notice the webhook that was applied a moment before.
`

const intro = `# At the first attempt

Sets of manifests that people report trouble with, each synced as one Application into an empty namespace of a real cluster,
by Argo CD 2.14.21: with Tidegate's waves, with none (Argo CD's own order of kinds), and with a wave for each kind, as people
number them by hand. ` + "`make e2e`" + ` makes this table, and fails when it is out of date.

*First attempt* is an operation that succeeds without a retry. Without waves that only says that everything was accepted: Argo
CD waits for nothing then, and whether anything runs is seen later. *Retries* need a ` + "`syncPolicy.retry`" + `. *Stuck* is an
operation that does not end, or whose retries all fail.

| set | what it is | Tidegate | no waves | a wave for each kind |
|---|---|---|---|---|
`

var report = regexp.MustCompile(`([\w.-]+/[\w.-]+)#(\d+)`)

// linked makes links of the reports that a text names.
func linked(text string) string {
	return report.ReplaceAllString(text, "[$0](https://github.com/$1/issues/$2)")
}

// document compares a file of the repository with what a suite has found.
func (s *suite) document(path, want string) {
	root, err := controlplane.Root()
	s.must(err)
	file := filepath.Join(root, path)
	if *update {
		s.must(os.WriteFile(file, []byte(want), 0o644))
	}
	got, err := os.ReadFile(file)
	s.must(err)
	if diff := cmp.Diff(string(got), want); diff != "" {
		s.Errorf("%s is out of date (-is +found; rewrite with -update):\n%s", path, diff)
	}
}
