package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
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
	load := Load{Requests: 1200, Clients: 200, Services: 50, Commits: 12, Memory: 512}
	report, err := Soak(t.Context(), binary, load)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(report)
	if err := report.Check(load); err != nil {
		t.Error(err)
	}
}

func TestMemoryThatGrowsIsSeen(t *testing.T) {
	grows := Report{counts: [3]int{20, 5, 5}}
	for i := range 30 {
		grows.memory = append(grows.memory, float64(100+10*i))
	}
	flat := Report{counts: grows.counts}
	for i := range 30 {
		flat.memory = append(flat.memory, float64(100+i%7))
	}
	if err := grows.Check(Load{Memory: 1000}); err == nil {
		t.Error("growth was not seen")
	}
	if err := flat.Check(Load{Memory: 1000}); err != nil {
		t.Error(err)
	}
	if err := flat.Check(Load{Memory: 100}); err == nil {
		t.Error("too much was not seen")
	}
}
