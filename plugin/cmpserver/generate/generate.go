// Package generate makes manifests from a tree in memory, and makes them once for everyone who asks for the same.
//
// A Generator of one method does it; what is shared, queued, isolated or counted is a decorator around it. Manifests that
// were handed out are never changed, and errors are never remembered. It knows nothing of Argo CD's protocol.
package generate

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/render"
)

// Generator makes manifests.
type Generator interface {
	Generate(ctx context.Context, request Request) (Result, error)
}

// Request says what to make manifests of.
type Request struct {
	// Tree is what to render, or its outline.
	Tree *archive.Tree
	// Unpack is what makes all of the tree of its outline; nil: the tree is whole.
	Unpack Unpack
	// Hold keeps the memory of the tree taken, beyond the end of the request, until release. Nil: nothing counts it.
	Hold func() (release func())
	// Place is where the tree lies in its repository; "." where it is all of it.
	Place string
	// Dir is the folder of the kustomization in the repository.
	Dir string
	// App is the name of the Application. Only a file that is committed for it makes a difference: see Named.
	App      string
	Settings plugin.Settings
	// Tenant is whose repository it is: who takes turns with other tenants where there is a queue.
	Tenant string
	// Asker is the Application that takes turns with the tenant's others, App or not.
	Asker string
	// escalated is told why a process of its own renders. Nil: nobody wants to know.
	escalated func(tooMuch error)
}

// Unpack returns a whole tree.
type Unpack func(ctx context.Context) (*archive.Tree, error)

// key identifies all that the manifests depend on beside the tree. Of the substitutions only those with the names given count.
func (r Request) key(variables []string) (archive.Hash, error) {
	strict := len(r.Settings.Substitutions) > 0
	values := map[string]string{}
	for _, name := range variables {
		if value, ok := r.Settings.Substitutions[name]; ok {
			values[name] = value
		}
	}
	r.Settings.Substitutions = values
	text, err := json.Marshal(struct {
		// The tenant, since many repositories have equal folders: no more renders are kept of one request than it has branches.
		Tenant, Place, Dir, App string
		Strict                  bool
		Settings                plugin.Settings
	}{quote(r.Tenant), quote(r.Place), quote(r.Dir), quote(r.App), strict, r.Settings})
	return sha256.Sum256(text), err
}

// quote keeps names apart that JSON does not: it writes every byte that is not UTF-8 as U+FFFD, and the name of a file may
// hold any.
func quote(text string) string { return strconv.QuoteToASCII(text) }

// Manifests are what a request comes to. They are shared: nobody may change them.
type Manifests struct {
	// Documents are the objects, each as JSON, in the order in which they were rendered.
	Documents []string
	// Warnings are one line each.
	Warnings []string
	// reads are what the tree was asked for, and what was there.
	reads []observation
	// variables are the names whose values they may hold.
	variables []string
}

// Source says where manifests come from.
type Source string

// The sources, from the cheapest to the dearest.
const (
	FromCache  Source = "cache"  // an earlier render read the same
	FromFlight Source = "flight" // the same was being rendered
	FromRender Source = "render"
	FromChild  Source = "child" // rendered in a process of its own
)

// Result is an answer.
type Result struct {
	*Manifests
	From Source
}

// Runner renders, each time.
type Runner struct {
	Renderer render.Renderer
	From     Source
}

// Generate renders the request's tree, and notes what was read.
func (r Runner) Generate(ctx context.Context, request Request) (result Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = Result{}, &PanicError{Dir: request.Dir, Value: p, Stack: debug.Stack()}
		}
	}()
	recorder := &recorder{tree: request.Tree, at: request.Tree.At, seen: map[string]int{}}
	noted := &noted{Renderer: r.Renderer, settings: request.Settings, done: func() {}}
	defer func() { noted.done() }()
	rendered, err := plugin.Run(ctx, noted, plugin.Request{
		Tree: render.Mount(recorder, request.Place), Dir: request.Dir, App: request.App, Settings: request.Settings,
	})
	switch {
	case render.IsUnbounded(err):
		return Result{}, fmt.Errorf("%w: %w", ErrTooMuch, err)
	case err != nil:
		return Result{}, err
	}
	documents, err := encode(rendered.Objects)
	if err != nil {
		return Result{}, err
	}
	warnings := rendered.Warnings
	if rendered.Plan != nil {
		for _, finding := range rendered.Plan.Findings {
			warnings = append(warnings, finding.Message+" ("+finding.Rule+")")
		}
	}
	return Result{&Manifests{Documents: documents, Warnings: warnings, reads: recorder.reads, variables: noted.variables}, r.From}, nil
}

// PanicError is a mistake in the program that one request has met.
type PanicError struct {
	Dir   string
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("%s: rendering failed, which is a fault of Tidegate's and not of the files: %v", e.Dir, e.Value)
}
