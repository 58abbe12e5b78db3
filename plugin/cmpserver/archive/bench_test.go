package archive_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
)

// BenchmarkUnpack unpacks a monorepo of 500 services of 8 small files each.
func BenchmarkUnpack(b *testing.B) {
	var headers []header
	for i := range 500 {
		dir := fmt.Sprintf("services/service-%03d", i)
		for _, folder := range []string{"", "/base", "/overlays", "/overlays/staging", "/overlays/production"} {
			headers = append(headers, header{tar.TypeDir, dir + folder, ""})
		}
		for j, name := range []string{"base/kustomization", "base/deployment", "base/service", "base/hpa", "overlays/staging/kustomization",
			"overlays/staging/image-tag", "overlays/production/kustomization", "overlays/production/image-tag"} {
			headers = append(headers, file(dir+"/"+name+".yaml", strings.Repeat(fmt.Sprintf("apiVersion: v1\nkind: Kind%d\nmetadata: {name: a%d}\n", j, i*j), 5+j)))
		}
	}
	content := pack(b, headers...)
	b.SetBytes(archive.Expanded(content))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := archive.Unpack(b.Context(), bytes.NewReader(content), archive.Limits{Expanded: archive.Expanded(content)}); err != nil {
			b.Fatal(err)
		}
	}
}
