//go:build e2e

package simulate_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/test/controlplane/simulate"
)

// TestSimulation runs on one cluster: its parts use names of their own.
func TestSimulation(t *testing.T) {
	c := start(t)
	for _, part := range []struct {
		name string
		run  func(*cluster)
	}{
		{"a pod waits for everything that it names", podWaits},
		{"init containers run first", initFirst},
		{"a pod waits for a key that its Secret does not have", podWaitsForKey},
		{"a tag decides what becomes of a container", tagsDecide},
		{"a Job completes, or fails", jobsEnd},
		{"a pod is gone after its deletion, and not before its finalizers", podGoes},
		{"a claim waits for its first consumer, and stays as long as it is used", claimWaits},
		{"an immediate claim waits for nobody", immediateClaim},
		{"an ExternalSecret waits for its store, and makes its Secret again", externalSecret},
		{"a Certificate waits for its issuer", certificate},
		{"a SealedSecret is sealed until its controller runs", sealedSecret},
		{"a ScaledObject waits for its target and its credentials", scaledObject},
		{"custom resources do not go without their controller", customResource},
		{"a webhook answers when its pods are ready, and only then", webhook},
		{"a certificate's bundle comes with the certificate", injection},
		{"an aggregated API is available when its pods are ready", aggregated},
		{"addresses come, later, or never do", addresses},
		{"a Secret goes with the ExternalSecret that it was made for", secretGoes},
		{"everything goes on after a restart of the API server", restart},
	} {
		t.Run(part.name, func(t *testing.T) {
			own := *c
			own.T = t
			part.run(&own)
		})
	}
}

func podWaits(c *cluster) {
	c.apply(`
apiVersion: v1
kind: Pod
metadata: {name: waits}
spec:
  imagePullSecrets: [{name: nobody}]
  volumes:
  - {name: settings, configMap: {name: settings}}
  - {name: both, projected: {sources: [{secret: {name: projected}}, {secret: {name: nobody, optional: true}}]}}
  - {name: nothing, secret: {secretName: nobody, optional: true}}
  containers:
  - name: one
    image: app:1
    envFrom: [{secretRef: {name: credentials}}, {configMapRef: {name: nobody, optional: true}}]
    env:
    - {name: A, valueFrom: {configMapKeyRef: {name: variables, key: key}}}
    - {name: B, valueFrom: {secretKeyRef: {name: nobody, key: key, optional: true}}}`)
	c.untilWaiting("waits", "ContainerCreating", `configmap "settings" not found`)
	c.create(configMap("settings"))
	c.untilWaiting("waits", "ContainerCreating", `secret "projected" not found`)
	c.create(secret("projected"))
	c.untilWaiting("waits", "CreateContainerConfigError", `secret "credentials" not found`)
	c.create(secret("credentials"))
	c.untilWaiting("waits", "CreateContainerConfigError", `configmap "variables" not found`)
	c.create(configMap("variables"))
	c.untilPhase("waits", corev1.PodRunning)
}

func initFirst(c *cluster) {
	c.apply(`
apiVersion: v1
kind: Pod
metadata: {name: init}
spec:
  initContainers:
  - {name: first, image: "app:1", envFrom: [{configMapRef: {name: for-init}}]}
  - {name: second, image: "app:1"}
  containers: [{name: main, image: "app:1", envFrom: [{secretRef: {name: for-main}}]}]`)
	c.untilWaiting("init", "CreateContainerConfigError", `configmap "for-init" not found`)
	c.create(configMap("for-init"))
	c.untilWaiting("init", "CreateContainerConfigError", `secret "for-main" not found`)
	pod, err := c.pod(c.Context(), "init")
	must(c, err)
	for _, container := range pod.Status.InitContainerStatuses {
		if container.State.Terminated == nil {
			c.Errorf("init container %s has not ended, and main is about to start: %+v", container.Name, container.State)
		}
	}
	c.create(secret("for-main"))
	c.untilPhase("init", corev1.PodRunning)
}

