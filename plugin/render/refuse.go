package render

import (
	"fmt"
	"path"
	"strings"
)

// refuse names what a kustomization asks for that Tidegate never does: fetch, execute, inflate charts.
func (f *fileSystem) refuse(k *kustomization) error {
	for _, ref := range references(&k.Kustomization) {
		if path.IsAbs(ref.path) {
			return fmt.Errorf("%s: %s: %s is an absolute path; name it relative to %s",
				k.at(ref.field, ref.path), ref.field, ref.path, orRoot(k.dir))
		}
		if climbs(k.dir, ref) {
			return fmt.Errorf("%s: %s: %s is outside the repository", k.at(ref.field, ref.path), ref.field, ref.path)
		}
		if !ref.fetched() || f.exists(k, ref) {
			continue
		}
		return fmt.Errorf("%s: %s: %s is remote, and Tidegate fetches nothing; copy it into the repository",
			k.at(ref.field, ref.path), ref.field, ref.path)
	}
	if len(k.HelmCharts) > 0 {
		return helmError(k, "helmCharts", k.HelmCharts[0].Name)
	}
	if len(k.HelmChartInflationGenerator) > 0 {
		return helmError(k, "helmChartInflationGenerator", k.HelmChartInflationGenerator[0].ChartName)
	}
	return nil
}

// climbs says whether a path goes above the tree's root. It could come down again through the names that the tree has
// for kustomize. A patch itself is no path, whatever it holds.
func climbs(dir string, ref reference) bool {
	text := ref.role == asPatch && strings.Contains(ref.path, "\n")
	return !text && above(dir, ref.path)
}

func above(dir, name string) bool {
	at := path.Join(dir, name)
	return at == ".." || strings.HasPrefix(at, "../")
}

// componentElsewhere refuses a file that is listed as a component and as something else: what it means would depend on
// which is read first.
func (f *fileSystem) componentElsewhere() error {
	for _, c := range f.components.list {
		if err := f.elsewhere(c); err != nil {
			return err
		}
	}
	return nil
}

func (f *fileSystem) elsewhere(c *component) error {
	for _, k := range f.scanned {
		for _, ref := range references(&k.Kustomization) {
			if ref.role == asComponent || strings.Contains(ref.path, "\n") {
				continue
			}
			if file, _, err := f.resolver.resolve(path.Join(k.dir, ref.path)); err == nil && file == c.file {
				return fmt.Errorf("%s: is listed under components at %s and under %s at %s; it cannot be both",
					c.file, c.listed(), ref.field, k.at(ref.field, ref.path))
			}
		}
	}
	return nil
}

func helmError(k *kustomization, field, name string) error {
	return fmt.Errorf("%s: %s: Tidegate does not inflate Helm charts; commit what `helm template %s` prints, "+
		"or give the chart an Application of its own", k.at(field, name), field, name)
}

// exists says whether kustomize finds a file and does not think of fetching. What can be the address of a repository it
// fetches for a component at once, and for anything else where the file is not what it looks for.
func (f *fileSystem) exists(k *kustomization, ref reference) bool {
	if strings.ContainsAny(ref.path, "/:") {
		return false
	}
	_, isDir, err := f.resolver.resolve(path.Join(k.dir, ref.path))
	return err == nil && !isDir
}
