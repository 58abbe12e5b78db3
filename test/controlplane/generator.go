package controlplane

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/prometheus/common/expfmt"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Why is what tidegate why says of an Application, or of all without a name, asked of the generator that runs.
func (t *Tidegate) Why(ctx context.Context, application string, args ...string) (string, error) {
	args = append([]string{"why", "--server=" + t.GeneratorURL, "--token-file=" + t.token}, args...)
	if application != "" {
		args = append(args, application)
	}
	command := exec.CommandContext(ctx, t.Binary("tidegate"), args...)
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("tidegate why %s: %w\n%s", application, err, output)
	}
	return string(output), nil
}

// RestartGeneratorWith ends the generator, and starts it anew with further flags.
func (t *Tidegate) RestartGeneratorWith(ctx context.Context, args ...string) error {
	t.stack.options.GeneratorArgs = append(slices.Clone(t.stack.options.GeneratorArgs), args...)
	return t.RestartGenerator(ctx)
}

// Metric is the sum of a metric of the generator over all its labels, or over those that are given.
func (t *Tidegate) Metric(ctx context.Context, name string, labels map[string]string) (float64, error) {
	return metric(ctx, t.GeneratorURL, name, labels)
}

func metric(ctx context.Context, url, name string, labels map[string]string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return 0, err
	}
	sum := 0.0
	for _, one := range families[name].GetMetric() {
		left := len(labels)
		for _, label := range one.GetLabel() {
			if want, asked := labels[label.GetName()]; asked && want == label.GetValue() {
				left--
			}
		}
		if left == 0 {
			sum += one.GetGauge().GetValue() + one.GetCounter().GetValue()
		}
	}
	return sum, nil
}

// Serves is nil when the generator answers from a revision.
func (t *Tidegate) Serves(ctx context.Context, revision string) error {
	is, err := t.Metric(ctx, "tidegate_generator_revision_info", map[string]string{"revision": revision})
	if err == nil && is != 1 {
		err = fmt.Errorf("revision %s is not what the generator answers from", revision)
	}
	return err
}

// webhookSecret is what the forge and the generator share.
const webhookSecret = "a secret of nobody's"

// TrustForge lets the generator believe a forge.
func (s *Stack) TrustForge(ctx context.Context) error {
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name = Namespace, "argocd-secret"
	patch := fmt.Sprintf(`{"stringData":{"webhook.github.secret":%q}}`, webhookSecret)
	return s.Staging.Patch(ctx, secret, client.RawPatch("application/merge-patch+json", []byte(patch)))
}

// Webhook tells the generator that the repository has been pushed to, as GitHub does.
func (s *Stack) Webhook(ctx context.Context) error {
	body, err := json.Marshal(map[string]any{
		"ref": "refs/heads/main", "repository": map[string]any{"html_url": s.Repository.URL, "clone_url": s.Repository.URL},
	})
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write(body)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Tidegate.GeneratorURL+"/webhook", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-GitHub-Event", "push")
	request.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if want := "the repository is fetched"; response.StatusCode != http.StatusOK || strings.TrimSpace(string(said)) != want {
		return fmt.Errorf("the generator says %s: %s, want %s", response.Status, said, want)
	}
	return nil
}

// MoveRepository takes the repository away, or back again.
func (s *Stack) MoveRepository(away bool) error {
	here, there := s.Repository.Bare, s.Repository.Bare+".away"
	if !away {
		here, there = there, here
	}
	return os.Rename(here, there)
}

// ForbidSecrets takes from the generator the rights to Secrets. Watches that are open go on until the API server ends them.
func (s *Stack) ForbidSecrets(ctx context.Context) error {
	role := &rbacv1.Role{}
	if err := s.Staging.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: "tidegate-generator"}, role); err != nil {
		return err
	}
	role.Rules = slices.DeleteFunc(role.Rules, func(rule rbacv1.PolicyRule) bool { return slices.Contains(rule.Resources, "secrets") })
	return s.Staging.Update(ctx, role)
}

// GrantRole gives the generator the rights that it is shipped with.
func (s *Stack) GrantRole(ctx context.Context) error {
	return s.Staging.ApplyFile(ctx, "manifests/generator-rbac.yaml")
}

// EventsOf are the Events of an object in Argo CD's namespace.
func (s *Stack) EventsOf(ctx context.Context, kind, name string) ([]corev1.Event, error) {
	var events corev1.EventList
	if err := s.Staging.List(ctx, &events, client.InNamespace(Namespace)); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(events.Items, func(event corev1.Event) bool {
		return event.InvolvedObject.Kind != kind || event.InvolvedObject.Name != name
	}), nil
}

// Type runs a command that a person was told to run. It must be kubectl's.
func (s *Stack) Type(ctx context.Context, told string) error {
	words := strings.Fields(told)
	if len(words) == 0 || words[0] != "kubectl" {
		return fmt.Errorf("%q is no kubectl command", told)
	}
	command := exec.CommandContext(ctx, s.Kubectl(), words[1:]...)
	command.Env = []string{"KUBECONFIG=" + s.Staging.Kubeconfig, "HOME=" + s.Dir, "PATH=" + os.Getenv("PATH")}
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", told, err, output)
	}
	return nil
}