func podWaitsForKey(c *cluster) {
	c.apply(`
apiVersion: v1
kind: Pod
metadata: {name: key}
spec: {containers: [{name: one, image: "app:1", env: [{name: A, valueFrom: {secretKeyRef: {name: keys, key: password}}}]}]}`)
	keys := secret("keys").(*corev1.Secret)
	c.create(keys)
	c.untilWaiting("key", "CreateContainerConfigError", "couldn't find key password in Secret default/keys")
	keys.StringData = map[string]string{"password": "x"}
	must(c, c.Update(c.Context(), keys))
	c.untilPhase("key", corev1.PodRunning)
}

func tagsDecide(c *cluster) {
	for tag, reason := range map[string]string{"broken": "ImagePullBackOff", "v1-crash": "CrashLoopBackOff"} {
		c.apply(`
apiVersion: v1
kind: Pod
metadata: {name: ` + tag + `}
spec: {containers: [{name: one, image: "registry:5000/app:` + tag + `"}]}`)
		c.untilWaiting(tag, reason, "")
	}
}

func jobsEnd(c *cluster) {
	for name, tag := range map[string]string{"succeeds": "1", "fails": "failing"} {
		c.apply(`
apiVersion: batch/v1
kind: Job
metadata: {name: ` + name + `}
spec: {backoffLimit: 0, template: {spec: {restartPolicy: Never, containers: [{name: one, image: "app:` + tag + `"}]}}}`)
	}
	for name, kind := range map[string]batchv1.JobConditionType{"succeeds": batchv1.JobComplete, "fails": batchv1.JobFailed} {
		c.until("Job "+name+" is "+string(kind), func(ctx context.Context) error {
			var job batchv1.Job
			if err := c.Get(ctx, client.ObjectKey{Namespace: "default", Name: name}, &job); err != nil {
				return err
			}
			for _, condition := range job.Status.Conditions {
				if condition.Type == kind && condition.Status == corev1.ConditionTrue {
					return nil
				}
			}
			return fmt.Errorf("its status is %+v", job.Status)
		})
	}
}

func podGoes(c *cluster) {
	c.apply(`
apiVersion: v1
kind: Pod
metadata: {name: goes, finalizers: [example.com/mine]}
spec: {containers: [{name: one, image: "app:1"}]}`)
	c.untilPhase("goes", corev1.PodRunning)
	c.remove("v1", "Pod", "goes")
	c.until("the node has let the pod go", func(ctx context.Context) error {
		pod, err := c.pod(ctx, "goes")
		if err == nil && (pod.DeletionGracePeriodSeconds == nil || *pod.DeletionGracePeriodSeconds != 0) {
			err = fmt.Errorf("it still has %v s", pod.DeletionGracePeriodSeconds)
		}
		return err
	})
	pod, err := c.pod(c.Context(), "goes")
	must(c, err)
	pod.Finalizers = nil
	must(c, c.Update(c.Context(), pod))
	c.untilGone("v1", "Pod", "goes")
}

const claimOf = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: %s}
spec: {accessModes: [ReadWriteOnce], storageClassName: %s, resources: {requests: {storage: 1Gi}}}`

func (c *cluster) claim(ctx context.Context, name string, phase corev1.PersistentVolumeClaimPhase) (volume string, err error) {
	var claim corev1.PersistentVolumeClaim
	if err := c.Get(ctx, client.ObjectKey{Namespace: "default", Name: name}, &claim); err != nil {
		return "", err
	}
	if claim.Status.Phase != phase {
		return "", fmt.Errorf("claim %s is %s", name, claim.Status.Phase)
	}
	return claim.Spec.VolumeName, nil
}

func claimWaits(c *cluster) {
	c.apply(fmt.Sprintf(claimOf, "data", simulate.StorageClass))
	c.until("the cluster's volume controller waits for a consumer", func(ctx context.Context) error {
		var events corev1.EventList
		if err := c.List(ctx, &events, client.InNamespace("default")); err != nil {
			return err
		}
		for _, event := range events.Items {
			if event.InvolvedObject.Name == "data" && event.Reason == "WaitForFirstConsumer" {
				return nil
			}
		}
		return fmt.Errorf("no event says so")
	})
	if _, err := c.claim(c.Context(), "data", corev1.ClaimPending); err != nil {
		c.Error("a claim without a consumer:", err)
	}
	c.apply(`
