// Package image checks what can be checked of the Dockerfile without a container engine: that its build command works and
// gives static binaries, and that what it copies exists.
package image

import (
	"debug/buildinfo"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// instructions returns the Dockerfile's instructions, continued lines joined, without comments.
func instructions(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, line := range strings.Split(string(content), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	joined := strings.ReplaceAll(strings.Join(lines, "\n"), "\\\n", " ")
	return strings.Split(joined, "\n")
}

// buildContext copies what is sent to the container engine: everything but what .dockerignore names.
func buildContext(t *testing.T) string {
	t.Helper()
	ignored, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, entry := range entries {
		name := entry.Name()
		if slices.Contains(strings.Fields(string(ignored)), name) {
			continue
		}
		if entry.IsDir() {
			err = os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(root, name)))
		} else {
			var content []byte
			if content, err = os.ReadFile(filepath.Join(root, name)); err == nil {
				err = os.WriteFile(filepath.Join(dir, name), content, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBuildCommandGivesStaticBinaries(t *testing.T) {
	var command string
	for _, instruction := range instructions(t) {
		if run, ok := strings.CutPrefix(instruction, "RUN "); ok {
			command = regexp.MustCompile(`--mount=\S+`).ReplaceAllString(run, "")
		}
	}
	out := t.TempDir()
	command = strings.ReplaceAll(command, "/out/", out+"/")
	build := exec.Command("sh", "-c", command)
	build.Dir = buildContext(t)
	build.Env = append(os.Environ(), "TARGETOS=linux", "TARGETARCH=amd64", "VERSION=v1.2.3-test", "GOFLAGS=")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, output)
	}
	for _, name := range []string{"tidegate", "tidegate-plugin"} {
		binary, err := elf.Open(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		defer binary.Close()
		if slices.ContainsFunc(binary.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
			t.Errorf("%s needs a dynamic loader, which the image does not have", name)
		}
		info, err := buildinfo.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(info.Settings, debug.BuildSetting{Key: "-tags", Value: "timetzdata"}) {
			t.Errorf("%s has no time zones, and neither has the image: sync windows would be in UTC", name)
		}
	}
	version, err := exec.Command(filepath.Join(out, "tidegate"), "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(version), "v1.2.3-test") {
		t.Errorf("tidegate version prints %q, not the version given to the build", version)
	}
}

func TestImageHoldsWhatArgoCDAndTheGeneratorLookFor(t *testing.T) {
	got := instructions(t)
	for _, want := range []string{
		"COPY --from=build /out/tidegate /out/tidegate-plugin /usr/local/bin/",
		// Where crypto/x509 looks first.
		"COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/",
		"COPY plugin.yaml /home/argocd/cmp-server/config/",
		"USER 999:999",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("the Dockerfile has no %q", want)
		}
	}
	if _, err := os.Stat(filepath.Join(buildContext(t), "plugin.yaml")); err != nil {
		t.Error(err)
	}
}
