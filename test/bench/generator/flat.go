package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/params"
)

const (
	// requested is how many requests must not take memory that stays.
	requested = 10_000
	// perRevision is after how many of them there is another revision.
	perRevision = 50
	// growth is what the heap may be larger after the last third of them than after the first, in percent.
	growth = 5
)

// heaps are the heap before any request, with what the world itself takes, and after each third of them.
type heaps struct {
	before uint64
	after  [3]uint64
}

// flat asks while revisions come, and while who has the token asks for what is no ApplicationSet.
func flat(ctx context.Context, applications int) (out heaps, err error) {
	k, err := newKnown(applications)
	if err != nil {
		return out, err
	}
	g := guard.New(guard.Options{Repository: k, Fleet: k, Live: k, Policy: admission.DefaultPolicy()})
	out.before = heap()
	for at := range requested {
		if at%perRevision == 0 {
			k.view = &catalog.View{Revision: fmt.Sprintf("%040x", at+1), Platform: k.view.Platform, Services: k.view.Services}
		}
		set := at % len(k.names)
		request := generator.Request{ApplicationSet: k.names[set], Input: k.inputs[set]}
		if at%10 == 3 {
			request = generator.Request{ApplicationSet: fmt.Sprintf("preview-%d", at), Input: params.Input{Kind: params.Services, Services: []string{serviceName(at % k.services)}}}
		}
		if _, err := g.Answer(ctx, request); err != nil {
			return out, err
		}
		if third := requested / len(out.after); (at+1)%third == 0 {
			out.after[(at+1)/third-1] = heap()
		}
	}
	runtime.KeepAlive(g)
	runtime.KeepAlive(k)
	return out, nil
}

func (h heaps) print() {
	fmt.Printf("Heap with the world of %d requests: %d MiB before them, %d, %d and %d MiB after each third (limit %d %% more after the last than after the first)\n\n",
		requested, h.before>>20, h.after[0]>>20, h.after[1]>>20, h.after[2]>>20, growth)
}

// check is an error where the heap has grown.
func (h heaps) check() error {
	if first, last := h.after[0], h.after[2]; last > first+first*growth/100 {
		return fmt.Errorf("the heap grows with requests: %d KiB after the first third of %d, %d KiB after the last", first>>10, requested, last>>10)
	}
	return nil
}