apiVersion: v1
kind: Pod
metadata: {name: consumer}
spec: {volumes: [{name: data, persistentVolumeClaim: {claimName: data}}], containers: [{name: one, image: "app:1"}]}`)
	c.untilPhase("consumer", corev1.PodRunning)
	volume, err := c.claim(c.Context(), "data", corev1.ClaimBound)
	must(c, err)
	c.remove("v1", "PersistentVolumeClaim", "data")
	if _, err := c.claim(c.Context(), "data", corev1.ClaimBound); err != nil {
		c.Error("a claim went before its pod:", err)
	}
	c.remove("v1", "Pod", "consumer")
	c.untilGone("v1", "PersistentVolumeClaim", "data")
	c.until("the volume is deleted", func(ctx context.Context) error {
		err := c.Get(ctx, client.ObjectKey{Name: volume}, &corev1.PersistentVolume{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return cause(err, fmt.Errorf("volume %s is still there", volume))
	})
}

func immediateClaim(c *cluster) {
	c.apply(fmt.Sprintf(claimOf, "immediate", simulate.ImmediateStorageClass))
	c.until("the claim is bound", func(ctx context.Context) error {
		_, err := c.claim(ctx, "immediate", corev1.ClaimBound)
		return err
	})
}

func externalSecret(c *cluster) {
	c.installCRDs(true, "external-secrets.io")
	const group = "external-secrets.io/v1beta1"
	c.apply(`
apiVersion: external-secrets.io/v1beta1
kind: ExternalSecret
metadata: {name: payments}
spec: {secretStoreRef: {name: vault}, target: {name: payments-db}, data: [{secretKey: password, remoteRef: {key: a}}]}`)
	c.untilCondition(group, "ExternalSecret", "payments", "Ready", "False", "SecretSyncedError")
	c.apply(`
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: vault}
spec: {provider: {vault: {auth: {tokenSecretRef: {name: vault-token, key: key}}}}}`)
	c.untilCondition(group, "SecretStore", "vault", "Ready", "False", "InvalidProviderConfig")
	c.create(secret("vault-token"))
	c.untilCondition(group, "ExternalSecret", "payments", "Ready", "True", "SecretSynced")
	made, err := c.get(c.Context(), "v1", "Secret", "payments-db")
	must(c, err)
	if data, _, err := unstructured.NestedString(made.Object, "data", "password"); err != nil || data == "" {
		c.Errorf("the Secret has no password: %v", made.Object["data"])
	}
	must(c, c.Delete(c.Context(), made))
	c.untilThere("v1", "Secret", "payments-db")
}

// secretGoes needs the garbage collector, which looks for new kinds every 30 seconds: it comes late in the test.
func secretGoes(c *cluster) {
	c.remove("external-secrets.io/v1", "ExternalSecret", "payments")
	c.untilGone("v1", "Secret", "payments-db")
}

func certificate(c *cluster) {
	c.installCRDs(true, "cert-manager.io")
	const group = "cert-manager.io/v1"
	c.apply(`
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web}
spec: {secretName: web-tls, dnsNames: [web.example.com], issuerRef: {name: acme}}`)
	c.untilCondition(group, "Certificate", "web", "Issuing", "True", "DoesNotExist")
	c.apply(`
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: acme}
spec: {acme: {solvers: [{http01: {ingress: {name: challenges}}}]}}`)
	c.untilCondition(group, "Issuer", "acme", "Ready", "True", "IsReady")
	c.untilCondition(group, "Certificate", "web", "Ready", "False", "DoesNotExist")
	c.apply(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: challenges}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}`)
	c.untilCondition(group, "Certificate", "web", "Ready", "True", "Ready")
	c.untilThere("v1", "Secret", "web-tls")
}

