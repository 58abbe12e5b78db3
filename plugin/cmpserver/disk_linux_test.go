package cmpserver_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// openFiles are the regular files that this process has open.
func openFiles(t *testing.T) (names []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if info, err := os.Stat(link); err == nil && info.Mode().IsRegular() {
			name, _ := os.Readlink(link)
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The server and its children run in an empty folder, which is also where temporary files would be, and no file on any disk
// may become larger than nothing. They do in a process of their own, since that holds for all that a process writes.
func TestNothingIsWrittenToDisk(t *testing.T) {
	const variable = "TIDEGATE_TEST_WRITES_NOTHING"
	if os.Getenv(variable) == "" {
		command := exec.Command(os.Args[0], "-test.v", "-test.run=^TestNothingIsWrittenToDisk$")
		command.Env = append(os.Environ(), variable+"=1")
		if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestNothingIsWrittenToDisk") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	client := serve(t, cmpserver.Options{})
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"TMPDIR", "HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, dir)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Error(err)
		}
	}()
	before := openFiles(t)
	const kustomization = "app/kustomization.yaml"
	for name, test := range map[string]struct {
		content []byte
		fails   bool
	}{
		"a render":             {pack(t, service), false},
		"one in a child":       {pack(t, with(service, kustomization, "resources: [settings.yaml]\nopenapi: {version: v1.21.2}\n")), false},
		"one that fails":       {pack(t, with(service, kustomization, "resources: [gone.yaml]\n")), true},
		"one of another's":     {pack(t, with(service, kustomization, "resources: [settings.yaml, 'https://example.com/a.yaml']\n")), true},
		"one with a plugin":    {pack(t, with(service, kustomization, "resources: [settings.yaml]\nhelmCharts: [{name: a, repo: 'https://example.com'}]\n")), true},
		"a large archive":      {pack(t, with(service, "large", strings.Repeat("large", 4<<20))), false},
		"what is no archive":   {noise, true},
		"an archive cut short": {pack(t, service)[:100], true},
	} {
		if _, err := generate(t.Context(), client, ask("app", test.content, region)); (err != nil) != test.fails {
			t.Errorf("%s gives %v", name, err)
		}
	}
	stream, err := client.GetParametersAnnouncement(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range ask("app", noise) {
		if err := stream.Send(message); err != nil {
			t.Fatal(err)
		}
	}
	var announcements *protocol.ParametersAnnouncementResponse
	if announcements, err = stream.CloseAndRecv(); err != nil {
		t.Errorf("got %v, %v", announcements, err)
	}
	if after := openFiles(t); !slices.Equal(before, after) {
		t.Errorf("files are open: before %q, after %q", before, after)
	}
	written, err := os.ReadDir(dir)
	if err != nil || len(written) > 0 {
		t.Errorf("it has written %v, %v", written, err)
	}
}
