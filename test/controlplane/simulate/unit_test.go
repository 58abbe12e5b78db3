package simulate

import (
	"bytes"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// A word that only one of the two knows would leave pods Pending for ever.
func TestStagesWaitForTheWordsThatAreSaid(t *testing.T) {
	said := []string{podRuns, podCrashes, podSucceeds, podFails}
	var heard []string
	for _, document := range bytes.Split(Stages(), []byte("\n---\n")) {
		var stage struct {
			Spec struct {
				Selector struct {
					MatchExpressions []struct {
						Key    string   `json:"key"`
						Values []string `json:"values"`
					} `json:"matchExpressions"`
				} `json:"selector"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal(document, &stage); err != nil {
			t.Fatal(err)
		}
		for _, expression := range stage.Spec.Selector.MatchExpressions {
			if strings.Contains(expression.Key, podAnnotation) {
				heard = append(heard, expression.Values...)
			}
		}
	}
	slices.Sort(said)
	slices.Sort(heard)
	if heard = slices.Compact(heard); !slices.Equal(said, heard) {
		t.Errorf("the simulation says %q, kwok waits for %q", said, heard)
	}
}

func TestDelayRunsFromTheFirstQuestion(t *testing.T) {
	now := time.Unix(0, 0)
	d := newDelays(func() time.Time { return now })
	expect := func(step string, want time.Duration) {
		t.Helper()
		if got := d.left("uid", step, time.Minute); got != want {
			t.Errorf("%s: %s are left, want %s", step, got, want)
		}
	}
	expect("one", time.Minute)
	now = now.Add(40 * time.Second)
	expect("one", 20*time.Second)
	expect("two", time.Minute)
	now = now.Add(40 * time.Second)
	expect("one", 0)
	expect("two", 20*time.Second)
	d.again("uid", "one")
	expect("one", time.Minute)
	d.forget("uid")
	expect("two", time.Minute)
}

func TestTheTagDecidesAndNothingElseOfTheName(t *testing.T) {
	for image, want := range map[string]Fate{
		"app":                                  Runs,
		"app:1":                                Runs,
		"app:1-broken":                         Unpullable,
		"registry.example.com:5000/app:crash1": Crashes,
		"broken.example.com:5000/crash/app:1":  Runs,
		"broken":                               Runs,
		"app:failing@sha256:0123":              Fails,
		"app@sha256:0123":                      Runs,
	} {
		if got := DefaultTags.of(image); got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
}

func TestEveryOperatedKindHasItsDefinition(t *testing.T) {
	definitions, err := CRDs(AllGroups)
	if err != nil {
		t.Fatal(err)
	}
	for kind := range operations {
		found := slices.IndexFunc(definitions, func(d *apiextensionsv1.CustomResourceDefinition) bool {
			return d.Spec.Group == kind.Group && d.Spec.Names.Kind == kind.Kind
		})
		if found < 0 {
			t.Errorf("no CustomResourceDefinition for %s", kind)
		} else if definitions[found].Annotations[OperatorAnnotation] != Elsewhere {
			t.Errorf("%s: nobody operates it as it is installed", kind)
		}
	}
	if some, err := CRDs(kedaGroup); err != nil || len(some) != 2 {
		t.Errorf("%d definitions of %s, %v", len(some), kedaGroup, err)
	}
	if some, err := CRDs(kedaGroup, "keda.example.com"); err == nil {
		t.Errorf("%d definitions of a group that there is not", len(some))
	}
}

func TestAPodDoesNotWaitForWhatIsOptional(t *testing.T) {
	var spec corev1.PodSpec
	if err := yaml.UnmarshalStrict([]byte(`
imagePullSecrets: [{name: pull}]
volumes:
- {name: a, configMap: {name: a, items: [{key: k, path: p}]}}
- {name: b, configMap: {name: b, optional: true}}
- {name: c, secret: {secretName: c}}
- {name: d, secret: {secretName: d, optional: true}}
- {name: e, projected: {sources: [{secret: {name: e1}}, {secret: {name: e2, optional: true}}, {configMap: {name: e3}}, {serviceAccountToken: {path: t}}]}}
- {name: f, persistentVolumeClaim: {claimName: f}}
- {name: g, emptyDir: {}}
containers:
- name: one
  envFrom: [{configMapRef: {name: h}}, {configMapRef: {name: i, optional: true}}, {secretRef: {name: j}}, {secretRef: {name: k, optional: true}}]
  env:
  - {name: A, value: x}
  - {name: B, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  - {name: C, valueFrom: {configMapKeyRef: {name: l, key: k}}}
  - {name: D, valueFrom: {secretKeyRef: {name: m, key: k, optional: true}}}
`), &spec); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ref := range append(ofVolumes(&spec), ofContainer(&spec.Containers[0])...) {
		got = append(got, ref.kind+"/"+strings.Join(append([]string{ref.name}, ref.keys...), "/"))
	}
	want := []string{
		"ConfigMap/a/k", "Secret/c", "Secret/e1", "ConfigMap/e3", "PersistentVolumeClaim/f", "ConfigMap/h", "Secret/j", "ConfigMap/l/k",
	}
	if !slices.Equal(got, want) {
		t.Errorf("a pod waits for\n%q, want\n%q", got, want)
	}
}

func TestASocketIsTakenFromTheDeadAndNotFromTheLiving(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	living, err := listen(path)
	if err != nil {
		t.Fatalf("a socket that a crash has left behind stops the next simulation: %v", err)
	}
	if _, err := listen(path); err == nil {
		t.Error("two simulations share a socket")
	}
	if err := living.Close(); err != nil {
		t.Error(err)
	}
}

func TestASimulationSaysWhatBrokeItAndOnlyThen(t *testing.T) {
	s := &Simulation{done: make(chan struct{})}
	if err := s.Failed(); err != nil {
		t.Errorf("it runs, and says %v", err)
	}
	s.err = errors.New("the socket is gone")
	close(s.done)
	if err := s.Failed(); !errors.Is(err, s.err) {
		t.Errorf("it says %v", err)
	}
}

func TestAnAddressComesWhenAScenarioAsks(t *testing.T) {
	w := &world{Options: Options{}.withDefaults()}
	for asked, want := range map[string]struct {
		delay time.Duration
		ever  bool
	}{"": {defaultDelay, true}, "1h": {time.Hour, true}, Never: {0, false}} {
		service := &corev1.Service{}
		service.Annotations = map[string]string{AddressAnnotation: asked}
		if delay, ever, err := w.addressDelay(service); err != nil || delay != want.delay || ever != want.ever {
			t.Errorf("%q: after %s, ever: %t, %v", asked, delay, ever, err)
		}
	}
	service := &corev1.Service{}
	service.Name, service.Annotations = "web", map[string]string{AddressAnnotation: "soon"}
	if _, _, err := w.addressDelay(service); err == nil || !strings.Contains(err.Error(), "/web: annotation "+AddressAnnotation) {
		t.Errorf("it says %v", err)
	}
}