const operator = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s
  annotations: {simulate.tidegate.dev/controller-of: "%[2]s", simulate.tidegate.dev/finalizer: "%[3]s"}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template: {metadata: {labels: {app: %[1]s}}, spec: {containers: [{name: one, image: "app:1", ports: [{containerPort: 8443}]}]}}`

func sealedSecret(c *cluster) {
	c.installCRDs(false, "bitnami.com")
	c.apply(`
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: sealed}
spec: {encryptedData: {key: AgB}}`)
	c.apply(`
apiVersion: v1
kind: Pod
metadata: {name: needs-sealed}
spec: {containers: [{name: one, image: "app:1", envFrom: [{secretRef: {name: sealed}}]}]}`)
	c.untilWaiting("needs-sealed", "CreateContainerConfigError", `secret "sealed" not found`)
	c.apply(fmt.Sprintf(operator, "sealed-secrets", "bitnami.com/SealedSecret", ""))
	c.untilCondition("bitnami.com/v1alpha1", "SealedSecret", "sealed", "Synced", "True", "Unsealed")
	c.untilPhase("needs-sealed", corev1.PodRunning)
}

func scaledObject(c *cluster) {
	c.installCRDs(true, "keda.sh")
	c.apply(`
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: by-events}
spec: {scaleTargetRef: {name: by-events}, triggers: [{type: kafka, authenticationRef: {name: broker}}]}`)
	c.untilCondition("keda.sh/v1alpha1", "ScaledObject", "by-events", "Ready", "False", "ScaledObjectCheckFailed")
	c.apply(fmt.Sprintf(operator, "by-events", "", ""))
	c.untilMessage("by-events", `TriggerAuthentication "broker" not found`)
	c.apply(`
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: broker}
spec: {secretTargetRef: [{parameter: sasl, name: broker-credentials, key: key}]}`)
	c.untilMessage("by-events", `secret "broker-credentials" not found`)
	c.create(secret("broker-credentials"))
	c.untilCondition("keda.sh/v1alpha1", "ScaledObject", "by-events", "Ready", "True", "ScaledObjectReady")
}

// untilMessage waits until a ScaledObject says what it misses.
func (c *cluster) untilMessage(name, words string) {
	c.Helper()
	c.until(name+" says "+words, func(ctx context.Context) error {
		obj, err := c.get(ctx, "keda.sh/v1alpha1", "ScaledObject", name)
		if err == nil && !strings.Contains(fmt.Sprint(obj.Object["status"]), words) {
			err = fmt.Errorf("its status is %v", obj.Object["status"])
		}
		return err
	})
}

const exampleKind = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[1]ss.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: %[2]s, listKind: %[2]sList, plural: %[1]ss, singular: %[1]s}
  versions:
  - {name: v1, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
---
apiVersion: example.com/v1
kind: %[2]s
metadata: {name: one}
spec: {size: 1}`

func customResource(c *cluster) {
	for name, kind := range map[string]string{"database": "Database", "witness": "Witness"} {
		c.apply(fmt.Sprintf(exampleKind, name, kind))
		c.apply(fmt.Sprintf(operator, name, "example.com/"+kind, "example.com/cleanup"))
		c.untilCondition("example.com/v1", kind, "one", "Ready", "True", "Reconciled")
	}
	found, err := c.get(c.Context(), "example.com/v1", "Database", "one")
	must(c, err)
	if len(found.GetFinalizers()) != 1 {
		c.Errorf("finalizers are %v", found.GetFinalizers())
	}
	c.scale("database", 0)
	c.untilAvailable("database", 0)
	c.remove("example.com/v1", "Database", "one")
	c.remove("example.com/v1", "Witness", "one")
	// The other one was deleted later, and has a controller that takes as long.
	c.untilGone("example.com/v1", "Witness", "one")
	if _, err := c.get(c.Context(), "example.com/v1", "Database", "one"); err != nil {
		c.Error("a custom resource went without its controller:", err)
	}
	c.scale("database", 1)
	c.untilGone("example.com/v1", "Database", "one")
}

