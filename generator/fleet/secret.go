package fleet

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/common"
	corev1 "k8s.io/api/core/v1"
	unversioned "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/tidegate/tidegate/internal/platform"
	"github.com/tidegate/tidegate/internal/strict"
)

// problem is what is wrong with a key of a Secret, or with one of its annotations.
type problem struct{ key, message string }

// fromSecret keeps what argo-cd util/db.SecretToCluster keeps, except the credentials.
func fromSecret(labels, annotations, values map[string]string) (Cluster, []problem) {
	cluster := Cluster{
		Name:        values["name"],
		Server:      strings.TrimRight(values["server"], "/"),
		Project:     values["project"],
		Shard:       values["shard"],
		Labels:      without(labels, common.LabelKeySecretType),
		Annotations: without(annotations, corev1.LastAppliedConfigAnnotation, common.AnnotationKeyManagedBy),
	}
	var problems []problem
	if cluster.Name == "" {
		problems = append(problems, problem{"name", "name is missing"})
	}
	if server, err := url.Parse(cluster.Server); err != nil || server.Host == "" || server.User != nil {
		problems = append(problems, problem{"server", "server is missing or not a URL such as https://kubernetes.default.svc, without user and password"})
	}
	for _, invalid := range unversioned.ValidateLabels(cluster.Labels, field.NewPath("labels")) {
		problems = append(problems, problem{"labels", fmt.Sprintf("%q: %s", invalid.BadValue, invalid.Detail)})
	}
	var err error
	if cluster.Values, err = parseValues(cluster.Annotations[ValuesAnnotation]); err != nil {
		problems = append(problems, problem{"annotations." + ValuesAnnotation, err.Error()})
	}
	return cluster, problems
}

// parseValues reads the annotation of a cluster's values.
func parseValues(text string) (map[string]string, error) {
	documents, err := strict.Documents(ValuesAnnotation, []byte(text))
	if err != nil {
		return nil, err
	}
	switch len(documents) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, fmt.Errorf("%s has %d YAML documents; want one", ValuesAnnotation, len(documents))
	}
	values := map[string]string{}
	if err := documents[0].Decode(&values); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := platform.CheckVariable(name); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func without(in map[string]string, keys ...string) map[string]string {
	out := make(map[string]string, len(in))
	for key, value := range in {
		if !slices.Contains(keys, key) {
			out[key] = value
		}
	}
	return out
}
