// Package schema gives kustomize the part of the Kubernetes OpenAPI schema that strategic merge patches need, at a
// twentieth of the cost of the one that is built into kyaml.
//
// kyaml decodes its built-in schema (descriptions, formats, paths: 70 ms, 48 MB) when the first strategic merge patch is
// applied. Here the same definitions come from a table that holds only names, types and merge keys. kyaml keeps the
// schema in a process-wide variable, so this package is process-wide too. It never reads a kustomization and never
// decides which schema a render should use.
package schema

import (
	"errors"
	"fmt"
	"maps"
	"sync"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/openapi/kubernetesapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

//go:generate go run ./gen

// ErrForeign says that some kustomization's own `openapi:` is now the schema of the whole process: whatever this process
// renders from here on may be wrong.
var ErrForeign = errors.New("kustomize's process-wide schema was replaced by the openapi field of a kustomization")

var (
	once   sync.Once
	loaded map[yaml.TypeMeta]*spec.Schema
	size   int
)

// Suppress keeps kyaml from decoding its built-in schema. Call it at start, before the first render; from then on a
// strategic merge patch needs Load, or it replaces every list. A process that renders a kustomization with
// `openapi.path` must not call it: there kustomize may need its own built-in schema.
func Suppress() { openapi.SuppressBuiltInSchemaUse() }

// Load makes the schema available to strategic merge patches. Only the first call does anything, and all calls return
// when it is done. kyaml reads the schema without a lock: where renders run concurrently, load before the first of them.
func Load() {
	once.Do(func() {
		kinds, parts := decode(table)
		openapi.AddDefinitions(kinds)
		all := openapi.Schema().Definitions // where kyaml adds its definitions of kustomize's own kinds, at the first call
		maps.Copy(all, parts)               // AddDefinitions would make a third copy
		size = len(all)
		loaded = make(map[yaml.TypeMeta]*spec.Schema)
		for _, t := range types(table) {
			loaded[t] = openapi.SchemaForResourceType(t).Schema
		}
	})
}

// Assert returns ErrForeign, with what was found, if the schema in use is no longer the one of Load or, where Load was
// not called, no longer the default.
func Assert() error {
	if v := openapi.GetSchemaVersion(); v != kubernetesapi.DefaultOpenAPI {
		return fmt.Errorf("%w (version %q)", ErrForeign, v)
	}
	if loaded == nil {
		return nil
	}
	if n := len(openapi.Schema().Definitions); n != size {
		return fmt.Errorf("%w (%d definitions instead of %d)", ErrForeign, n, size)
	}
	for t, s := range loaded {
		if found := openapi.SchemaForResourceType(t); found == nil || found.Schema != s {
			return fmt.Errorf("%w (%s %s)", ErrForeign, t.APIVersion, t.Kind)
		}
	}
	return nil
}
