package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/test/controlplane"
)

// measure makes Applications that are rendered in one way, refreshes them several times after a commit that changes all of
// them and several times after none, and deletes them.
func measure(ctx context.Context, stack *controlplane.Stack, prefix string, w way, count, rounds int) (cold, again measurement, err error) {
	if err := deliver(ctx, stack, prefix, w, count); err != nil {
		return cold, again, err
	}
	if _, err := refresh(ctx, stack, prefix, count); err != nil {
		return cold, again, err
	}
	cold, err = repeat(rounds, func() (measurement, error) {
		if err := changeServices(stack, count); err != nil {
			return measurement{}, err
		}
		return refreshMeasured(ctx, stack, prefix, count)
	})
	if err != nil {
		return cold, again, err
	}
	again, err = repeat(rounds, func() (measurement, error) { return refreshMeasured(ctx, stack, prefix, count) })
	if err != nil {
		return cold, again, err
	}
	return cold, again, stack.Staging.DeleteAllOf(ctx, &v1alpha1.Application{}, client.InNamespace(controlplane.Namespace))
}

// repeat takes the median of each figure.
func repeat(rounds int, once func() (measurement, error)) (measurement, error) {
	var walls, cpus, plugins []time.Duration
	for range rounds {
		m, err := once()
		if err != nil {
			return measurement{}, err
		}
		walls, cpus, plugins = append(walls, m.wall), append(cpus, m.cpu), append(plugins, m.plugin)
	}
	return measurement{median(walls), median(cpus), median(plugins)}, nil
}

// refreshMeasured is one refresh, with the CPU time that it takes.
func refreshMeasured(ctx context.Context, stack *controlplane.Stack, prefix string, count int) (measurement, error) {
	before, err := usage(stack)
	if err != nil {
		return measurement{}, err
	}
	wall, err := refresh(ctx, stack, prefix, count)
	if err != nil {
		return measurement{}, err
	}
	after, err := usage(stack)
	plugin := after.plugin - before.plugin
	return measurement{wall, plugin + after.repoServer - before.repoServer, plugin}, err
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// deliver makes Applications that nobody syncs.
func deliver(ctx context.Context, stack *controlplane.Stack, prefix string, w way, count int) error {
	for i := range count {
		d := controlplane.Delivery{
			Name: prefix + "-" + service(i), Path: "bench/" + service(i) + "/overlays/staging", Reads: []string{"bench/" + service(i) + "/base"},
			Namespace: prefix, Parameters: map[string]string{"waves": "off", "policy": "off"},
		}
		if err := stack.Deliver(ctx, d); err != nil {
			return err
		}
		var patches []string
		if w.builtIn || w.mode == controlplane.Stock {
			patches = append(patches, `{"spec":{"source":{"plugin":{"parameters":null}}}}`)
		}
		if w.builtIn {
			patches = append(patches, `{"spec":{"source":{"plugin":null}}}`)
		}
		if w.whole {
			patches = append(patches, fmt.Sprintf(`{"metadata":{"annotations":{%q:null}}}`, v1alpha1.AnnotationKeyManifestGeneratePaths))
		}
		for _, patch := range patches {
			if err := merge(ctx, stack, d.Name, patch); err != nil {
				return err
			}
		}
	}
	return nil
}

func merge(ctx context.Context, stack *controlplane.Stack, name, patch string) error {
	app := &v1alpha1.Application{ObjectMeta: metav1.ObjectMeta{Namespace: controlplane.Namespace, Name: name}}
	return stack.Staging.Patch(ctx, app, client.RawPatch(types.MergePatchType, []byte(patch)))
}

// refresh has Argo CD render all Applications anew, and takes the time until it has.
func refresh(ctx context.Context, stack *controlplane.Stack, prefix string, count int) (time.Duration, error) {
	start := time.Now()
	for i := range count {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"hard"}}}`, v1alpha1.AnnotationKeyRefresh)
		if err := merge(ctx, stack, prefix+"-"+service(i), patch); err != nil {
			return 0, err
		}
	}
	err := stack.Until(ctx, "all Applications are compared", func(ctx context.Context) error {
		all, err := stack.Applications(ctx)
		if err != nil {
			return err
		}
		for name, app := range all {
			_, asked := app.Annotations[v1alpha1.AnnotationKeyRefresh]
			switch {
			case !strings.HasPrefix(name, prefix):
			case asked || app.Status.ReconciledAt == nil:
				return fmt.Errorf("%s is yet to be compared", name)
			case app.Status.Sync.Status != v1alpha1.SyncStatusCodeOutOfSync:
				return controlplane.Never(fmt.Errorf("%s is %s: %+v", name, app.Status.Sync.Status, app.Status.Conditions))
			}
		}
		return nil
	})
	return time.Since(start), err
}

// used is the CPU time of servers, with that of what they started and that has ended.
type used struct{ repoServer, plugin time.Duration }

func usage(stack *controlplane.Stack) (out used, err error) {
	if out.repoServer, err = cpu(stack.ArgoCD.RepoServer.PID()); err != nil {
		return out, err
	}
	out.plugin, err = cpu(stack.Tidegate.Plugin.PID())
	return out, err
}

// tick is the unit of /proc/PID/stat.
const tick = 10 * time.Millisecond

// cpu reads utime, stime, cutime and cstime: proc_pid_stat(5).
func cpu(pid int) (time.Duration, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything.
	_, rest, found := strings.Cut(string(content), ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 15 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, content)
	}
	var total time.Duration
	for _, field := range fields[11:15] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(ticks) * tick
	}
	return total, nil
}