const served = `
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec: {selector: {app: %[1]s}, ports: [{port: 443, targetPort: 8443}]}`

// admitted says whether the API server takes a ConfigMap that webhooks look at.
func (c *cluster) admitted(ctx context.Context, label string) (*corev1.ConfigMap, error) {
	guarded := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", GenerateName: "guarded-", Labels: map[string]string{"guarded": label}}}
	return guarded, c.Create(ctx, guarded)
}

func (c *cluster) untilRefused(label, words string) {
	c.Helper()
	c.until("a refusal says "+words, func(ctx context.Context) error {
		_, err := c.admitted(ctx, label)
		if err == nil || !strings.Contains(err.Error(), words) {
			return fmt.Errorf("it says %w", cause(err, fmt.Errorf("nothing: the object was admitted")))
		}
		return nil
	})
}

func (c *cluster) untilAdmitted(label string) *corev1.ConfigMap {
	c.Helper()
	var out *corev1.ConfigMap
	c.until("the object is admitted", func(ctx context.Context) (err error) {
		out, err = c.admitted(ctx, label)
		return err
	})
	return out
}

const guard = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: %[1]s, annotations: {%[2]s}}
webhooks:
- name: %[1]s.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  objectSelector: {matchLabels: {guarded: %[1]s}}
  clientConfig: {service: {namespace: default, name: %[1]s, path: /guard}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]`

func webhook(c *cluster) {
	c.apply(fmt.Sprintf(guard, "guard", `simulate.tidegate.dev/inject-ca: "true"`))
	c.untilRefused("guard", `service "guard" not found`)
	c.apply(fmt.Sprintf(served, "guard"))
	c.untilRefused("guard", "no endpoints available for service default/guard")
	c.apply(strings.Replace(fmt.Sprintf(operator, "guard", "", ""), "app:1", "app:crash", 1))
	c.untilUnready("guard")
	c.untilRefused("guard", "no endpoints available for service default/guard")
	c.setImage("guard", "app:1")
	c.untilAdmitted("guard")

	c.annotate(&corev1.Service{}, "guard", simulate.PatchAnnotation, `[{"op": "add", "path": "/metadata/labels/seen", "value": "yes"}]`)
	c.until("the webhook's patch is in the object", func(ctx context.Context) error {
		seen, err := c.admitted(ctx, "guard")
		if err == nil && seen.Labels["seen"] != "yes" {
			err = fmt.Errorf("its labels are %v", seen.Labels)
		}
		return err
	})
	c.annotate(&corev1.Service{}, "guard", simulate.DenyAnnotation, "not on a Friday")
	c.untilRefused("guard", "not on a Friday")
	c.scale("guard", 0)
	c.untilRefused("guard", "no endpoints available for service default/guard")
}

// annotate annotates an object of a kind, by its name.
func (c *cluster) annotate(obj client.Object, name, annotation, value string) {
	c.Helper()
	must(c, c.Get(c.Context(), client.ObjectKey{Namespace: "default", Name: name}, obj))
	before := obj.DeepCopyObject().(client.Object)
	annotations := map[string]string{}
	maps.Copy(annotations, obj.GetAnnotations())
	annotations[annotation] = value
	obj.SetAnnotations(annotations)
	must(c, c.Patch(c.Context(), obj, client.MergeFrom(before)))
}

func injection(c *cluster) {
	c.apply(fmt.Sprintf(served, "trusted"))
	c.apply(fmt.Sprintf(operator, "trusted", "", ""))
	c.untilAvailable("trusted", 1)
	c.apply(fmt.Sprintf(guard, "trusted", "cert-manager.io/inject-ca-from: default/trusted"))
	c.untilRefused("trusted", "x509")
	c.apply(`
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: trusted}
spec: {secretName: trusted-tls, dnsNames: [trusted.default.svc], issuerRef: {name: self}}`)
	c.apply(`
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self}
spec: {selfSigned: {}}`)
	c.untilAdmitted("trusted")
}

func aggregated(c *cluster) {
	c.apply(`
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.metrics.example.com, annotations: {simulate.tidegate.dev/inject-ca: "true"}}
spec: {group: metrics.example.com, version: v1, groupPriorityMinimum: 100, versionPriority: 100, service: {namespace: default, name: metrics}}`)
	c.untilCondition("apiregistration.k8s.io/v1", "APIService", "v1.metrics.example.com", "Available", "False", "ServiceNotFound")
	c.apply(fmt.Sprintf(served, "metrics"))
	c.untilCondition("apiregistration.k8s.io/v1", "APIService", "v1.metrics.example.com", "Available", "False", "MissingEndpoints")
	c.apply(fmt.Sprintf(operator, "metrics", "", ""))
	c.untilCondition("apiregistration.k8s.io/v1", "APIService", "v1.metrics.example.com", "Available", "True", "Passed")
}

func addresses(c *cluster) {
	annotations := map[string]string{"unreachable": "never", "late": "1h"}
	for _, name := range []string{"late", "unreachable", "reachable"} {
		annotation := ""
		if asked, ok := annotations[name]; ok {
			annotation = simulate.AddressAnnotation + ": " + asked
		}
		c.apply(fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %[1]s, annotations: {%[2]s}}
spec: {type: LoadBalancer, selector: {app: x}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %[1]s, annotations: {%[2]s}}
spec: {ingressClassName: public, defaultBackend: {service: {name: web, port: {number: 80}}}}`, name, annotation))
	}
	c.until("the LoadBalancer has an address", func(ctx context.Context) error { return c.service(ctx, "reachable", 1) })
	must(c, c.ingress(c.Context(), "reachable", 0)) // its class is not there
	c.apply(`
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: public}
spec: {controller: example.com/public}`)
	c.until("the Ingress has an address", func(ctx context.Context) error { return c.ingress(ctx, "reachable", 1) })
	for name := range annotations {
		must(c, cause(c.ingress(c.Context(), name, 0), c.service(c.Context(), name, 0)))
	}
	// An hour that has become a moment is over.
	for _, obj := range []client.Object{&corev1.Service{}, &networkingv1.Ingress{}} {
		c.annotate(obj, "late", simulate.AddressAnnotation, "1ms")
	}
	c.until("they have addresses later", func(ctx context.Context) error {
		return cause(c.ingress(ctx, "late", 1), c.service(ctx, "late", 1))
	})
}

