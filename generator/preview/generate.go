package preview

import (
	"context"
	"io"

	"github.com/argoproj/argo-cd/v2/applicationset/controllers/template"
	"github.com/argoproj/argo-cd/v2/applicationset/generators"
	"github.com/argoproj/argo-cd/v2/applicationset/utils"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	log "github.com/sirupsen/logrus"

	"github.com/tidegate/tidegate/generator/params"
)

// generate runs one ApplicationSet through Argo CD's code.
func generate(ctx context.Context, set v1alpha1.ApplicationSet, server *loopback, asked *recorder, progress func(string, int, int)) ([]v1alpha1.Application, error) {
	if err := supported(set); err != nil {
		return nil, err
	}
	cluster := settings{loopback: server}
	known := map[string]generators.Generator{
		"Plugin": generators.NewPluginGenerator(cluster, ctx, nil, set.Namespace),
	}
	asked.answer, asked.err = nil, nil
	watched := &renderer{Renderer: &utils.Render{}, set: set.Name, asked: asked, progress: progress}
	applications, _, err := template.GenerateApplications(logger(), set, known, watched, cluster)
	switch {
	case asked.err != nil:
		// Argo CD has it in the words of HTTP.
		return nil, asked.err
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, explain(err, watched.current)
	}
	for i := range applications {
		applications[i].APIVersion = v1alpha1.SchemeGroupVersion.String()
		applications[i].Kind = "Application"
	}
	return applications, nil
}

// renderer is Argo CD's, with a count, and an end after the first error: Argo CD goes on and reports the first one.
type renderer struct {
	utils.Renderer
	set      string
	asked    *recorder
	progress func(string, int, int)

	done int
	// current is the name of the Application that is being computed.
	current string
	err     error
}

func (r *renderer) RenderTemplateParams(tmpl *v1alpha1.Application, policy *v1alpha1.ApplicationSetSyncPolicy, parameters map[string]any, goTemplate bool, options []string) (*v1alpha1.Application, error) {
	if r.err != nil {
		return nil, r.err
	}
	if set, ok := parameters[params.Key].(map[string]any); ok {
		r.current, _ = set["name"].(string)
	}
	r.done++
	if r.progress != nil && r.asked.answer != nil {
		r.progress(r.set, r.done, len(r.asked.answer.Sets))
	}
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
