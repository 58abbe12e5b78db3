package wave_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
)

// A fleet loses a quiet day: a kind that changes its wave is a diff on every live object of that kind. This file is
// part of what Tidegate promises; it may grow, but no line of it may change.
func TestTiersNeverChange(t *testing.T) {
	text, err := os.ReadFile("tiers.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ Kinds []string }
	if err := yaml.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, row := range rows {
		for _, kind := range row.Kinds {
			name, group, _ := strings.Cut(kind, ".")
			version := "v1"
			if group != "" {
				version = group + "/v1"
			}
			plan, err := wave.Compute([]manifest.Object{{"apiVersion": version, "kind": name, "metadata": map[string]any{"name": "a"}}}, wave.Options{})
			if err != nil {
				t.Fatal(err)
			}
			r := plan.Waves[0].Resources[0]
			fmt.Fprintf(&out, "%4d %-13s %s\n", r.Wave, r.Tier, kind)
		}
	}
	const golden = "testdata/tiers.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Error(diff)
	}
}

// A user loses the tier of their own kinds.
func TestUsersGiveTheirKindsTiers(t *testing.T) {
	tiers, err := wave.ParseTiers([]byte("Database.example.com: configuration"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := wave.Compute(objects(t, "apiVersion: example.com/v1\nkind: Database\nmetadata: {name: a}\n"), wave.Options{Tiers: tiers})
	if err != nil || plan.Waves[0].Number != -20 {
		t.Errorf("%v %v", plan, err)
	}
	_, err = wave.ParseTiers([]byte("Database.example.com: middle"))
	if err == nil || !strings.Contains(err.Error(), `tiers: Database.example.com: there is no tier "middle"; use foundations`) {
		t.Errorf("%v", err)
	}
}

// A user loses the last wave: however long a chain gets, leaves stay after it, and nobody waits for them.
func TestLeavesStayLastAfterAnyChain(t *testing.T) {
	var stream strings.Builder
	stream.WriteString("apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: leaf}\n---\n")
	const links = 120
	for i := range links {
		fmt.Fprintf(&stream, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d%03d, annotations: {config.kubernetes.io/depends-on: apps/namespaces/shop/Deployment/d%03d}}\n---\n", i, i+1)
	}
	fmt.Fprintf(&stream, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d%03d}\n", links)
	plan, err := wave.Compute(objects(t, stream.String()), wave.Options{Namespace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	last := plan.Waves[len(plan.Waves)-1]
	if last.Number != links+1 || last.Gated || last.Resources[0].ID.Name != "leaf" {
		t.Errorf("the last wave is %+v", last)
	}
}
