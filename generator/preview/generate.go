package preview

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/argoproj/argo-cd/v2/applicationset/controllers/template"
	"github.com/argoproj/argo-cd/v2/applicationset/generators"
	"github.com/argoproj/argo-cd/v2/applicationset/utils"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	log "github.com/sirupsen/logrus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/generator/params"
)

// generate runs one ApplicationSet through Argo CD's code: the generators once, the templates on all processors, because
// Argo CD spends milliseconds on each Application.
func generate(ctx context.Context, set v1alpha1.ApplicationSet, server *loopback, asked *recorder, progress func(string, int, int)) ([]v1alpha1.Application, error) {
	if err := supported(set); err != nil {
		return nil, err
	}
	cluster := settings{loopback: server}
	plugin := generators.NewPluginGenerator(cluster, ctx, nil, set.Namespace)
	asked.answer, asked.err = nil, nil
	var given [][]map[string]any
	count := &counter{set: set.Name, progress: progress}
	for _, generator := range set.Spec.Generators {
		parameters, err := plugin.GenerateParams(&generator, &set, cluster)
		switch {
		case asked.err != nil:
			// Argo CD has it in the words of HTTP.
			return nil, asked.err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return nil, explain(err, "")
		}
		given = append(given, parameters)
		count.total += len(parameters)
	}
	parts := make([][]v1alpha1.Application, processors(set, count.total))
	problems := make([]error, len(parts))
	var group sync.WaitGroup
	for i := range parts {
		group.Go(func() {
			rendering := &renderer{Renderer: &utils.Render{}, count: count, ctx: ctx}
			known := map[string]generators.Generator{"Plugin": &share{Generator: plugin, given: given, part: i, parts: len(parts)}}
			applications, _, err := template.GenerateApplications(logger(), *set.DeepCopy(), known, rendering, cluster)
			parts[i] = applications
			if err != nil {
				problems[i] = explain(err, rendering.current)
			}
		})
	}
	group.Wait()
	// The first one, so that the same mistake is always told of the same Application.
	if err := cmp.Or(problems...); err != nil {
		return nil, err
	}
	applications := slices.Concat(parts...)
	for i := range applications {
		applications[i].APIVersion = v1alpha1.SchemeGroupVersion.String()
		applications[i].Kind = "Application"
	}
	return applications, nil
}

// processors is how many templates are executed at once. Argo CD's slugify keeps its settings in global variables.
func processors(set v1alpha1.ApplicationSet, applications int) int {
	text, err := json.Marshal(set.Spec)
	if err != nil || bytes.Contains(text, []byte("slugify")) {
		return 1
	}
	return max(1, min(runtime.GOMAXPROCS(0), applications))
}

// share is the plugin generator, with a part of the parameter sets that it gave.
type share struct {
	generators.Generator
	given       [][]map[string]any
	part, parts int
}

// GenerateParams is called for one generator after the other.
func (s *share) GenerateParams(*v1alpha1.ApplicationSetGenerator, *v1alpha1.ApplicationSet, client.Client) ([]map[string]any, error) {
	all := s.given[0]
	s.given = s.given[1:]
	return all[len(all)*s.part/s.parts : len(all)*(s.part+1)/s.parts], nil
}

// counter tells how far it is.
type counter struct {
	set      string
	progress func(string, int, int)
	total    int

	mu   sync.Mutex
	done int
}

func (c *counter) one() {
	if c.progress == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done++
	c.progress(c.set, c.done, c.total)
}

// renderer is Argo CD's, with a count, and an end after the first error: Argo CD goes on and reports the first one.
type renderer struct {
	utils.Renderer
	count *counter
	ctx   context.Context
	// current is the name of the Application that is being computed.
	current string
	err     error
}

func (r *renderer) RenderTemplateParams(tmpl *v1alpha1.Application, policy *v1alpha1.ApplicationSetSyncPolicy, parameters map[string]any, goTemplate bool, options []string) (*v1alpha1.Application, error) {
	if r.err == nil {
		r.err = r.ctx.Err()
	}
	if r.err != nil {
		return nil, r.err
	}
	if set, ok := parameters[params.Key].(map[string]any); ok {
		r.current, _ = set["name"].(string)
	}
	r.count.one()
	application, err := r.Renderer.RenderTemplateParams(tmpl, policy, parameters, goTemplate, options)
	r.err = err
	return application, err
}

func (r *renderer) Replace(text string, parameters map[string]any, goTemplate bool, options []string) (string, error) {
	if r.err != nil {
		return "", r.err
	}
	replaced, err := r.Renderer.Replace(text, parameters, goTemplate, options)
	r.err = err
	return replaced, err
}

// logger swallows what Argo CD logs: an error comes back as one, with all parameter sets it would fill the screen.
func logger() *log.Entry {
	silent := log.New()
	silent.SetOutput(io.Discard)
	silent.SetLevel(log.PanicLevel)
	return log.NewEntry(silent)
}

// quiet does the same for what Argo CD writes to the log of the whole process, until it is undone.
func quiet() (undo func()) {
	level := log.GetLevel()
	log.SetLevel(log.PanicLevel)
	return func() { log.SetLevel(level) }
}