func (c *cluster) service(ctx context.Context, name string, addresses int) error {
	var found corev1.Service
	err := c.Get(ctx, client.ObjectKey{Namespace: "default", Name: name}, &found)
	if err == nil && len(found.Status.LoadBalancer.Ingress) != addresses {
		err = fmt.Errorf("service %s has addresses %v", name, found.Status.LoadBalancer.Ingress)
	}
	return err
}

func (c *cluster) ingress(ctx context.Context, name string, addresses int) error {
	var found networkingv1.Ingress
	err := c.Get(ctx, client.ObjectKey{Namespace: "default", Name: name}, &found)
	if err == nil && len(found.Status.LoadBalancer.Ingress) != addresses {
		err = fmt.Errorf("ingress %s has addresses %v", name, found.Status.LoadBalancer.Ingress)
	}
	return err
}

func restart(c *cluster) {
	c.restartAPIServer()
	c.apply(`
apiVersion: v1
kind: Pod
metadata: {name: later}
spec: {containers: [{name: one, image: "app:1", envFrom: [{secretRef: {name: later}}]}]}`)
	c.untilWaiting("later", "CreateContainerConfigError", `secret "later" not found`)
	c.apply(`
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: later}
spec: {encryptedData: {key: AgB}}`)
	c.untilPhase("later", corev1.PodRunning)
}
