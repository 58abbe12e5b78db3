package argocd

import (
	_ "embed"
	"fmt"
	"math"
	"sync"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave/table"
)

//go:embed health.yaml
var healthTable string

// checks is, by Kind.group, what Argo CD waits for.
var checks = sync.OnceValue(func() map[string]string {
	out := make(map[string]string, 256)
	for row := range table.Rows(healthTable) {
		var kind, until string
		for _, field := range row.Fields {
			switch field.Key {
			case "kind":
				kind = field.Values[0]
			case "until":
				until = field.Values[0]
			}
		}
		out[kind] = until
	}
	return out
})

// Wait is what Argo CD waits for before the wave after the object's.
type Wait struct {
	Until string
	// Limit says what ends the wait if that does not come true; "" where nothing does.
	Limit string
}

// Waits says whether Argo CD has a health check that can keep it waiting for the object.
func Waits(object manifest.Object) (Wait, bool) {
	id := object.ID()
	until, ok := checks()[id.GroupKind()]
	if !ok || id.GroupKind() == "Service" && object.String("spec", "type") != "LoadBalancer" {
		return Wait{}, false
	}
	return Wait{Until: until, Limit: limit(object, id.GroupKind())}, true
}

// limit names the field that turns a wait into a failure.
func limit(object manifest.Object, kind string) string {
	switch kind {
	case "Deployment.apps", "Rollout.argoproj.io":
		seconds, ok := number(object.Value("spec", "progressDeadlineSeconds"))
		switch {
		case !ok:
			return "progressDeadlineSeconds (600 s)"
		case seconds >= math.MaxInt32: // what Kubernetes takes for no deadline
			return ""
		}
		return fmt.Sprintf("progressDeadlineSeconds (%.0f s)", seconds)
	case "Job.batch":
		if seconds, ok := number(object.Value("spec", "activeDeadlineSeconds")); ok {
			return fmt.Sprintf("activeDeadlineSeconds (%.0f s)", seconds)
		}
		if retries, ok := number(object.Value("spec", "backoffLimit")); ok {
			return fmt.Sprintf("backoffLimit (%.0f retries)", retries)
		}
		return "backoffLimit (6 retries)"
	}
	return ""
}

func number(value any) (float64, bool) {
	switch n := value.(type) {
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// IsZero says whether a field holds the number 0, not whether it is missing.
func IsZero(value any) bool {
	n, ok := number(value)
	return ok && n == 0
}
