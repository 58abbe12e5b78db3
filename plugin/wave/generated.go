package wave

import (
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave/refer"
)

// generated: rule 6 is about ConfigMaps and Secrets whose name changes with their content.
func generated(id manifest.ID) bool {
	return id.Group == "" && (id.Kind == "ConfigMap" || id.Kind == "Secret") && hashed(id.Name)
}

// hashed says whether a name ends as kustomize ends the names of what it generates: ten characters of a hash, written
// in hex with 0, 1, 3, a and e replaced (kustomize, api/hasher).
func hashed(name string) bool {
	stem := len(name) - 11
	return stem > 0 && name[stem] == '-' && strings.Trim(name[stem+1:], "2456789bcdfghkmt") == ""
}

// addressed are the kinds that may wait for an address, or for a pod, without end.
var addressed = map[refer.Kind]bool{ingressKind: true, gatewayKind: true, serviceKind: true, claimKind: true}

// inspectPruning: Argo CD prunes with PruneLast in a wave of its own, after the last one, which then is waited for.
func (p *planner) inspectPruning(end ending) {
	var leaves []int
	first := -1
	for i := range p.slots {
		switch s := &p.slots[i]; {
		case s.hook == nil && first < 0 && generated(p.set.Items[i].ID):
			first = i
		case s.hook == nil && s.waits && addressed[p.set.Items[i].Kind] && !end.gated(s.wave):
			leaves = append(leaves, i)
		}
	}
	if first < 0 || len(leaves) == 0 {
		return
	}
	p.found(Warning, "prune-waits-for-leaf", append([]int{first}, leaves...),
		"when %s changes, Argo CD prunes the old one last and waits for %s to be %s before; where that never happens, give the generator disableNameSuffixHash",
		p.name(first), p.name(leaves[0]), p.slots[leaves[0]].wait.Until)
}
