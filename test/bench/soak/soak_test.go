package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/tidegate/tidegate/plugin/cmpserver"
)

func TestMemoryStaysFlatUnderManyClients(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no /proc")
	}
	binary := filepath.Join(t.TempDir(), "tidegate-plugin")
	build := exec.Command("go", "build", "-o", binary, "./cmd/tidegate-plugin")
	build.Dir, build.Env = "../../..", append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	load := Load{Requests: 3000, Clients: 200, Services: 50, Commits: 30, Memory: 512}
	report, err := Soak(t.Context(), binary, load)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(report)
	if err := report.Check(load); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotAsItMustBeIsSeen(t *testing.T) {
	store := cmpserver.Divide(1000 << 20).Store
	flat := Report{counts: [4]int{20, 5, 4, 1}, held: [3]float64{40, 50, 50}, stored: store, dropped: store}
	for i := range 30 {
		flat.memory = append(flat.memory, float64(100+i%7))
	}
	if err := flat.Check(Load{Memory: 1000}); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Report){
		"memory that grows":             func(r *Report) { r.held[2] = 80 },
		"more memory than there is":     func(r *Report) { r.memory[15] = 1001 },
		"a store that holds too much":   func(r *Report) { r.stored++ },
		"a store that was never full":   func(r *Report) { r.dropped = 0 },
		"requests that all come to one": func(r *Report) { r.counts = [4]int{30, 0, 0, 0} },
	} {
		t.Run(name, func(t *testing.T) {
			changed := flat
			changed.memory = slices.Clone(flat.memory)
			change(&changed)
			if err := changed.Check(Load{Memory: 1000}); err == nil {
				t.Error("it was not seen")
			}
		})
	}
}
