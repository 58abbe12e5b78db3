package admission_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
)

// manySets is how many parameter sets the benchmarks answer with.
const manySets = 10_000

// many is a world of that many Applications, all of them live.
func many(b *testing.B) admission.World {
	b.Helper()
	var s scene
	for i := range 40 {
		s.clusters += fmt.Sprintf(" p%d:tier=production,region=r%d", i, i%4)
	}
	s.clusters += " s:tier=staging"
	services := 0
	for range (manySets + 40) / 41 {
		s.overlays += fmt.Sprintf(" service-%d/staging service-%d/production", services, services)
		services++
	}
	s.platform = withAutomatedStaging
	world := s.world()
	world.Desired = world.Desired[:manySets]
	world.ApplicationSet = newArgoCD().applicationSet()
	for i := range world.Desired {
		set := &world.Desired[i]
		world.Live = append(world.Live, live.Application{
			Name: set.Name, UID: set.Name, Parameters: marshalled(*set), Labels: set.Labels, Created: noon.Add(-24 * time.Hour), Project: set.Project,
			Reconciled: true, DestinationServer: set.Cluster.Server, DestinationNamespace: set.Namespace, Path: set.Path,
		})
	}
	return world
}

// BenchmarkTenThousandParameterSets compares answers of ten thousand parameter sets with marshalling them, the floor.
func BenchmarkTenThousandParameterSets(b *testing.B) {
	steady := many(b)
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		answer := (&params.Result{Sets: steady.Desired}).Answer()
		for b.Loop() {
			if _, err := json.Marshal(answer); err != nil {
				b.Fatal(err)
			}
		}
	})
	removal := steady
	removal.Desired = steady.Desired[1000:]
	empty := steady
	empty.Live = nil
	doubt := steady
	doubt.Desired, doubt.Unknown = nil, "the repository cannot be read"
	for _, test := range []struct {
		name  string
		world admission.World
	}{{"nothing changes", steady}, {"a thousand are held", removal}, {"none is live yet", empty}, {"nothing is known", doubt}} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			var body []byte
			for b.Loop() {
				decision, err := admission.Decide(test.world)
				if err != nil {
					b.Fatal(err)
				}
				body = decision.AppendBody(body[:0])
			}
		})
	}
}
