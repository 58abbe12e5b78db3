// Command playground starts two clusters, Argo CD and Tidegate on this machine, with the example repository, and leaves
// them running until it is interrupted. Nothing is installed, and nothing stays but what was built: in bin/, and in the user's
// cache.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tidegate/tidegate/test/controlplane"
	"github.com/tidegate/tidegate/test/controlplane/simulate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	stack, err := controlplane.New(ctx, controlplane.Options{Progress: os.Stderr, Operators: []string{simulate.AllGroups}})
	if stack != nil {
		defer func() { err = end(ctx, stack, err) }()
	}
	if err != nil {
		return err
	}
	if err := stack.InstallExample(ctx); err != nil {
		return err
	}
	fmt.Print(instructions(stack))
	return stack.Wait(ctx)
}

// end stops the servers. Their logs stay when something went wrong, which it did not when somebody has interrupted them.
func end(ctx context.Context, stack *controlplane.Stack, failure error) error {
	if ctx.Err() != nil {
		failure = nil
	}
	fmt.Fprintln(os.Stderr, "stopping")
	if err := stack.Stop(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
	}
	if failure != nil {
		fmt.Fprintf(os.Stderr, "%s\nall logs: %s\n", stack.Logs(), filepath.Join(stack.Dir, "logs"))
		return failure
	}
	return stack.Remove()
}

// instructions are what to try. They can be pasted into a shell as they are.
func instructions(s *controlplane.Stack) string {
	return strings.NewReplacer(
		"STAGING", s.Staging.Kubeconfig, "PRODUCTION", s.Production.Kubeconfig, "WORK", s.Repository.Work,
		"KUBECTL", filepath.Dir(s.Kubectl()), "TIDEGATE", filepath.Dir(s.Tidegate.Binary("tidegate")), "LOGS", filepath.Join(s.Dir, "logs"),
		"GENERATOR", s.Tidegate.GeneratorURL, "TOKEN", s.Tidegate.TokenFile(),
	).Replace(`
Two clusters, Argo CD and Tidegate are running, on the example repository. In another terminal:

  export PATH=TIDEGATE:KUBECTL:$PATH
  export KUBECONFIG=STAGING    # Argo CD and staging; PRODUCTION is the other cluster

What one template has made, and how it goes on (staging syncs by itself, production waits for you):

  kubectl get applications --watch
  kubectl get deployments,hpa,pods --namespace payments-staging

Promote to staging: one line, a commit, and it rolls. Argo CD looks for commits every few seconds here.

  cd WORK
  sed -i.bak 's/newTag: .*/newTag: sha-0000001/' services/payments-api/overlays/staging/image-tag.yaml && rm services/payments-api/overlays/staging/image-tag.yaml.bak
  git commit --quiet --all --message 'Promote payments-api to staging' && git push --quiet origin HEAD:main
  kubectl get pods --namespace payments-staging --watch

Release production, as the Sync button does, and look at the other cluster:

  kubectl patch application payments-api-production --type merge --patch '{"operation": {"initiatedBy": {"username": "me"}, "sync": {}}}'
  kubectl --kubeconfig PRODUCTION get deployments,pdb --namespace payments-production

See what will happen before it does:

  tidegate plan services/payments-api/overlays/production
  kubectl get application payments-api-staging --output jsonpath='{.status.operationState.syncResult.resources[*].name}'

Ask the generator why an Application is there, or is not:

  tidegate why payments-api-production --server GENERATOR --token-file TOKEN

Take production's cluster away by mistake: its Applications stay, and Events say what to do. Then give it back:

  kubectl label secret cluster-production tier-
  kubectl get events --field-selector reason=RemovalHeld
  kubectl label secret cluster-production tier=production

Scale by hand (left alone: the autoscaler owns it), change something else by hand (undone):

  kubectl scale deployment payments-api --namespace payments-staging --replicas 3
  kubectl label service payments-api --namespace payments-staging app=wrong --overwrite

No pod runs a container here: nodes and operators are simulated, everything that decides is real. An image whose tag has
"broken" in it never becomes ready. The servers' logs are in LOGS.

Ctrl-C ends everything.
`)
}
