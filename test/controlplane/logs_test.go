package controlplane

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/test/controlplane/process"
)

func TestAComplaintIsRecognisedInEveryFormat(t *testing.T) {
	for format, lines := range map[string]struct{ complains, tells string }{
		"klog":        {`E1126 17:10:38.000000    7 controller.go:1] "Unhandled Error" err="x"`, `I1126 17:10:38.000000    7 controller.go:1] "Started" error="none"`},
		"logrus text": {`time="2026-11-26T17:10:38Z" level=warning msg="x"`, `time="2026-11-26T17:10:38Z" level=info msg="no error"`},
		"logrus JSON": {`{"level":"error","msg":"x","time":"2026-11-26T17:10:38Z"}`, `{"level":"info","msg":"no error","time":"2026-11-26T17:10:38Z"}`},
		"slog text":   {`time=2026-11-26T17:10:38.000Z level=ERROR msg=x`, `time=2026-11-26T17:10:38.000Z level=INFO msg="no error"`},
		"slog warns":  {`time=2026-11-26T17:10:38.000Z level=WARN msg=x`, `time=2026-11-26T17:10:38.000Z level=DEBUG msg="no warning"`},
		"slog JSON":   {`{"time":"2026-11-26T17:10:38Z","level":"WARN","msg":"x"}`, `{"time":"2026-11-26T17:10:38Z","level":"INFO","msg":"no warning"}`},
		"etcd":        {`{"level":"warn","ts":"2026-11-26T17:10:38.000Z","caller":"x.go:1","msg":"x"}`, `{"level":"info","ts":"2026-11-26T17:10:38.000Z","msg":"x"}`},
		"Go":          {`panic: runtime error: x`, `goroutine 1 [running]:`},
		"cobra":       {`Error: unknown flag: --x`, `Usage:`},
	} {
		said := excerptOf([]byte(lines.tells + "\n" + lines.complains + "\n" + lines.tells + "\n"))
		if !said.complaints || len(said.lines) != 1 || string(said.lines[0]) != lines.complains {
			t.Errorf("%s: shown is %q", format, said.lines)
		}
		if said := excerptOf([]byte(lines.tells + "\n")); said.complaints || len(said.lines) != 1 {
			t.Errorf("%s: %q is taken for a complaint", format, said.lines)
		}
	}
}

func TestLogsAreThoseOfThePartThatFails(t *testing.T) {
	dir := t.TempDir()
	r := &run{Dir: dir}
	log := func(name, line string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if len(r.processes) == 0 || r.processes[len(r.processes)-1].Name != name {
			r.processes = append(r.processes, &process.Process{Spec: process.Spec{Name: name, Log: path}})
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		_, err = file.WriteString(line + "\n")
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	part := func() (end func()) {
		t.Helper()
		end, err := r.part()
		if err != nil {
			t.Fatal(err)
		}
		return end
	}
	expect := func(want, not []string) {
		t.Helper()
		got := r.logs()
		for _, line := range want {
			if !strings.Contains(got, line) {
				t.Errorf("%q is not shown:\n%s", line, got)
			}
		}
		for _, line := range not {
			if strings.Contains(got, line) {
				t.Errorf("%q is shown:\n%s", line, got)
			}
		}
	}
	log("quiet", "level=info nothing")
	log("server", "level=error before")
	part()
	log("server", "level=error around")
	end := part()
	log("server", "level=error inside")
	expect([]string{"inside"}, []string{"before", "around", "nothing"})
	end()
	log("server", "level=error after")
	expect([]string{"around", "inside", "after"}, []string{"before"})

	log("quiet", "level=info something")
	if got := r.logs(); strings.Index(got, "--- server: the last 3 of 3 complaints") != 0 || !strings.Contains(got, "--- quiet: the last 1 of 1 lines") {
		t.Errorf("those that complain are not first:\n%s", got)
	}
	log("late", strings.Repeat("level=warn many\n", shown+1)+"level=info between")
	if got := r.logs(); !strings.Contains(got, "the last 12 of 13 complaints") || bytes.Contains([]byte(got), []byte("between")) {
		t.Errorf("not the last complaints are shown:\n%s", got)
	}
}

func TestASimulationThatDiesIsAReason(t *testing.T) {
	r := &run{}
	var reason error
	r.watch(func() error { return reason })
	if err := r.failed(); err != nil {
		t.Errorf("it runs, and has failed: %v", err)
	}
	reason = errors.New("the simulation of cluster staging ended")
	if err := r.failed(); !errors.Is(err, reason) {
		t.Errorf("it ended, and the reason is %v", err)
	}
}
