package fleet

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/common"

	"github.com/tidegate/tidegate/internal/strict"
)

// secret is a cluster Secret as a file has it.
type secret struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
	Type       string   `json:"type,omitempty"`
	// StringData is plain text, Data is base64.
	StringData map[string]string `json:"stringData,omitempty"`
	Data       map[string]string `json:"data,omitempty"`
}

type metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// kept are the keys of a cluster Secret that say something of the cluster. Whatever else there is may be a credential.
var kept = []string{"name", "server", "project", "shard", "namespaces", "clusterResources"}

// ParseClusters reads the documents of a file of clusters; sorted by name. The error names file and line.
func ParseClusters(file string, data []byte) ([]Cluster, error) {
	documents, err := strict.Documents(file, data)
	if err != nil {
		return nil, err
	}
	if len(documents) == 0 {
		return nil, strict.Errors{{File: file, Message: "has no cluster; each is a document in the shape of an Argo CD cluster Secret"}}
	}
	var clusters []Cluster
	var problems strict.Errors
	seen := unique{}
	for _, document := range documents {
		cluster := read(document)
		if len(document.Errors) == 0 {
			seen.add(document, "name", cluster.Name)
			seen.add(document, "server", cluster.Server)
		}
		clusters = append(clusters, cluster)
		problems = append(problems, document.Errors...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	slices.SortFunc(clusters, func(a, b Cluster) int { return strings.Compare(a.Name, b.Name) })
	return clusters, nil
}

func read(document *strict.Document) Cluster {
	if kind := document.Text("kind"); kind != "Secret" || document.Text("apiVersion") != "v1" {
		document.Add("kind", "want apiVersion v1 and kind Secret, in the shape of an Argo CD cluster Secret")
		return Cluster{}
	}
	var s secret
	if document.Decode(&s) != nil {
		return Cluster{}
	}
	values := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(s.Data)) {
		decoded, err := base64.StdEncoding.DecodeString(s.Data[key])
		if err != nil && slices.Contains(kept, key) {
			document.Add("data."+key, "is not base64; plain text belongs under stringData")
		}
		values[key] = string(decoded)
	}
	maps.Copy(values, s.StringData)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(kept, key) {
			document.Add(place(document, key), "a file of clusters holds no credentials, only %s; remove it, and if it was committed, replace the credential",
				strings.Join(kept, ", "))
		}
	}
	if s.Metadata.Labels[common.LabelKeySecretType] != common.LabelValueSecretTypeCluster {
		document.Add("metadata.labels", "%s: %s is missing; without it Argo CD does not see a cluster in the Secret",
			common.LabelKeySecretType, common.LabelValueSecretTypeCluster)
	}
	cluster, problems := fromSecret(s.Metadata.Labels, s.Metadata.Annotations, values)
	for _, p := range problems {
		document.Add(place(document, p.key), "%s", p.message)
	}
	return cluster
}

// place is where in a document a key of the Secret is, or should be.
func place(document *strict.Document, key string) string {
	for _, field := range []string{"data." + key, "stringData." + key} {
		if document.Has(field) {
			return field
		}
	}
	if strings.HasPrefix(key, "labels") || strings.HasPrefix(key, "annotations") {
		return "metadata." + key
	}
	return "stringData"
}

// unique remembers where a name or server was first seen.
type unique map[string]int

func (u unique) add(document *strict.Document, key, value string) {
	at := place(document, key)
	if line, again := u[key+" "+value]; again {
		document.Add(at, "%s", fmt.Sprintf("%q is the %s of the cluster in line %d already", value, key, line))
		return
	}
	u[key+" "+value] = document.Line(at)
}
