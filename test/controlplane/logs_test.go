package controlplane

import (
	"context"
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
	r := &run{Dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(r.Dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	log := func(name, line string) {
		t.Helper()
		file, err := os.OpenFile(r.log(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		_, err = file.WriteString(line + "\n")
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want, not []string) {
		t.Helper()
		got := r.excerpts()
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
	r.part()
	log("server", "level=error around")
	end := r.part()
	log("server", "level=error inside")
	expect([]string{"inside"}, []string{"before", "around", "nothing", "quiet"})
	end()
	log("server", "level=error after")
	expect([]string{"around", "inside", "after"}, []string{"before"})

	log("quiet", "level=info something")
	if got := r.excerpts(); !strings.HasPrefix(got, "--- server: the last 3 of 3 complaints") || !strings.Contains(got, "--- quiet: the last 1 of 1 lines") {
		t.Errorf("those that complain are not first:\n%s", got)
	}
	log("late", strings.Repeat("level=warn many\n", shown+1)+"level=info between")
	if got := r.excerpts(); !strings.Contains(got, "the last 12 of 13 complaints") || strings.Contains(got, "between") {
		t.Errorf("not the last complaints are shown:\n%s", got)
	}

	var err error
	r.ctx, r.cancel = context.WithCancel(t.Context())
	r.folder, err = process.NewFolder(t.TempDir(), "run-", 0)
	if err != nil {
		t.Fatal(err)
	}
	r.ports, err = process.NewPorts()
	if err != nil {
		t.Fatal(err)
	}
	r.atEnd(func() error {
		log("server", "level=error nobody answers any more")
		return nil
	})
	if err := r.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect([]string{"around", "inside", "after"}, []string{"nobody answers any more"})
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
