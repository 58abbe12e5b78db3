// Command generator measures what Applications by the ten thousand cost the generator, the API server and Argo CD's
// ApplicationSet controller, and says what would break first.
//
//	go run ./test/bench/generator
//
// It ends with exit code 1 where the time from start to ready, the CPU time of an answer or the memory that requests leave
// behind is beyond its limit.
//
// The API server is a small one in the same process: what reading costs here is the client's side, and encoding.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tidegate/tidegate/generator/params"
)

func main() {
	log.SetFlags(0)
	ready := flag.Int("ready", 10_000, "how many Applications there are when the time from start to ready is measured")
	most := flag.Int("most", 100_000, "how many Applications are simulated at most")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *ready, *most); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, ready, most int) error {
	w, err := newWorld(ready)
	if err != nil {
		return err
	}
	took, err := w.startToReady(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("From start to ready with %d Applications by %d ApplicationSets: %s, of which %s of computing, with the API server's (limit %s)\n", ready, len(w.names), took.all.Round(time.Millisecond), took.cpu.Round(time.Millisecond), readyLimit)
	fmt.Printf("  repository cloned after %s and rendered after %s, everything watched after %s, every ApplicationSet answered in another %s\n\n",
		took.fetched.Round(time.Millisecond), took.read.Round(time.Millisecond), took.watched.Round(time.Millisecond), took.answered.Round(time.Millisecond))
	var beyond []error
	if took.all > readyLimit {
		beyond = append(beyond, fmt.Errorf("from start to ready it took %s, want at most %s", took.all, readyLimit))
	}
	each, err := w.perApplication()
	if err != nil {
		return err
	}
	print := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(print, "Applications\tApplicationSets\tanswers, CPU\tmarshalling alone\tratio\tfrom memory\tgenerator's heap")
	for _, applications := range []int{ready, most} {
		cost, err := costs(ctx, applications)
		if err != nil {
			return err
		}
		ratio := cost.ratio()
		fmt.Fprintf(print, "%d\t%d\t%s\t%s\t%.2f\t%s\t%d MiB\n", applications, cost.sets, ms(cost.answers), ms(cost.marshal), ratio, ms(cost.again), cost.heap>>20)
		if ratio >= ratioLimit {
			beyond = append(beyond, fmt.Errorf("the answers to %d Applications take %.2f times what marshalling them takes, want less than %v", applications, ratio, ratioLimit))
		}
	}
	if err := print.Flush(); err != nil {
		return err
	}
	fmt.Println()
	heaps, err := flat(ctx, ready)
	if err != nil {
		return err
	}
	heaps.print()
	return errors.Join(append(beyond, heaps.check(), limits(each, most))...)
}

func ms(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }

// limits prints what each Application costs whom, and how many there may be.
func limits(each sizes, most int) error {
	print := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(print, "what\teach\t%d\tlimit\treached at\n", most)
	bytes := func(what string, one, limit int, why string) {
		at := "-"
		if limit > 0 {
			at = fmt.Sprintf("%d", limit/one)
		}
		fmt.Fprintf(print, "%s\t%d B\t%.1f MiB\t%s\t%s\n", what, one, float64(one)*float64(most)/(1<<20), why, at)
	}
	bytes("status.resources of one ApplicationSet", each.status, etcdLimit, "1.5 MiB: etcd's for an object")
	bytes("status of one ApplicationSet with RollingSync", each.rolling, etcdLimit, "1.5 MiB: etcd's for an object")
	bytes("answer, of all ApplicationSets", each.answer, 0, "none; one answer is at most 2,000")
	bytes("all Applications in etcd", each.application, etcdQuota, "2 GiB: etcd's for all objects, by default")
	bytes("LIST of names", each.row, 0, "none")
	bytes("LIST of Applications", each.application, 0, "none; in pages of 500")
	fmt.Fprintf(print, "templates in the ApplicationSet controller\t%s\t%s\t30 min: its poll, one ApplicationSet after the other\t%d\n",
		each.template.Round(10*time.Microsecond), (each.template * time.Duration(most)).Round(time.Second), int(poll/each.template))
	if err := print.Flush(); err != nil {
		return err
	}
	fmt.Println()
	fmt.Println(strings.TrimSpace(fmt.Sprintf(`
What breaks first: one ApplicationSet at %d Applications (%d with RollingSync), since its status would be larger than etcd takes.
With ApplicationSets of %d: etcd at %d Applications, which takes no more writes beyond its quota; earlier, as it keeps what was replaced until it is compacted.
The ApplicationSet controller breaks nowhere here: a round over %d Applications takes it %s, by which what has changed comes later.`,
		etcdLimit/each.status, etcdLimit/each.rolling, params.MaxApplications, etcdQuota/each.application, most, (each.template * time.Duration(most)).Round(time.Second))))
	return nil
}

const (
	// readyLimit is for the time from start to ready, ratioLimit for the CPU time of an answer, in that of marshalling it.
	readyLimit = 10 * time.Second
	ratioLimit = 2.0
	// etcdLimit is etcd's --max-request-bytes.
	etcdLimit = 3 << 19
	// etcdQuota is etcd's --quota-backend-bytes, where nobody has set it.
	etcdQuota = 2 << 30
	// poll is Argo CD's default for plugin generators.
	poll = 30 * time.Minute
)
