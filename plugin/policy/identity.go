package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

func emptyResult(run *run) {
	if len(run.objects) == 0 {
		run.report(nil, "")
	}
}

func namelessObjects(run *run) {
	for i, object := range run.objects {
		var missing []string
		if strings.TrimSpace(object.APIVersion()) == "" {
			missing = append(missing, "apiVersion")
		}
		if strings.TrimSpace(object.Kind()) == "" {
			missing = append(missing, "kind")
		}
		if strings.TrimSpace(object.Name()) == "" && strings.TrimSpace(object.String("metadata", "generateName")) == "" {
			missing = append(missing, "metadata.name")
		}
		if len(missing) > 0 {
			run.report(object, "", "{number}", strconv.Itoa(i+1), "{missing}", strings.Join(missing, ", no "))
		}
	}
}

func duplicateObjects(run *run) {
	seen := make(map[manifest.ID]int, len(run.objects))
	var repeated []manifest.ID
	identity := func(object manifest.Object) manifest.ID {
		id := object.ID()
		if id.Namespace == "" {
			id.Namespace = run.namespace
		}
		return id
	}
	for _, object := range run.objects {
		id := identity(object)
		if id.Name == "" || id.Kind == "" {
			continue
		}
		if seen[id]++; seen[id] == 2 {
			repeated = append(repeated, id)
		}
	}
	if len(repeated) == 0 {
		return
	}
	firsts, versions := map[manifest.ID]manifest.Object{}, map[manifest.ID]map[string]bool{}
	for _, object := range run.objects {
		id := identity(object)
		if seen[id] < 2 {
			continue
		}
		if _, ok := firsts[id]; !ok {
			firsts[id], versions[id] = object, map[string]bool{}
		}
		versions[id][object.APIVersion()] = true
	}
	for _, id := range repeated {
		text := ""
		if len(versions[id]) > 1 {
			text = ", as " + list(slices.Sorted(maps.Keys(versions[id])))
		}
		run.report(firsts[id], "", "{count}", strconv.Itoa(seen[id]), "{versions}", text)
	}
}
