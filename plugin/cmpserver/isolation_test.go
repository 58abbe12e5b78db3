package cmpserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// noise is an archive of half a MiB that says nothing.
var noise = bytes.Repeat([]byte("noise"), 100_000)

func TestWhatIsWrongWithARequestIsSaidWhenAllOfItHasCome(t *testing.T) {
	client := serve(t, cmpserver.Options{Budget: cmpserver.Budget{Store: 1 << 20, Streams: 1 << 20, Tree: 1 << 20, Child: 1 << 28, Children: 1}})
	good := pack(t, service)
	other := func(change func(*protocol.ManifestRequestMetadata)) *protocol.AppStreamRequest {
		m := describe("app", noise)
		change(m)
		return metadata(m)
	}
	body := ask("app", noise)[1:]
	for _, test := range []struct {
		name    string
		request request
		want    string
	}{
		{"nothing", nil, "Argo CD sent nothing"},
		{"no metadata", body, "Argo CD sent an archive without saying what it is"},
		{"metadata twice", append(append(ask("app", noise), metadata(describe("app", noise))), body...), "something else in the middle of an archive"},
		{"a negative size", append(request{other(func(m *protocol.ManifestRequestMetadata) { m.Size = -1 })}, body...), "negative size"},
		{"a wrong checksum", append(request{other(func(m *protocol.ManifestRequestMetadata) { m.Checksum = strings.Repeat("0", 64) })}, body...), "the checksum differs"},
		{"no checksum", append(request{other(func(m *protocol.ManifestRequestMetadata) { m.Checksum = "" })}, body...), "the checksum differs"},
		{"too small a size", append(request{other(func(m *protocol.ManifestRequestMetadata) { m.Size = 10 })}, body...), "announced 10 bytes and sent 500000"},
		{"too large a size", append(request{other(func(m *protocol.ManifestRequestMetadata) { m.Size = 1 << 20 })}, body...), "announced 1048576 bytes and sent 500000"},
		{"more than fits", append(request{other(func(m *protocol.ManifestRequestMetadata) { m.Size = 300 << 20 })}, body...), "memory limit of the plugin's container to 2400 MiB"},
		{"no archive", ask("app", noise), "the archive that Argo CD sent cannot be unpacked"},
		{"cut off", ask("app", good[:len(good)-20], region), "cannot be unpacked: unexpected EOF"},
		{"a path out of it", ask("../app", good, region), "leads out of what Argo CD sent"},
		{"an absolute path", ask("/etc", good, region), "leads out of what Argo CD sent"},
		{"no such folder", ask("gone", good, region), "gone: no such file or folder"},
		{"a parameter that is none", ask("app", good, "ARGOCD_ENV_TIDEGATE_WAVE=off"), "did you mean ARGOCD_ENV_TIDEGATE_WAVES?"},
		{"a missing value", ask("app", good), "app/settings.yaml:1: ConfigMap settings: data.region: ${REGION} has no value"},
	} {
		t.Run(test.name, func(t *testing.T) {
			manifests, err := generate(t.Context(), client, test.request)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "sending failed") {
				t.Errorf("got %q and %v, want an error about %q", manifests, err, test.want)
			}
			if status.Code(err) != codes.Unknown {
				t.Errorf("code %v: Argo CD may try again", status.Code(err))
			}
		})
	}
	if manifests, err := generate(t.Context(), client, ask("app", good, region)); err != nil || len(manifests) != 1 {
		t.Errorf("afterwards a good request gives %q, %v", manifests, err)
	}
}

func TestAChecksumWithoutItsArchiveOpensNothing(t *testing.T) {
	secret := pack(t, with(service, "app/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: secret}\n"))
	mine := pack(t, service)
	claim := describe("app", secret, region)
	claim.Size = int64(len(mine))
	lie := append(request{metadata(claim)}, ask("app", mine)[1:]...)
	for _, first := range []string{"owner", "liar"} {
		t.Run("first the "+first, func(t *testing.T) {
			client := serve(t, cmpserver.Options{})
			owns := func() {
				manifests, err := generate(t.Context(), client, ask("app", secret))
				if err != nil || len(manifests) != 1 || !strings.Contains(manifests[0], "secret") {
					t.Errorf("the owner gets %q, %v", manifests, err)
				}
			}
			if first == "owner" {
				owns()
			}
			for range 2 { // before the owner, or between, and afterwards
				manifests, err := generate(t.Context(), client, lie)
				if err == nil || !strings.Contains(err.Error(), "the checksum differs") {
					t.Errorf("for the checksum of another's archive the liar gets %q, %v", manifests, err)
				}
				// What was sent under that checksum is not what its owner gets.
				owns()
			}
		})
	}
}

