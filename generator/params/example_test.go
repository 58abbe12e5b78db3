package params_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/plugin/render"
)

var update = flag.Bool("update", false, "write the golden files")

func exampleWorld(t *testing.T) params.World {
	t.Helper()
	source, err := catalog.Open("../../examples/gitops-platform", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	view, err := catalog.New(source, render.New()).Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	file, err := fleet.OpenFile("../../examples/clusters.yaml")
	if err != nil {
		t.Fatal(err)
	}
	clusters, err := file.Clusters(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return params.World{View: view, Clusters: clusters}
}

func TestTheExampleYieldsTheseParameterSets(t *testing.T) {
	world := exampleWorld(t)
	for _, kind := range []string{params.Services, params.ClusterConfig} {
		t.Run(kind, func(t *testing.T) {
			result, err := params.Compute(world, params.Input{Kind: kind})
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Findings) > 0 {
				t.Errorf("findings: %v", result.Findings)
			}
			got, err := json.MarshalIndent(result.Answer(), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, "example-"+kind+".json", append(got, '\n'))
		})
	}
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got, -update writes it):\n%s", file, diff)
	}
}
