package fleet_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/util/db"
	"github.com/argoproj/argo-cd/v2/util/settings"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/render"
)

const credentials = `{"bearerToken":"s3cr3t-token","tlsClientConfig":{"insecure":false}}`

// secret is a cluster Secret with credentials, as kubectl applies one.
func secret(name, server string, labels map[string]string) *corev1.Secret {
	data := map[string][]byte{"config": []byte(credentials)}
	for key, value := range map[string]string{"name": name, "server": server} {
		if value != "" {
			data[key] = []byte(value)
		}
	}
	all := map[string]string{"argocd.argoproj.io/secret-type": "cluster"}
	for key, value := range labels {
		all[key] = value
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "cluster-" + name, Labels: all, ResourceVersion: "1", Annotations: map[string]string{
			corev1.LastAppliedConfigAnnotation: `{"data":{"config":"` + base64.StdEncoding.EncodeToString([]byte(credentials)) + `"}}`,
			"objectset.rio.cattle.io/applied":  "H4sIAAAA",
			"somebody.example.com/copy":        "config: " + credentials,
			"team":                             "platform",
		}},
		Data: data,
	}
}

func argocdCM(data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "argocd-cm", ResourceVersion: "1",
		Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"}}, Data: data}
}

// watching reads from client-go's fake API server until it knows everything.
func watching(t *testing.T, client *fake.Clientset) *fleet.Watched {
	t.Helper()
	before := watches(client)
	watched := fleet.Watch(fleet.WatchOptions{Client: client, Namespace: "argocd"})
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { watched.Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	// The fake API server forgets what happens between a list and its watch.
	wait(t, func() bool { return watched.State().Synced && watches(client) >= before+2 })
	return watched
}

func watches(client *fake.Clientset) int {
	return len(slices.DeleteFunc(client.Actions(), func(a clienttesting.Action) bool { return a.GetVerb() != "watch" }))
}

func wait(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("it never came")
		}
	}
}

const inCluster = "https://kubernetes.default.svc"

