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
	"regexp"
	"slices"
	"time"

	"github.com/tidegate/tidegate/test/controlplane"
)

func main() {
	log.SetFlags(0)
	applications := flag.Int("applications", 200, "how many Applications are refreshed")
	rounds := flag.Int("rounds", 3, "how often after a commit that changes all of them, and how often after none; the medians are shown")
	wholeRounds := flag.Int("whole-rounds", 1, "the same where the whole repository is sent, which takes minutes each time")
	only := flag.String("only", "", "measure only the ways whose name matches this regular expression")
	flag.Parse()
	matches, err := regexp.Compile(*only)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	chosen := slices.DeleteFunc(slices.Clone(ways), func(w way) bool { return !matches.MatchString(w.name) })
	if err := run(ctx, chosen, *applications, map[bool]int{false: *rounds, true: *wholeRounds}); err != nil {
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

// run measures ways; rounds are for those that send less and for those that send the whole repository.
func run(ctx context.Context, ways []way, applications int, rounds map[bool]int) (err error) {
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
	fmt.Printf("a hard refresh of %d Applications, the median of %d (whole repository: of %d); CPU is that of repo-server, the plugin server\n"+
		"and what they start\n\n", applications, rounds[false], rounds[true])
	fmt.Printf(headings, "rendered by", "all changed: wall", "CPU", "the plugin's", "none changed: wall", "CPU", "the plugin's")
	for i, w := range ways {
		fmt.Fprintln(os.Stderr, "measuring", w.name)
		if err := stack.Tidegate.RestartPlugin(ctx, w.mode); err != nil {
			return err
		}
		cold, again, err := measure(ctx, stack, fmt.Sprintf("way%d", i), w, applications, rounds[w.whole])
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		fmt.Printf(row, w.name, cold.wall.Seconds(), cold.cpu.Seconds(), cold.plugin.Seconds(), again.wall.Seconds(), again.cpu.Seconds(), again.plugin.Seconds())
	}
	return nil
}

// A row is shown as soon as it is measured.
const (
	headings = "%-62s %18s %8s %13s %18s %8s %13s\n"
	row      = "%-62s %16.1f s %6.1f s %11.2f s %16.1f s %6.1f s %11.2f s\n"
)

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
