package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/policy"
)

func objects(t testing.TB, documents string) []manifest.Object {
	t.Helper()
	var out []manifest.Object
	for document := range strings.SplitSeq(documents, "\n---\n") {
		var object manifest.Object
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		out = append(out, object)
	}
	return out
}

func example(t *testing.T, check, file string) []manifest.Object {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", check, file))
	if err != nil {
		t.Fatal(err)
	}
	return objects(t, string(content))
}

// A row without examples fails here, and so do examples without their row: taking a check out of the table is noticed.
func TestEveryCheckRefusesItsExampleAndNothingElse(t *testing.T) {
	folders, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]policy.Row{}
	for _, row := range policy.Rows() {
		rows[row.Name] = row
		if _, err := os.Stat(filepath.Join("testdata", row.Name)); err != nil {
			t.Errorf("%s has no example: %v", row.Name, err)
		}
	}
	for _, folder := range folders {
		t.Run(folder.Name(), func(t *testing.T) {
			row, ok := rows[folder.Name()]
			if !ok {
				t.Fatal("no such check in the table")
			}
			findings := policy.Check(example(t, row.Name, "refused.yaml"), policy.Options{Level: policy.Enforce})
			if len(findings) == 0 {
				t.Error("the example that is to be refused has no finding")
			}
			for _, finding := range findings {
				if finding.Check != row.Name || finding.Severity != row.Severity {
					t.Errorf("another finding: %s: %s", finding.Severity, finding)
				}
				if !strings.HasSuffix(finding.Message, "; "+row.WayOut) {
					t.Errorf("no way out: %s", finding)
				}
				if strings.ContainsAny(finding.Message, "{}") {
					t.Errorf("a placeholder is left: %s", finding)
				}
			}
			if failed := findings.Err() != nil; failed != (row.Severity == policy.Error) {
				t.Errorf("severity %s, yet Err is %v", row.Severity, findings.Err())
			}
			for _, finding := range policy.Check(example(t, row.Name, "accepted.yaml"), policy.Options{Level: policy.Enforce}) {
				t.Errorf("the example that is fine has a finding: %s", finding)
			}
		})
	}
}

func TestEveryRowSaysWhatWhyAndWhatElse(t *testing.T) {
	for _, row := range policy.Rows() {
		for field, text := range map[string]string{
			"Title": row.Title, "Message": row.Message, "Why": row.Why, "WayOut": row.WayOut, "Detail": row.Detail,
		} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s has no %s", row.Name, field)
			}
		}
		if row.Severity != policy.Error && row.Severity != policy.Warning {
			t.Errorf("%s has the severity %q", row.Name, row.Severity)
		}
	}
}