// Argo CD's own code lists the clusters beside ours.
func TestTheFleetIsWhatArgoCDListsTheImplicitClusterIncluded(t *testing.T) {
	for _, test := range []struct {
		name    string
		cm      map[string]string
		secrets []runtime.Object
		want    []string
	}{
		{"no Secret at all", nil, nil, []string{"in-cluster"}},
		{"others", nil, []runtime.Object{secret("eu", "https://eu:6443", nil)}, []string{"eu", "in-cluster"}},
		{"a Secret for it", nil, []runtime.Object{secret("home", inCluster+"/", nil)}, []string{"home"}},
		{"switched off", map[string]string{"cluster.inClusterEnabled": "false"}, []runtime.Object{secret("eu", "https://eu:6443", nil)}, []string{"eu"}},
		{"switched off, with a Secret", map[string]string{"cluster.inClusterEnabled": "false"},
			[]runtime.Object{secret("home", inCluster, nil), secret("eu", "https://eu:6443", nil)}, []string{"eu"}},
		{"anything but false", map[string]string{"cluster.inClusterEnabled": "no"}, nil, []string{"in-cluster"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			argocdSecret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "argocd-secret",
				Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"}}, Data: map[string][]byte{"server.secretkey": []byte("x")}}
			client := fake.NewClientset(append(test.secrets, argocdCM(test.cm), argocdSecret)...)
			clusters, err := watching(t, client).Clusters(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := db.NewDB("argocd", settings.NewSettingsManager(t.Context(), client, "argocd"), client).ListClusters(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var names, want []string
			for _, cluster := range clusters {
				names = append(names, cluster.Name+" "+cluster.Server)
			}
			for _, cluster := range theirs.Items {
				want = append(want, cluster.Name+" "+cluster.Server)
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, names); diff != "" {
				t.Errorf("-Argo CD +ours:\n%s", diff)
			}
			for i, name := range test.want {
				if len(names) != len(test.want) || !strings.HasPrefix(names[i], name+" ") {
					t.Errorf("want %v, got %v", test.want, names)
					break
				}
			}
		})
	}
}

func TestABrokenClusterSecretFailsTheWholeFleetAndIsNamed(t *testing.T) {
	values := secret("values", "https://values", nil)
	values.Annotations[fleet.ValuesAnnotation] = "REPLICAS: 3"
	twice := secret("values", "https://values", nil)
	twice.Annotations[fleet.ValuesAnnotation] = "REGION: eu\n---\nREGION: us\n"
	for _, test := range []struct {
		name    string
		secrets []runtime.Object
		want    string
	}{
		{"no name", []runtime.Object{secret("", "https://a", nil)}, "cluster Secret argocd/cluster-: name is missing"},
		{"no server", []runtime.Object{secret("a", "", nil)},
			"cluster Secret argocd/cluster-a: server is missing or not a URL such as https://kubernetes.default.svc, without user and password"},
		{"a password in the URL", []runtime.Object{secret("a", "https://admin:s3cr3t@a", nil)},
			"cluster Secret argocd/cluster-a: server is missing or not a URL such as https://kubernetes.default.svc, without user and password"},
		{"values of two documents", []runtime.Object{twice}, "cluster Secret argocd/cluster-values: tidegate.dev/values has 2 YAML documents; want one"},
		{"values that are none", []runtime.Object{values},
			`cluster Secret argocd/cluster-values: tidegate.dev/values:1: REPLICAS: want a string; write "3", in quotes`},
		{"one server twice", []runtime.Object{secret("a", "https://a", nil), secret("b", "https://a/", nil)},
			"cluster Secret argocd/cluster-b: its server is that of cluster Secret argocd/cluster-a already; delete one"},
		{"the implicit one's name", []runtime.Object{secret("in-cluster", "https://a", nil)},
			`cluster Secret argocd/cluster-in-cluster: "in-cluster" is the name of the cluster that Argo CD itself runs in ` +
				`(switch it off in argocd-cm: cluster.inClusterEnabled) already; rename one`},
	} {
		t.Run(test.name, func(t *testing.T) {
			objects := append(test.secrets, argocdCM(nil), secret("good", "https://good", nil))
			clusters, err := watching(t, fake.NewClientset(objects...)).Clusters(t.Context())
			if err == nil {
				t.Fatalf("no error, but %v", clusters)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	objects := []runtime.Object{argocdCM(nil)}
	for i := range 30 {
		objects = append(objects, secret(fmt.Sprintf("c%02d", i), "", nil))
	}
	_, err := watching(t, fake.NewClientset(objects...)).Clusters(t.Context())
	if lines := strings.Split(fmt.Sprint(err), "\n"); len(lines) != 21 || lines[20] != "and 10 more" {
		t.Errorf("%d lines:\n%v", len(lines), err)
	}
}

func TestTheWrongNamespaceIsNoFleetOfOneCluster(t *testing.T) {
	_, err := watching(t, fake.NewClientset()).Clusters(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the ConfigMap argocd/argocd-cm is missing") || !strings.Contains(err.Error(), "--namespace") {
		t.Errorf("%v", err)
	}
}

func TestWhatWasNeverReadIsAnErrorWithItsReason(t *testing.T) {
	client := fake.NewClientset(argocdCM(nil))
	client.PrependReactor("list", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(corev1.Resource("secrets"), "", errors.New(`user "generator" cannot list resource "secrets"`))
	})
	watched := fleet.Watch(fleet.WatchOptions{Client: client, Namespace: "argocd"})
	if _, err := watched.Clusters(t.Context()); err == nil || !strings.Contains(err.Error(), "have not been read yet") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { watched.Run(ctx) })
	defer func() { cancel(); done.Wait() }()
	wait(t, func() bool {
		_, err := watched.Clusters(t.Context())
		return err != nil && strings.HasPrefix(err.Error(), "cluster Secrets in the namespace argocd may not be listed: ") &&
			strings.Contains(err.Error(), `cannot list resource "secrets"`)
	})
}

func TestAChangedFleetIsKnownAndTold(t *testing.T) {
	client := fake.NewClientset(argocdCM(nil), secret("eu", "https://eu", map[string]string{"tier": "production"}))
	watched := watching(t, client)
	told := make(chan struct{}, 1)
	watched.Notify(told)
	names := func() string {
		clusters, err := watched.Clusters(t.Context())
		if err != nil {
			return err.Error()
		}
		var out []string
		for _, cluster := range clusters {
			out = append(out, cluster.Name+cluster.Labels["tier"])
		}
		return strings.Join(out, " ")
	}
	changed := func(err error, want string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		<-told
		wait(t, func() bool { return names() == want })
	}
	if got := names(); got != "euproduction in-cluster" {
		t.Error(got)
	}
	secrets := client.CoreV1().Secrets("argocd")
	_, err := secrets.Create(t.Context(), secret("us", "https://us", nil), metav1.CreateOptions{})
	changed(err, "euproduction in-cluster us")
	relabelled := secret("eu", "https://eu", map[string]string{"tier": "staging"})
	relabelled.ResourceVersion = "2"
	_, err = secrets.Update(t.Context(), relabelled, metav1.UpdateOptions{})
	changed(err, "eustaging in-cluster us")
	changed(secrets.Delete(t.Context(), "cluster-eu", metav1.DeleteOptions{}), "in-cluster us")
	off := argocdCM(map[string]string{"cluster.inClusterEnabled": "false"})
	off.ResourceVersion = "2"
	_, err = client.CoreV1().ConfigMaps("argocd").Update(t.Context(), off, metav1.UpdateOptions{})
	changed(err, "us")
}

func TestValuesOfAClusterSecretReachTheTemplateAndTheManifests(t *testing.T) {
	eu := secret("prod", "https://prod:6443", map[string]string{"tier": "production"})
	eu.Annotations[fleet.ValuesAnnotation] = "REGION: eu-west-1\n"
	watched := watching(t, fake.NewClientset(argocdCM(nil), eu, secret("home", inCluster, map[string]string{"tier": "nonproduction"})))
	clusters, err := watched.Clusters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	source, err := catalog.Open("../../examples/gitops-platform", "")
	if err != nil {
		t.Fatal(err)
	}
	view, err := catalog.New(source, render.New()).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	result, err := params.Compute(params.World{View: view, Clusters: clusters}, params.Input{Kind: params.Services})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, set := range result.Sets {
		want := ""
		if set.Cluster.Name == "prod" {
			want = "eu-west-1"
		}
		manifests := plugin.Defaults()
		if err := manifests.Parameters(set.PluginParameters); err != nil {
			t.Fatal(err)
		}
		if set.Values["REGION"] != want || manifests.Substitutions["REGION"] != want {
			t.Errorf("%s: the template has %q, the manifests have %q, want %q", set.Name, set.Values["REGION"], manifests.Substitutions["REGION"], want)
		}
		seen[set.Cluster.Name] = true
	}
	if !seen["prod"] || !seen["home"] {
		t.Errorf("no Applications on both clusters: %v", seen)
	}
}