// Each link has a target that would be rendered if it were followed: on the disk of the server, and in the archive at the
// path that is left of it when the way out is ignored.
func TestNoLinkLeadsOutOfWhatWasSent(t *testing.T) {
	client := serve(t, cmpserver.Options{})
	const secret = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: secret}\n"
	outside := t.TempDir()
	for name, content := range map[string]string{"kustomization.yaml": "resources: [secret.yaml]\n", "secret.yaml": secret} {
		if err := os.WriteFile(filepath.Join(outside, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	up := strings.Repeat("../", 20)
	decoy := outside[1:] // in the archive
	for _, test := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"inside", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "-> files/a.yaml", "app/files/a.yaml": secret}, ""},
		{"to a folder inside", map[string]string{"app/kustomization.yaml": "resources: [base]\n", "app/base": "-> ../shared",
			"shared/kustomization.yaml": "resources: [a.yaml]\n", "shared/a.yaml": secret}, ""},
		{"absolute", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "-> " + outside + "/secret.yaml"}, "outside the repository"},
		{"relative", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "-> " + up + decoy + "/secret.yaml"}, "outside the repository"},
		{"one step too far", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "-> ../../secret.yaml", "secret.yaml": secret}, "outside the repository"},
		{"by way of a folder", map[string]string{"app/kustomization.yaml": "resources: [out/secret.yaml]\n", "app/out": "-> " + outside}, "outside the repository"},
		{"a base", map[string]string{"app/kustomization.yaml": "resources: [out]\n", "app/out": "-> " + outside}, "outside the repository"},
		{"by way of two links", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "-> b.yaml", "app/b.yaml": "-> " + outside + "/secret.yaml"}, "outside the repository"},
		{"as text", map[string]string{"app/kustomization.yaml": "configMapGenerator: [{name: a, files: [out/secret.yaml]}]\n", "app/out": "-> " + outside}, "outside the repository"},
		{"in circles", map[string]string{"app/kustomization.yaml": "resources: [a]\n", "app/a": "-> b", "app/b": "-> a"}, "too many symbolic links"},
		{"the Application", map[string]string{"app": "-> " + outside}, "outside the repository"},
		{"the Application, relative", map[string]string{"app": "-> " + up + decoy}, "outside the repository"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := with(test.files, decoy+"/kustomization.yaml", "resources: [secret.yaml]\n")
			files[decoy+"/secret.yaml"] = secret
			manifests, err := generate(t.Context(), client, ask("app", pack(t, files)))
			switch {
			case test.want == "" && (err != nil || len(manifests) != 1):
				t.Errorf("rendered %q, %v", manifests, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("rendered %q, and the error is %v, want one about %q", manifests, err, test.want)
			}
		})
	}
}

func TestAClientThatStallsOrLeavesHoldsUpNobody(t *testing.T) {
	good := pack(t, service)
	budget := cmpserver.Divide(0)
	budget.Streams = int64(len(noise))
	client := serve(t, cmpserver.Options{Stall: 200 * time.Millisecond, Budget: budget})
	for name, leave := range map[string]bool{"stalls": false, "leaves": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stream, err := client.GenerateManifest(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, message := range ask("app", noise)[:10] { // which sets aside all the memory there is
				if err := stream.Send(message); err != nil {
					t.Fatal(err)
				}
			}
			if leave {
				cancel()
			}
			// Waits for the memory, and gets it when the server has given the other up.
			if manifests, err := generate(t.Context(), client, ask("app", good, region)); err != nil || len(manifests) != 1 {
				t.Errorf("another client got %q, %v", manifests, err)
			}
			var response protocol.ManifestResponse
			if err := stream.RecvMsg(&response); err == nil {
				t.Errorf("it got %v", &response)
			}
		})
	}
}

