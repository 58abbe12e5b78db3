// Package plugin is one render as Argo CD asks for it: a kustomization becomes objects, variables get their values, the
// policy is applied, and the order is written down.
//
// It reads the tree it is given and nothing else, and answers with every object or with an error; never with fewer.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/policy"
	"github.com/tidegate/tidegate/plugin/render"
	"github.com/tidegate/tidegate/plugin/substitute"
	"github.com/tidegate/tidegate/plugin/wave"
)

// Request says what to render and how.
type Request struct {
	Tree render.Tree
	// Dir is the folder of the kustomization, relative to the tree's root, slash-separated.
	Dir string
	// App is the name of the Application; empty outside Argo CD.
	App      string
	Settings Settings
}

// Result is what Argo CD shall apply, and what people shall know about it.
type Result struct {
	Objects []manifest.Object
	// Dir is the folder that was rendered, in its repository.
	Dir string
	// Plan is the order; nil with wave.Off.
	Plan *wave.Plan
	// Warnings are one line each. What the plan found is in Plan.Findings.
	Warnings []string
}

// Run renders. Its error begins with the cause: the file, or the object and the file that it comes from.
func Run(ctx context.Context, renderer render.Renderer, request Request) (*Result, error) {
	if err := checkSourceFiles(request); err != nil {
		return nil, err
	}
	rendered, err := renderer.Render(ctx, render.Request{
		Tree: request.Tree, Dir: request.Dir, Overrides: request.Settings.Overrides,
	})
	if err != nil {
		return nil, err
	}
	if request.Settings.Namespace == "" {
		request.Settings.Namespace = rendered.Namespace
	}
	result := &Result{Dir: request.Dir, Objects: rendered.Objects, Warnings: rendered.Warnings}
	find := &finder{tree: request.Tree, dir: request.Dir, files: rendered.Files}
	// A value is put into an object, and into its text.
	grow := func(bytes int64) error { return rendered.Grow(2 * bytes) }
	if err := substituteVariables(result, request.Settings, find, grow); err != nil {
		return nil, err
	}
	for _, step := range []func(*Result, Settings, *finder) error{checkPolicy, order} {
		if err := step(result, request.Settings, find); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// substituteVariables is strict as soon as there is one value, or a policy that is not off. Without either the text of
// the manifests is theirs, and stays what kustomize wrote.
func substituteVariables(result *Result, settings Settings, find *finder, grow func(bytes int64) error) error {
	if len(settings.Substitutions) == 0 && settings.Policy == policy.Off {
		return nil
	}
	if len(settings.Substitutions) == 0 && settings.Policy == policy.Warn {
		for _, unresolved := range substitute.Find(result.Objects) {
			result.Warnings = append(result.Warnings, find.prefix(unresolved.ID)+unresolved.String())
		}
		return nil
	}
	err := substitute.ApplyWithin(result.Objects, settings.Substitutions, grow)
	var undefined *substitute.UndefinedError
	if errors.As(err, &undefined) && len(undefined.Unresolved) > 0 {
		return fmt.Errorf("%s%w", find.prefix(undefined.Unresolved[0].ID), err)
	}
	return err
}

// checkPolicy refuses what must not be rendered.
func checkPolicy(result *Result, settings Settings, find *finder) error {
	findings := policy.Check(result.Objects, policy.Options{
		Level: settings.Policy, FloatingImages: settings.FloatingImages, Namespace: settings.Namespace,
	})
	if errs := findings.Errors(); len(errs) > 0 {
		return refusal(errs, find)
	}
	for _, finding := range findings.Warnings() {
		result.Warnings = append(result.Warnings, find.prefix(finding.ID)+finding.String())
	}
	return nil
}

// maxRefusals is how many reasons one error lists.
const maxRefusals = 10

func refusal(findings policy.Findings, find *finder) error {
	var lines []string
	for i, finding := range findings {
		if i == maxRefusals {
			lines = append(lines, fmt.Sprintf("and %d more", len(findings)-i))
			break
		}
		lines = append(lines, find.prefix(finding.ID)+finding.String())
	}
	return errors.New(strings.Join(lines, "\n"))
}

// order works the waves out and writes them down.
func order(result *Result, settings Settings, _ *finder) error {
	if settings.Waves == wave.Off {
		return nil
	}
	references, err := wave.ParseReferences([]byte(settings.References))
	if err != nil {
		return fmt.Errorf("parameter references: %w", err)
	}
	result.Plan, err = wave.Compute(result.Objects, wave.Options{
		Mode: settings.Waves, Namespace: settings.Namespace, References: references,
	})
	if err != nil {
		return err
	}
	result.Plan.Apply(result.Objects)
	return nil
}
