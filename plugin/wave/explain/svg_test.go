package explain

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
)

// size is what a picture says of itself.
type size struct {
	Width  float64 `xml:"width,attr"`
	Height float64 `xml:"height,attr"`
}

func pictureSize(t *testing.T, plan *wave.Plan) size {
	t.Helper()
	var s size
	if err := xml.Unmarshal([]byte(explained(t, plan, SVG, Options{})), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPicturesStayOfASensibleSize(t *testing.T) {
	tests := []struct {
		name          string
		plan          *wave.Plan
		width, height float64
	}{
		{"nothing", &wave.Plan{}, 900, 120},
		{"the first screen of a README", staging(), 1100, 420},
		{"fifty resources", platform(8), 2000, 1500},
		{"six hundred resources", platform(100), 2000, 600},
		{"three hundred waves", chain(300), 5500, 2200},
		{"sixty of a kind in a wave", oneKind(60), 900, 300},
		{"a hundred kinds in a wave", kinds(100), 900, 1700},
		{"anything", hostile(), 5500, 2500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := pictureSize(t, tt.plan); got.Width > tt.width || got.Height > tt.height {
				t.Errorf("%v × %v, want at most %v × %v", got.Width, got.Height, tt.width, tt.height)
			}
		})
	}
}

// chain is a plan of n waves, each needing the one before.
func chain(n int) *wave.Plan {
	b := newPlan("ns")
	for i := range n {
		at := id("", "ConfigMap", "ns", fmt.Sprint("step-", i))
		reason := byTier("configuration")
		if i > 0 {
			reason = byEdge(b.edge(at, id("", "ConfigMap", "ns", fmt.Sprint("step-", i-1)), "metadata.annotations", wave.Healthy))
		}
		b.add(i, "configuration", at, reason, nil)
	}
	return b.done()
}

func oneKind(n int) *wave.Plan {
	b := newPlan("ns")
	for i := range n {
		b.add(0, "configuration", id("", "ConfigMap", "ns", fmt.Sprint("config-", i)), byTier("configuration"), nil)
	}
	return b.done()
}

func kinds(n int) *wave.Plan {
	b := newPlan("ns")
	for i := range n {
		b.add(0, "workloads", id("example.com", fmt.Sprint("Kind", i), "ns", "one"), byTier("workloads"), nil)
	}
	return b.done()
}

func TestBoxesOfOneStageDoNotOverlap(t *testing.T) {
	for _, plan := range []*wave.Plan{staging(), troubled(), platform(8), platform(100), chain(300), hostile()} {
		p := &picture{plan: plan, graph: newGraph(plan, pictureBounds), boxWidth: maxBox}
		p.layers = newLayered(p.graph, p.boxHeight)
		height := p.layers.place()
		for _, column := range p.layers.columns {
			y := 0.0
			for _, at := range column {
				it := p.layers.items[at]
				if top := it.y - it.height/2; top < y-0.01 {
					t.Fatalf("item at %v starts above %v", top, y)
				}
				y = it.y + it.height/2
			}
			if y > height+0.01 {
				t.Fatalf("column ends at %v, below %v", y, height)
			}
		}
	}
}

func TestEveryResourceOfASmallPlanHasItsBox(t *testing.T) {
	picture := explained(t, platform(8), SVG, Options{})
	for _, w := range platform(8).Waves {
		for _, r := range w.Resources {
			if !strings.Contains(picture, shortID(r.ID, "platform")+": ") {
				t.Errorf("no box says what %s is", r.ID)
			}
		}
	}
}

func TestImpliedArrowsAreLeftOut(t *testing.T) {
	tests := []struct {
		name  string
		links []link
		want  int
	}{
		{"a way around", []link{{first: 0, then: 1}, {first: 1, then: 2}, {first: 0, then: 2}}, 2},
		{"a way around, but health asked for", []link{{first: 0, then: 1}, {first: 1, then: 2}, {first: 0, then: 2, strength: wave.Healthy}}, 3},
		{"a deadlock", []link{{first: 0, then: 1}, {first: 1, then: 2}, {first: 0, then: 2, stuck: true}}, 3},
		{"no way around", []link{{first: 0, then: 1}, {first: 0, then: 2}}, 2},
		{"a cycle keeps its way around", []link{{first: 0, then: 1}, {first: 1, then: 2}, {first: 2, then: 0}}, 3},
		{"everything before everything stays joined", []link{{first: 0, then: 1}, {first: 0, then: 2}, {first: 1, then: 0}, {first: 1, then: 2}, {first: 2, then: 0}, {first: 2, then: 1}}, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := unimplied(&graph{nodes: make([]node, 3), links: tt.links}); len(got) != tt.want {
				t.Errorf("%d links are left, want %d: %v", len(got), tt.want, got)
			}
		})
	}
}

func TestManyResourcesAreCountedByKind(t *testing.T) {
	picture := explained(t, platform(60), SVG, Options{})
	for _, want := range []string{"362 resources in 6 waves", ">× 60<", ">vault<"} {
		if !strings.Contains(picture, want) {
			t.Errorf("the picture lacks %q", want)
		}
	}
}

func TestADeadlockedResourceIsNeverHiddenInACount(t *testing.T) {
	plan := platform(60)
	stuck := plan.Waves[1].Resources[30].ID
	plan.Findings = []wave.Finding{{Severity: wave.Deadlock, Rule: "gate-before-need", Resources: []manifest.ID{stuck}, Message: "stuck"}}
	if picture := explained(t, plan, SVG, Options{}); !strings.Contains(picture, ">"+stuck.Name+"<") {
		t.Errorf("%s has no box of its own", stuck)
	}
}

func BenchmarkWrite(b *testing.B) {
	plan := platform(1600)
	for _, format := range Formats() {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				if err := Write(io.Discard, plan, Format(format), Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
