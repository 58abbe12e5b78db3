package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/policy"
)

func TestAMillionFindingsFitAScreen(t *testing.T) {
	in := make([]manifest.Object, 10_000)
	for i := range in {
		in[i] = manifest.Object{"kind": "ConfigMap"}
	}
	findings := policy.Check(in, policy.Options{})
	if len(findings) != policy.MaxPerCheck+1 || findings[policy.MaxPerCheck].More != 10_000-policy.MaxPerCheck {
		t.Errorf("%d findings, the last %s", len(findings), findings[len(findings)-1])
	}
	lines := strings.Split(findings.Err().Error(), "\n")
	if len(lines) != 11 || lines[10] != "and 9990 more" {
		t.Errorf("%d lines, the last %s", len(lines), lines[len(lines)-1])
	}
}

func TestFindingsAreReadByPrograms(t *testing.T) {
	in := objects(t, "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: YQ==}}")
	got, err := json.Marshal(policy.Check(in, policy.Options{})[0])
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"check":"plain-secret","severity":"error","id":{"kind":"Secret","name":"s"},"field":"data","message":"holds plain secret data (a); `
	if !strings.HasPrefix(string(got), want) {
		t.Errorf("got %s", got)
	}
	empty, err := json.Marshal(policy.Check(nil, policy.Options{})[0])
	if err != nil || strings.Contains(string(empty), `"id"`) {
		t.Errorf("got %s, %v", empty, err)
	}
}
