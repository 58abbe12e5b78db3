package manifests_test

import (
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"
)

// notifications are what argocd-notifications-cm.yaml says of triggers and templates.
type notifications struct {
	triggers map[string][]struct {
		When, OncePer string
		Send          []string
	}
	templates map[string]string
	services  []string
}

func readNotifications(t *testing.T) *notifications {
	t.Helper()
	out := &notifications{triggers: map[string][]struct {
		When, OncePer string
		Send          []string
	}{}, templates: map[string]string{}}
	for key, value := range read(t, "argocd-notifications-cm.yaml")["data"].(map[string]any) {
		kind, name, _ := strings.Cut(key, ".")
		switch kind {
		case "trigger":
			trigger := out.triggers[name]
			if err := yaml.UnmarshalStrict([]byte(value.(string)), &trigger); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			out.triggers[name] = trigger
		case "template":
			var template struct{ Message string }
			if err := yaml.UnmarshalStrict([]byte(value.(string)), &template); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			out.templates[name] = template.Message
		case "service":
			out.services = append(out.services, name)
		default:
			t.Errorf("%s is nothing that Argo CD reads", key)
		}
	}
	return out
}

// TestWhatTheExampleSubscribesToIsSent: Argo CD says of a trigger that does not exist only in its log.
func TestWhatTheExampleSubscribesToIsSent(t *testing.T) {
	known := readNotifications(t)
	subscribed := map[string]bool{}
	for _, application := range generated(t, "applicationset.yaml", "../examples/clusters.yaml").Applications {
		for annotation := range application.Annotations {
			subscription, found := strings.CutPrefix(annotation, "notifications.argoproj.io/subscribe.")
			if !found {
				continue
			}
			trigger, service, _ := strings.Cut(subscription, ".")
			subscribed[trigger] = true
			if known.triggers[trigger] == nil || !slices.Contains(known.services, service) {
				t.Errorf("%s subscribes to %s by %s, which is not defined", application.Name, trigger, service)
			}
		}
	}
	for name, trigger := range known.triggers {
		if !subscribed[name] {
			t.Errorf("nobody subscribes to %s", name)
		}
		for _, condition := range trigger {
			for _, template := range condition.Send {
				if known.templates[template] == "" {
					t.Errorf("trigger %s sends %s, which is not defined", name, template)
				}
			}
			if condition.When == "" || condition.OncePer == "" || len(condition.Send) == 0 {
				t.Errorf("trigger %s: %+v", name, condition)
			}
		}
	}
}

// TestANotificationSaysWhatHasHappened renders the templates with the functions that Argo CD gives them, all but one of which
// are sprig's.
func TestANotificationSaysWhatHasHappened(t *testing.T) {
	const before, now = "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222"
	deployed := func(revision, at string) any { return map[string]any{"revision": revision, "deployStartedAt": at} }
	earlier, this := deployed(before, "2024-05-01T10:00:00Z"), deployed(now, "2024-05-02T10:00:00Z")
	by := map[string]any{"initiatedBy": map[string]any{"username": "mia"}}
	state := func(phase, revision string, operation map[string]any) map[string]any {
		return map[string]any{
			"phase": phase, "startedAt": "2024-05-02T10:00:00Z", "message": "it went so", "operation": operation,
			"syncResult": map[string]any{"revision": revision},
		}
	}
	crashed := state("Error", now, by)
	delete(crashed, "syncResult")
	for _, test := range []struct {
		name, template string
		operation      map[string]any
		history        []any
		want           string
	}{
		{"succeeded", "sync-succeeded", state("Succeeded", now, by), []any{earlier, this}, "pay-production is synced to 2222222."},
		{"failed", "sync-failed", state("Failed", now, by), []any{earlier}, "pay-production is not synced: it went so"},
		{"failed before there was a result", "sync-failed", crashed, nil, "pay-production is not synced: it went so"},
		{"production, the difference to what ran before", "production-sync", state("Succeeded", now, by), []any{earlier, this},
			"pay-production: Succeeded, started by mia, https://github.com/myorg/gitops-platform/compare/" + before + "..." + now},
		{"production, what was not applied differs from what runs", "production-sync", state("Failed", now, by), []any{earlier},
			"pay-production: Failed, started by mia, https://github.com/myorg/gitops-platform/compare/" + before + "..." + now + "\nit went so"},
		{"production, for the first time", "production-sync", state("Succeeded", now, by), []any{this},
			"pay-production: Succeeded, started by mia, https://github.com/myorg/gitops-platform/commit/" + now},
		{"production, once more", "production-sync", state("Succeeded", before, by), []any{earlier, deployed(before, "2024-05-02T10:00:00Z")},
			"pay-production: Succeeded, started by mia, https://github.com/myorg/gitops-platform/commit/" + before},
		{"production, by a sync window", "production-sync", state("Succeeded", now, map[string]any{"initiatedBy": map[string]any{"automated": true}}), []any{this},
			"pay-production: Succeeded, started by Argo CD, https://github.com/myorg/gitops-platform/commit/" + now},
		{"production, no result", "production-sync", crashed, []any{earlier}, "pay-production: Error, started by mia\nit went so"},
	} {
		t.Run(test.name, func(t *testing.T) {
			parsed, err := template.New("").Funcs(sprig.TxtFuncMap()).Parse(readNotifications(t).templates[test.template])
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			if err := parsed.Execute(&got, map[string]any{
				"repo": map[string]any{"RepoURLToHTTPS": func(string) string { return "https://github.com/myorg/gitops-platform.git" }},
				"app": map[string]any{
					"metadata": map[string]any{"name": "pay-production"},
					"spec":     map[string]any{"source": map[string]any{"repoURL": "git@github.com:myorg/gitops-platform.git"}},
					"status":   map[string]any{"operationState": test.operation, "history": test.history},
				},
			}); err != nil {
				t.Fatal(err)
			}
			if strings.TrimSuffix(got.String(), "\n") != test.want {
				t.Errorf("got %q, want %q", &got, test.want)
			}
		})
	}
}
