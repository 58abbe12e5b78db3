package preview_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/generator/preview"
	"github.com/tidegate/tidegate/manifests"
)

// BenchmarkArgoCDsTemplating is what Argo CD's own code costs for each Application, the request over loopback included:
// the answer is ready.
func BenchmarkArgoCDsTemplating(b *testing.B) {
	sets := shipped(b, manifests.Services)
	for _, applications := range []int{100, 1000} {
		answer := &generator.Answer{Sets: many(b, applications)}
		b.Run(fmt.Sprint(applications), func(b *testing.B) {
			b.ReportAllocs()
			var before, after syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			for b.Loop() {
				run(b, preview.Options{ApplicationSets: sets, Answerer: answererFunc(func(context.Context, generator.Request) (*generator.Answer, error) {
					return answer, nil
				})})
			}
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			// Of all processors, so that it says the same on a machine that has other work.
			used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
			b.ReportMetric(float64(used)/1e3/float64(b.N*applications), "cpu-µs/Application")
		})
	}
}

// many are the example's parameter sets, under as many names.
func many(b *testing.B, count int) []params.Set {
	b.Helper()
	answer, err := example(b).Answer(context.Background(), generator.Request{Input: params.Input{Kind: params.Services}})
	if err != nil {
		b.Fatal(err)
	}
	sets := make([]params.Set, count)
	for i := range sets {
		sets[i] = answer.Sets[i%len(answer.Sets)]
		sets[i].Name = fmt.Sprintf("%s-%d", sets[i].Name, i)
	}
	return sets
}
