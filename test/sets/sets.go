// Package sets holds sets of manifests that Argo CD has trouble with: each is what somebody deploys as one Application.
// Tests sync them in simulated and in real clusters.
package sets

import (
	"bytes"
	"embed"
	"io/fs"
	"strconv"
	"strings"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave/argocd"
)

//go:embed *.yaml
var files embed.FS

// Namespace is the destination of every set.
const Namespace = "payments"

// Set is one Application's manifests.
type Set struct {
	Name string
	// About says what is in it, and which reports it is modelled on.
	About   string
	Objects []manifest.Object
}

// All are the sets, by name.
func All() ([]Set, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, err
	}
	var out []Set
	for _, name := range names {
		content, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		set := Set{Name: strings.TrimSuffix(name, ".yaml"), About: about(content)}
		if set.Objects, err = Parse(content); err != nil {
			return nil, err
		}
		out = append(out, set)
	}
	return out, nil
}

// Parse reads a YAML stream the way Argo CD reads a plugin's answer.
func Parse(content []byte) ([]manifest.Object, error) {
	objects, err := kube.SplitYAML(content)
	var out []manifest.Object
	for _, object := range objects {
		out = append(out, object.Object)
	}
	return out, err
}

// about is the comment at the beginning of a file, in one line.
func about(content []byte) string {
	var lines []string
	for line := range bytes.Lines(content) {
		comment, ok := bytes.CutPrefix(line, []byte("# "))
		if !ok {
			break
		}
		lines = append(lines, string(bytes.TrimSpace(comment)))
	}
	return strings.Join(lines, " ")
}

// wavesByKind is how people number waves by hand: a wave for each kind, what is needed before what needs it.
var wavesByKind = map[string]int{
	"Namespace": -6, "CustomResourceDefinition": -5, "PriorityClass": -5,
	"ServiceAccount": -4, "Role": -4, "ClusterRole": -4, "RoleBinding": -4, "ClusterRoleBinding": -4, "NetworkPolicy": -4,
	"SecretStore": -3, "ClusterSecretStore": -3, "Issuer": -3, "ClusterIssuer": -3,
	"ConfigMap": -2, "Secret": -2, "ExternalSecret": -2, "SealedSecret": -2, "Certificate": -2, "PersistentVolumeClaim": -2,
	"ValidatingWebhookConfiguration": -1, "MutatingWebhookConfiguration": -1, "Service": -1, "AnalysisTemplate": -1, "TriggerAuthentication": -1,
	"Ingress": 1, "PodDisruptionBudget": 1, "APIService": 1,
	"HorizontalPodAutoscaler": 2, "ScaledObject": 2, "CronJob": 2,
	"Widget": 3, "Gadget": 3,
}

// NumberByKind writes into the objects the waves that people give them by hand.
func NumberByKind(objects []manifest.Object) {
	for _, object := range objects {
		object.SetAnnotation(argocd.WaveAnnotation, strconv.Itoa(wavesByKind[object.Kind()]))
	}
}
