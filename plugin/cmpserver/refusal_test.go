package cmpserver_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc/status"

	"github.com/tidegate/tidegate/plugin/cmpserver"
)

// Argo CD shows an error on one screen, and gRPC sends it as a header.
func TestALongErrorKeepsItsPlaceAndItsCause(t *testing.T) {
	client := serve(t, cmpserver.Options{})
	var secrets strings.Builder
	for i := range 30 {
		fmt.Fprintf(&secrets, "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s%d%s}\nstringData: {%s: x}\n", i, strings.Repeat("n", 240), strings.Repeat("ключ", 60))
	}
	for _, test := range []struct {
		name         string
		files        map[string]string
		begins, ends string
	}{
		{
			"a list that goes on", with(service, "app/settings.yaml", secrets.String()),
			"app/settings.yaml:2: Secret s0nnn", " more",
		},
		{
			"an object where a path belongs", with(service, "app/kustomization.yaml", "namePrefix: a-\nresources:\n- "+strings.Repeat("é", 20_000)+"\n"),
			"app/kustomization.yaml:3: resources: ééé", "ééé: no such file or folder",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := generate(t.Context(), client, ask("app", pack(t, test.files), region))
			got := status.Convert(err).Message()
			if !strings.HasPrefix(got, test.begins) || !strings.HasSuffix(got, test.ends) {
				t.Errorf("got %q, want %q … %q", got, test.begins, test.ends)
			}
			if n := len(got); n > 4<<10 || n < 3<<10 || !utf8.ValidString(got) || strings.ContainsRune(got, utf8.RuneError) {
				t.Errorf("it has %d bytes, or not all of them are text", n)
			}
		})
	}
}