func TestATenantThatSendsMuchAtOnceLeavesRoomForTheArchivesOfOthers(t *testing.T) {
	budget := cmpserver.Divide(0)
	budget.Streams = 4 * int64(len(noise))
	client := serve(t, cmpserver.Options{Budget: budget, Stall: time.Hour})
	archive := ask("app", noise, "ARGOCD_APP_SOURCE_REPO_URL=https://example.com/hostile")
	// All but the end of an archive can be sent only once there is memory for it: it is larger than what gRPC receives ahead.
	for _, part := range []request{archive[:len(archive)-1], archive[:len(archive)-1], archive[:len(archive)-1], archive[:10]} {
		stream, err := client.GenerateManifest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, message := range part {
			if err := stream.Send(message); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if manifests, err := generate(ctx, client, ask("app", pack(t, service), region)); err != nil || len(manifests) != 1 {
		t.Errorf("another tenant got %q, %v", manifests, err)
	}
}

func TestARenderThatTakesTooLongIsAnErrorThatSaysSo(t *testing.T) {
	client := serve(t, cmpserver.Options{Time: 3 * time.Second}) // of who sets no deadline: no client can be sooner
	var objects strings.Builder
	for i := range 15_000 { // minutes, for kustomize
		fmt.Fprintf(&objects, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a%d}\n", i)
	}
	slow := pack(t, with(service, "app/settings.yaml", objects.String()))
	_, err := generate(t.Context(), client, ask("app", slow, region))
	if status.Code(err) != codes.DeadlineExceeded || !strings.Contains(err.Error(), "controller.repo.server.timeout.seconds") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if manifests, err := generate(ctx, client, ask("app", pack(t, service), region)); err != nil || len(manifests) != 1 {
		t.Errorf("another client got %q, %v", manifests, err)
	}
}

func TestManyLargeRepositoriesAtOnceTakeTurns(t *testing.T) {
	const mib = 1 << 20
	client := serve(t, cmpserver.Options{Budget: cmpserver.Budget{Store: mib, Streams: 4 * mib, Tree: 24 * mib, Child: 1 << 30, Children: 1}})
	const clients, each = 20, 10 * mib
	type seen struct {
		inUse uint64
		err   error
	}
	answers := make(chan seen, clients)
	var archives [][]byte
	waits := with(service, "app/kustomization.yaml", "resources: [settings.yaml]\nopenapi: {version: v1.21.2}\n") // for the one process
	for i := range clients {
		archives = append(archives, pack(t, with(waits, "large", fmt.Sprint(i)+strings.Repeat("a", each))))
	}
	for _, content := range archives {
		go func() {
			_, err := generate(t.Context(), client, ask("app", content, region))
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			answers <- seen{m.HeapInuse, err}
		}()
	}
	peak := uint64(0)
	for range clients {
		answer := <-answers
		if answer.err != nil {
			t.Error(answer.err)
		}
		peak = max(peak, answer.inUse)
	}
	if peak > clients*each/2 {
		t.Errorf("%d MiB at once for %d trees of %d MiB, of which two fit", peak/mib, clients, each/mib)
	}
}

func TestARenderThatTakesAllMemoryThereIsIsStoppedAndNamesTheCause(t *testing.T) {
	budget := cmpserver.Divide(0)
	budget.Child = 200 << 20
	client := serve(t, cmpserver.Options{Budget: budget})
	var replacements strings.Builder
	for i := range 40 {
		fmt.Fprintf(&replacements, "- source: {kind: ConfigMap, name: settings, fieldPath: data}\n"+
			"  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.k%d], options: {create: true}}]\n", i)
	}
	greedy := pack(t, with(service, "app/kustomization.yaml", "resources: [settings.yaml]\nreplacements:\n"+replacements.String()))
	_, err := generate(t.Context(), client, ask("app", greedy, region))
	const want = "app: rendering was stopped, it needed more than 200 MiB of memory; app/kustomization.yaml: replacements write to data."
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if manifests, err := generate(ctx, client, ask("app", pack(t, service), region)); err != nil || len(manifests) != 1 {
		t.Errorf("another client got %q, %v", manifests, err)
	}
}

func TestTwoHundredClientsAtOnceEachGetTheirOwn(t *testing.T) {
	client := serve(t, cmpserver.Options{})
	var group sync.WaitGroup
	errs := make(chan error, 200)
	for i := range cap(errs) {
		group.Go(func() {
			name := fmt.Sprintf("settings-%d", i%50)
			content := pack(t, with(service, "app/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "+name+"}\n"))
			manifests, err := generate(t.Context(), client, ask("app", content))
			switch {
			case err != nil:
				errs <- err
			case len(manifests) != 1 || !strings.Contains(manifests[0], `"name":"`+name+`"`):
				errs <- fmt.Errorf("%s got %q", name, manifests)
			}
		})
	}
	group.Wait()
	close(errs)
	if err := errors.Join(drainErrors(errs)...); err != nil {
		t.Error(err)
	}
}

func drainErrors(errs <-chan error) (all []error) {
	for err := range errs {
		all = append(all, err)
	}
	return all
}

func TestMemoryDoesNotGrowWithTheNumberOfRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand renders")
	}
	const kept = 4 << 20
	client := serve(t, cmpserver.Options{Budget: cmpserver.Budget{Store: kept, Streams: 4 << 20, Tree: 4 << 20, Child: 1 << 28, Children: 1}})
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what finalizers and pools held
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	some := func(from, to int) {
		for i := from; i < to; i++ {
			files := with(service, "app/settings.yaml", fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a%d}\ndata: {a: %q}\n", i, strings.Repeat("x", i%100*100)))
			files["other"] = strings.Repeat(fmt.Sprint(i), 10_000)
			if i%10 == 0 {
				files["app/kustomization.yaml"] = "resources: [gone.yaml]\n"
			}
			if _, err := generate(t.Context(), client, ask("app", pack(t, files))); (err != nil) != (i%10 == 0) {
				t.Fatal(err)
			}
		}
	}
	some(0, 300) // fills the store several times over
	before := heap()
	some(300, 1000)
	if after := heap(); after > before+kept/2 {
		t.Errorf("%d KiB in use after 300 requests, %d after 1000", before>>10, after>>10)
	}
}
