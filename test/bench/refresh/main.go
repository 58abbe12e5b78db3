// Command refresh measures what a hard refresh of many Applications costs through a real repo-server: with Tidegate's
// server, with Argo CD's own that runs kustomize build for each, and with the kustomize that is built into repo-server.
//
//	go run ./test/bench/refresh
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"text/tabwriter"
	"time"

	"github.com/tidegate/tidegate/test/controlplane"
)

func main() {
	log.SetFlags(0)
	applications := flag.Int("applications", 200, "how many Applications are refreshed")
	rounds := flag.Int("rounds", 3, "how often after a commit that changes all of them, and how often after none; the medians are shown")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *applications, *rounds); err != nil {
		log.Fatal(err)
	}
}

// way is how Applications are rendered.
type way struct {
	name string
	mode controlplane.PluginMode
	// builtIn lets repo-server itself render.
	builtIn bool
	// whole sends the whole repository, as without the annotation manifest-generate-paths.
	whole bool
}

var ways = []way{
	{name: "built-in kustomize", mode: controlplane.Native, builtIn: true},
	{name: "Argo CD's plugin server + kustomize build", mode: controlplane.Stock},
	{name: "tidegate-plugin serve", mode: controlplane.Native},
	{name: "Argo CD's plugin server + kustomize build, whole repository", mode: controlplane.Stock, whole: true},
	{name: "tidegate-plugin serve, whole repository", mode: controlplane.Native, whole: true},
}

func run(ctx context.Context, applications, rounds int) (err error) {
	// Without the race detector, and without the orders that kustomize does not make.
	stack, err := controlplane.New(ctx, controlplane.Options{Progress: os.Stderr})
	if stack != nil {
		defer func() {
			if stopErr := stack.Stop(context.Background()); err == nil {
				err = stopErr
			}
			if err == nil {
				err = stack.Remove()
			}
		}()
	}
	if err != nil {
		return err
	}
	if err := writeServices(stack, applications); err != nil {
		return err
	}
	fmt.Printf("a hard refresh of %d Applications, the median of %d; CPU is that of repo-server, the plugin server and what they start\n\n", applications, rounds)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "rendered by\tall changed: wall\tCPU\tof it the plugin's\tnothing changed: wall\tCPU\tof it the plugin's\t")
	for i, w := range ways {
		fmt.Fprintln(os.Stderr, "measuring", w.name)
		if err := stack.Tidegate.RestartPlugin(ctx, w.mode); err != nil {
			return err
		}
		cold, again, err := measure(ctx, stack, fmt.Sprintf("way%d", i), w, applications, rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		fmt.Fprint(out, w.name)
		for _, m := range []measurement{cold, again} {
			fmt.Fprintf(out, "\t%.1f s\t%.1f s\t%.2f s", m.wall.Seconds(), m.cpu.Seconds(), m.plugin.Seconds())
		}
		fmt.Fprintln(out, "\t")
	}
	return out.Flush()
}

// writeServices writes one overlay of eight small files for each Application.
func writeServices(stack *controlplane.Stack, count int) error {
	for i := range count {
		for name, content := range serviceFiles(i) {
			if err := stack.Repository.Write(fmt.Sprintf("bench/%s/%s", service(i), name), content); err != nil {
				return err
			}
		}
	}
	_, err := stack.Repository.Push("Many services")
	return err
}

// changeServices commits another number of replicas to each service.
func changeServices(stack *controlplane.Stack, count int) error {
	replicas := 2 + time.Now().UnixNano()%1_000_000
	for i := range count {
		patch := fmt.Sprintf(replicasPatch, service(i), replicas)
		if err := stack.Repository.Write(fmt.Sprintf("bench/%s/overlays/staging/replicas.yaml", service(i)), patch); err != nil {
			return err
		}
	}
	_, err := stack.Repository.Push("All services")
	return err
}

const replicasPatch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s}\nspec: {replicas: %d}\n"

func service(i int) string { return fmt.Sprintf("service-%03d", i) }

func serviceFiles(i int) map[string]string {
	name := service(i)
	return map[string]string{
		"base/kustomization.yaml": "resources: [deployment.yaml, service.yaml, account.yaml]\nconfigMapGenerator:\n- name: settings\n  literals: [A=1]\n",
		"base/deployment.yaml": fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %[1]s}\nspec:\n  selector: {matchLabels: {app: %[1]s}}\n"+
			"  template:\n    metadata: {labels: {app: %[1]s}}\n    spec:\n      serviceAccountName: %[1]s\n      containers:\n"+
			"      - {name: api, image: 'api:v1', envFrom: [{configMapRef: {name: settings}}]}\n", name),
		"base/service.yaml": fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %[1]s}\nspec: {selector: {app: %[1]s}, ports: [{port: 80}]}\n", name),
		"base/account.yaml": fmt.Sprintf("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: %s}\n", name),
		"overlays/staging/kustomization.yaml": "resources: [../../base, pdb.yaml]\npatches:\n- path: replicas.yaml\n" +
			"images: [{name: api, newTag: v2}]\n",
		"overlays/staging/replicas.yaml": fmt.Sprintf(replicasPatch, name, 2),
		"overlays/staging/pdb.yaml":      fmt.Sprintf("apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: %[1]s}\nspec: {minAvailable: 1, selector: {matchLabels: {app: %[1]s}}}\n", name),
		"README.md":                      "A service.\n",
	}
}

// measurement is a median.
type measurement struct{ wall, cpu, plugin time.Duration }
