package render

//lint:file-ignore SA1019 kustomizations may still use the deprecated fields

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
)

// role is what kustomize does with a path that a kustomization names.
type role int

const (
	asResource  role = iota // a file of objects, or a folder with a kustomization
	asComponent             // a folder, or a file of ours
	asFile                  // a file, whatever is in it
	asPatch                 // a file, or the patch itself
)

// reference is one path that a kustomization names.
type reference struct {
	field string
	path  string
	role  role
}

// references lists every path of a kustomization, in the order in which kustomize follows them.
func references(k *types.Kustomization) []reference {
	var all []reference
	add := func(field string, as role, paths ...string) {
		for _, p := range paths {
			if p != "" {
				all = append(all, reference{field: field, path: p, role: as})
			}
		}
	}
	add("resources", asResource, k.Resources...)
	add("bases", asResource, k.Bases...)
	add("configurations", asFile, k.Configurations...)
	add("crds", asFile, k.Crds...)
	for _, g := range k.ConfigMapGenerator {
		add("configMapGenerator", asFile, sources(g.KvPairSources)...)
	}
	for _, g := range k.SecretGenerator {
		add("secretGenerator", asFile, sources(g.KvPairSources)...)
	}
	add("generators", asPatch, k.Generators...)
	add("components", asComponent, k.Components...)
	for _, p := range k.PatchesStrategicMerge {
		add("patchesStrategicMerge", asPatch, string(p))
	}
	for _, p := range k.Patches {
		add("patches", asFile, p.Path)
	}
	for _, p := range k.PatchesJson6902 {
		add("patchesJson6902", asFile, p.Path)
	}
	for _, r := range k.Replacements {
		add("replacements", asFile, r.Path)
	}
	add("transformers", asPatch, k.Transformers...)
	add("validators", asPatch, k.Validators...)
	add("openapi", asFile, k.OpenAPI["path"])
	return all
}

// sources lists the files behind a generated ConfigMap or Secret; an entry of files may be KEY=PATH.
func sources(kv types.KvPairSources) []string {
	paths := append([]string{kv.EnvSource}, kv.EnvSources...)
	for _, file := range kv.FileSources {
		if _, after, found := strings.Cut(file, "="); found {
			file = after
		}
		paths = append(paths, file)
	}
	return paths
}

// scheme matches what kustomize takes for the address of a Git repository (api/internal/git/repospec.go, extractHost).
var scheme = regexp.MustCompile(`(?i)^(git::)?((ssh|https?|file)://|[a-z][a-z0-9-]*@|github\.com[/:])`)

// fetched says whether kustomize would go to the network (or to git) for the reference, given that no such file exists. An
// address may have several lines for it.
func (r reference) fetched() bool {
	if web(r.path) {
		return true
	}
	return r.role != asFile && scheme.MatchString(strings.ToLower(r.path)) // İ too is an i for it
}

// web says whether kustomize would read the path with HTTP (api/internal/loader/fileloader.go, IsRemoteFile).
func web(p string) bool {
	s, _, found := strings.Cut(p, ":")
	return found && (strings.EqualFold(s, "http") || strings.EqualFold(s, "https"))
}

// merges says whether building the kustomization may apply a strategic merge patch, for which kustomize needs to know
// the schema of built-in kinds. Patches in files are read with the function given.
func merges(k *types.Kustomization, read func(string) ([]byte, error)) bool {
	if len(k.PatchesStrategicMerge) > 0 || len(k.Transformers) > 0 || len(k.Validators) > 0 {
		return true
	}
	for _, p := range k.Patches {
		if content, err := contentOf(p, read); err != nil || !isJSONPatch(content) {
			return true
		}
	}
	return false
}

// contentOf is a patch, as it stands in the kustomization or in its file, which is read with the function given.
func contentOf(p types.Patch, read func(string) ([]byte, error)) ([]byte, error) {
	if p.Path == "" {
		return []byte(p.Patch), nil
	}
	return read(p.Path)
}

// isJSONPatch says whether a patch is a list of operations; one that is not is an object to merge.
func isJSONPatch(content []byte) bool {
	for line := range bytes.Lines(content) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' || bytes.HasPrefix(line, []byte("---")) {
			continue
		}
		return line[0] == '[' || bytes.HasPrefix(line, []byte("- ")) || string(line) == "-"
	}
	return false
}

// isKustomization says whether kustomize would look for a kustomization under this name.
func isKustomization(base string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), base)
}
