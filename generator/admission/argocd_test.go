package admission_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/argoproj/argo-cd/v2/applicationset/controllers/template"
	"github.com/argoproj/argo-cd/v2/applicationset/generators"
	"github.com/argoproj/argo-cd/v2/applicationset/utils"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	log "github.com/sirupsen/logrus"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/manifests"
)

// argocd does with answers what Argo CD's ApplicationSet controller does: its own code makes Applications of the parameter
// sets, with the template that is shipped; then those of new names are created, others updated, and what is live under a name
// that is not among them is deleted (createOrUpdateInCluster, deleteInCluster). That it does the same as the controller itself is
// looked at in some of the sequences.
type argocd struct {
	set  v1alpha1.ApplicationSet
	apps map[string]*application
	// missing are the servers of clusters that Argo CD does not have.
	missing map[string]bool
	// uids is how many Applications there ever were.
	uids int
}

type application struct {
	live.Application
	generated *v1alpha1.Application
	// edited is what somebody has made of its annotation since Argo CD wrote it.
	edited edit
}

// edit is what is wrong with an annotation.
type edit string

const (
	// unreadable is that it is not the parameter set of the Application.
	unreadable edit = "unreadable"
	// misleading is that it is one, of another path.
	misleading edit = "misleading"
)

func newArgoCD() *argocd { return &argocd{set: shipped, apps: map[string]*application{}} }

var shipped = func() (set v1alpha1.ApplicationSet) {
	if err := yaml.UnmarshalStrict(manifests.Services, &set); err != nil {
		panic(err)
	}
	set.UID = "set"
	log.SetOutput(io.Discard)
	return set
}()

func (a *argocd) applicationSet() *live.ApplicationSet {
	return &live.ApplicationSet{Name: a.set.Name, UID: string(a.set.UID), Annotations: maps.Clone(a.set.Annotations), Spec: a.set.Spec}
}

func (a *argocd) list() []live.Application {
	out := make([]live.Application, 0, len(a.apps))
	for _, name := range slices.Sorted(maps.Keys(a.apps)) {
		out = append(out, a.apps[name].Application)
	}
	return out
}

// apply does with an answer what Argo CD does. It neither creates nor updates what is for a cluster that it does not have
// (validateGeneratedApplications), and what it deletes there is gone at once, since it takes its finalizer away
// (removeFinalizerOnInvalidDestination).
func (a *argocd) apply(d *admission.Decision, now time.Time) (created, deleted []string) {
	desired := rendered(d)
	for _, name := range slices.Sorted(maps.Keys(desired)) {
		app := a.apps[name]
		switch {
		case a.missing[desired[name].Spec.Destination.Server]:
		case app != nil:
			app.is(desired[name])
		default:
			a.create(desired[name], now)
			created = append(created, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.apps)) {
		app := a.apps[name]
		if desired[name] != nil {
			continue
		}
		if !app.Deleting {
			app.Deleting = true
			deleted = append(deleted, name)
		}
		if a.missing[app.DestinationServer] {
			delete(a.apps, name)
		}
	}
	return created, deleted
}

func (a *argocd) create(generated *v1alpha1.Application, now time.Time) {
	a.uids++
	app := &application{Application: live.Application{Name: generated.Name, UID: fmt.Sprintf("uid-%d", a.uids), Created: now}}
	app.is(generated)
	a.apps[app.Name] = app
}

// is takes over what Argo CD writes when it creates or updates.
func (app *application) is(generated *v1alpha1.Application) {
	app.generated, app.edited = generated, ""
	app.Parameters = generated.Annotations[params.Annotation]
	app.Labels, app.Project = generated.Labels, generated.Spec.Project
	app.DestinationServer, app.DestinationName = generated.Spec.Destination.Server, generated.Spec.Destination.Name
	app.DestinationNamespace, app.Path = generated.Spec.Destination.Namespace, generated.Spec.Source.Path
	app.Automated = generated.Spec.SyncPolicy != nil && generated.Spec.SyncPolicy.Automated != nil
}

func (app *application) settle() {
	app.Reconciled, app.OperationRunning, app.Sync, app.Health = true, false, "OutOfSync", "Missing"
	if app.Automated {
		app.Sync, app.Health = "Synced", "Healthy"
	}
}

// rendered are the Applications that Argo CD makes of an answer, by name.
func rendered(d *admission.Decision) map[string]*v1alpha1.Application {
	out := map[string]*v1alpha1.Application{}
	for _, one := range received(d) {
		app := generated(string(one[params.Key]))
		if out[app.Name] != nil {
			panic("two Applications are named " + app.Name)
		}
		out[app.Name] = app
	}
	return out
}

// received is what Argo CD's plugin client makes of an answer, but for the values: generated decodes them as it does.
func received(d *admission.Decision) []map[string]json.RawMessage {
	var answer struct {
		Output struct {
			Parameters []map[string]json.RawMessage `json:"parameters"`
		} `json:"output"`
	}
	if err := json.Unmarshal(d.AppendBody(nil), &answer); err != nil {
		panic(err)
	}
	return answer.Output.Parameters
}

// namesOf are the names of the Applications that Argo CD makes of an answer, in its order.
func namesOf(d *admission.Decision) []string {
	var out []string
	for _, one := range received(d) {
		out = append(out, generated(string(one[params.Key])).Name)
	}
	return out
}

func marshalled(set params.Set) string {
	text, err := json.Marshal(set)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// known are Applications by their parameter set: Argo CD's templates take milliseconds for each.
var known sync.Map

// generated is the Application that Argo CD's own code makes of a parameter set.
func generated(set string) *v1alpha1.Application {
	if app, ok := known.Load(set); ok {
		return app.(*v1alpha1.Application)
	}
	var value map[string]any
	if err := json.Unmarshal([]byte(set), &value); err != nil {
		panic(err)
	}
	silent := log.New()
	silent.SetOutput(io.Discard)
	given := map[string]generators.Generator{"Plugin": given{generators.NewPluginGenerator(nil, nil, nil, ""), map[string]any{params.Key: value}}}
	apps, _, err := template.GenerateApplications(log.NewEntry(silent), *shipped.DeepCopy(), given, &utils.Render{}, nil)
	if err != nil || len(apps) != 1 {
		panic(fmt.Sprintf("%d Applications, %v, of %s", len(apps), err, set))
	}
	known.Store(set, &apps[0])
	return &apps[0]
}

// given is the plugin generator after its request.
type given struct {
	generators.Generator
	parameters map[string]any
}

func (g given) GenerateParams(*v1alpha1.ApplicationSetGenerator, *v1alpha1.ApplicationSet, client.Client) ([]map[string]any, error) {
	return []map[string]any{g.parameters}, nil
}

// annotate writes an annotation of the ApplicationSet; an empty value takes it away.
func (a *argocd) annotate(key, value string) {
	annotations := maps.Clone(a.set.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	if strings.TrimSpace(value) == "" {
		delete(annotations, key)
	}
	a.set.Annotations = annotations
}
