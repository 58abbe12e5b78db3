package fleet

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// credential is 4 KiB of what must not be kept.
func credential(i int) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("s3cr3t-%04d", i), 4096/11))
}

func fat(i int) *corev1.Secret {
	config := credential(i)
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "argocd", Name: fmt.Sprintf("cluster-%d", i), Labels: map[string]string{"tier": "production"},
			Annotations: map[string]string{
				corev1.LastAppliedConfigAnnotation: string(config),
				"objectset.rio.cattle.io/applied":  "H4sIAAAA",
				"somebody.example.com/copy":        "config: " + string(config),
				ValuesAnnotation:                   "REGION: eu-west-1",
			},
			ManagedFields: []metav1.ManagedFieldsEntry{{FieldsV1: &metav1.FieldsV1{Raw: config}}},
		},
		Data: map[string][]byte{"name": fmt.Appendf(nil, "c%d", i), "server": fmt.Appendf(nil, "https://c%d", i), "config": config, "else": config},
	}
}

func TestCredentialsAreNotKept(t *testing.T) {
	kept := register(fat(1))
	if text := fmt.Sprintf("%+v", *kept); strings.Contains(text, "s3cr3t") {
		t.Error(text)
	}
	if kept.cluster.Values["REGION"] != "eu-west-1" || len(kept.cluster.Annotations) != 1 || len(kept.problems) != 0 {
		t.Errorf("%+v", *kept)
	}
	short := fat(1)
	short.Data["config"], short.Annotations["note"] = []byte("{}"), "an empty object is {}"
	if register(short).cluster.Annotations["note"] == "" {
		t.Error("an annotation is lost that only looks like a copy")
	}
}

func TestAFleetOfTwoThousandClustersKeepsNoneOfTheirCredentialsInMemory(t *testing.T) {
	const clusters = 2000
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	kept := make([]*registration, clusters)
	before := heap()
	for i := range kept {
		kept[i] = register(fat(i))
	}
	each := (heap() - before) / clusters
	runtime.KeepAlive(kept)
	t.Logf("%d bytes for each cluster", each)
	if each > 3000 {
		t.Errorf("%d bytes are kept of each cluster: its credentials would be 4096", each)
	}
}
