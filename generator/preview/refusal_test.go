package preview_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/preview"
	"github.com/tidegate/tidegate/manifests"
)

// edited is the shipped ApplicationSet of services with one text in the place of another.
func edited(t *testing.T, old, with string) []v1alpha1.ApplicationSet {
	t.Helper()
	if !bytes.Contains(manifests.Services, []byte(old)) {
		t.Fatalf("the manifest does not hold %q", old)
	}
	return shipped(t, bytes.Replace(manifests.Services, []byte(old), []byte(with), 1))
}

func TestAnErrorSaysWhatToChangeInTheApplicationSet(t *testing.T) {
	for _, test := range []struct{ name, old, with, want string }{
		{"a misspelt key", ".tidegate.project ", ".tidegate.projct ",
			`the template uses .tidegate.projct, and the parameter set of ledger-worker-staging has no "projct"; did you mean project?`},
		{"a misspelt key in templatePatch", "{{ .tidegate.syncPolicy }}", "{{ .tidegate.syncpolicy }}",
			`the template uses .tidegate.syncpolicy, and the parameter set of ledger-worker-staging has no "syncpolicy"; did you mean syncPolicy?`},
		{"a key of the cluster", ".tidegate.cluster.server", ".tidegate.cluster.url",
			`the template uses .tidegate.cluster.url, and the parameter set of ledger-worker-staging has no "url"; there are labels, name, server`},
		{"a key outside", ".tidegate.path ", ".path ",
			`the template uses .path, and the parameter set of ledger-worker-staging has no "path"; everything of it lies under .tidegate`},
		{"a label that not all clusters have", ".tidegate.path ", ".tidegate.cluster.labels.rollout ",
			`the template uses .tidegate.cluster.labels.rollout, and the parameter set of ledger-worker-staging has no "rollout"; where not all have it, use index, which gives nothing instead`},
		{"one name for all", "name: '{{ .tidegate.name }}'", "name: '{{ .tidegate.service }}'", `two Applications are named "ledger-worker": the template's name must differ for each parameter set, as .tidegate.name does
two Applications are named "payments-api": the template's name must differ for each parameter set, as .tidegate.name does
two Applications are named "payments-api": the template's name must differ for each parameter set, as .tidegate.name does`},
		{"a service that is not there", "kind: services", "services: [payment-api]", `input.parameters.services[0]: there is no service "payment-api"; did you mean payments-api?`},
		{"an unknown input", "kind: services", "sevices: [payments-api]", `input.parameters.sevices: there is no such field; did you mean services?`},
		{"text instead of Go templates", "goTemplate: true", "goTemplate: false", "spec.goTemplate must be true: without it Argo CD makes text of lists and maps"},
		{"another generator", "- plugin:", "- list: {elements: [{a: b}]}\n    - plugin:", "spec.generators[0] is no plugin generator: what it yields cannot be known without a cluster"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := preview.Run(context.Background(), preview.Options{Answerer: example(t), ApplicationSets: edited(t, test.old, test.with)})
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff("ApplicationSet tidegate-services: "+test.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnApplicationHasOneOwner(t *testing.T) {
	sets := append(shipped(t, manifests.Services), shipped(t, manifests.Services)...)
	sets[1].Name = "copy"
	_, err := preview.Run(context.Background(), preview.Options{Answerer: example(t), ApplicationSets: sets, Services: []string{"ledger-worker"}, Environments: []string{"staging"}})
	if err == nil || err.Error() != `two ApplicationSets yield an Application "ledger-worker-staging": an Application has one owner` {
		t.Error(err)
	}
}

func TestAFileOfApplicationSetsIsReadStrictly(t *testing.T) {
	for _, test := range []struct{ name, old, with, want string }{
		{"a misspelt field", "goTemplateOptions:", "goTemplateOption:", `applicationset.yaml:13: spec.goTemplateOption: there is no such field; did you mean goTemplateOptions?`},
		{"a wrong type", "goTemplate: true", "goTemplate: [yes]", "applicationset.yaml:11: spec.goTemplate: want true or false, not a list"},
		{"none", "kind: ApplicationSet", "kind: ConfigMap", "applicationset.yaml holds no ApplicationSet"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := preview.ParseApplicationSets("applicationset.yaml", bytes.Replace(manifests.Services, []byte(test.old), []byte(test.with), 1))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestWhatTheGeneratorRefusesIsShownAsItSaidIt(t *testing.T) {
	refusing := answererFunc(func(context.Context, generator.Request) (*generator.Answer, error) {
		return nil, errors.New("tidegate.yaml:3: no field env")
	})
	_, err := preview.Run(context.Background(), preview.Options{Answerer: refusing, ApplicationSets: shipped(t, manifests.Services)})
	if err == nil || err.Error() != "ApplicationSet tidegate-services: tidegate.yaml:3: no field env" {
		t.Error(err)
	}
}

type answererFunc func(ctx context.Context, request generator.Request) (*generator.Answer, error)

func (f answererFunc) Answer(ctx context.Context, request generator.Request) (*generator.Answer, error) {
	return f(ctx, request)
}

func TestADifferenceIsShownFieldByField(t *testing.T) {
	generated := application(t, "payments-api-staging")
	written := *generated.DeepCopy()
	written.Spec.SyncPolicy.Retry.Limit = 5
	written.Spec.SyncPolicy.Automated = nil
	written.Spec.IgnoreDifferences = nil
	written.Annotations["team"] = "payments"
	// What means the same to Argo CD is no difference.
	options := written.Spec.SyncPolicy.SyncOptions
	options[0], options[1] = options[1], options[0]
	written.Status.Sync.Status = "Synced"
	comparisons, err := preview.Compare([]v1alpha1.Application{written}, []v1alpha1.Application{generated})
	if err != nil {
		t.Fatal(err)
	}
	report, differ := preview.Report(comparisons)
	want := `payments-api-staging: differs
  - metadata.annotations.team: payments
  + spec.ignoreDifferences: [{"group":"apps","jsonPointers":["/spec/replicas"],"kind":"Deployment","name":"payments-api"}]
  + spec.syncPolicy.automated.prune: true
  + spec.syncPolicy.automated.selfHeal: true
  - spec.syncPolicy.retry.limit: 5
  + spec.syncPolicy.retry.limit: 3
`
	if diff := cmp.Diff(want, report); diff != "" || differ != 1 {
		t.Errorf("%d differ\n%s", differ, diff)
	}
}

func TestProgressReachesTheEnd(t *testing.T) {
	var last [2]int
	run(t, preview.Options{Answerer: example(t), ApplicationSets: shipped(t, manifests.Services), Progress: func(_ string, done, total int) {
		last = [2]int{done, total}
	}})
	if last != [2]int{5, 5} {
		t.Errorf("ended at %v", last)
	}
}

func TestFinalizersThatAreNotWantedAreNotAdded(t *testing.T) {
	for _, application := range run(t, preview.Options{Answerer: example(t), ApplicationSets: shipped(t, manifests.ClusterConfig)}).Applications {
		if len(application.Finalizers) > 0 {
			t.Errorf("%s has %v: deleting it would delete namespaces", application.Name, application.Finalizers)
		}
	}
}

func TestANameThatTheAPIServerRefusesIsSaid(t *testing.T) {
	sets := edited(t, "name: '{{ .tidegate.name }}'", "name: '{{ .tidegate.name }}_x'")
	_, err := preview.Run(context.Background(), preview.Options{Answerer: example(t), ApplicationSets: sets, Services: []string{"ledger-worker"}, Environments: []string{"staging"}})
	if err == nil || !strings.HasPrefix(err.Error(), `ApplicationSet tidegate-services: "ledger-worker-staging_x" cannot be the name of an Application: a lowercase RFC 1123 subdomain must consist of`) {
		t.Error(err)
	}
}
