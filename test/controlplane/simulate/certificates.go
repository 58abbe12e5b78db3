package simulate

import (
	"cmp"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	certManagerGroup = "cert-manager.io"
	// certManagerNamespace is where the Secrets of ClusterIssuers are when cert-manager comes from elsewhere.
	certManagerNamespace = "cert-manager"
	// certificateAnnotation of a Secret names the Certificate that it was made for.
	certificateAnnotation = "cert-manager.io/certificate-name"
)

// certificateSpec is what cert-manager reads of a Certificate.
type certificateSpec struct {
	SecretName string   `json:"secretName"`
	DNSNames   []string `json:"dnsNames"`
	IssuerRef  struct {
		Name, Kind, Group string
	} `json:"issuerRef"`
}

// issuerSpec is what it reads of an Issuer or a ClusterIssuer.
type issuerSpec struct {
	CA struct {
		SecretName string `json:"secretName"`
	} `json:"ca"`
	ACME struct {
		Solvers []struct {
			HTTP01 struct {
				Ingress struct {
					Name string `json:"name"`
				} `json:"ingress"`
				GatewayHTTPRoute struct {
					ParentRefs []struct{ Name, Namespace string } `json:"parentRefs"`
				} `json:"gatewayHTTPRoute"`
			} `json:"http01"`
		} `json:"solvers"`
	} `json:"acme"`
}

// registerIssuer is cert-manager: an issuer that signs with a key from a Secret is not Ready without it.
func registerIssuer(ctx context.Context, o *operators, obj *unstructured.Unstructured) (outcome, error) {
	var spec issuerSpec
	if err := decode(obj, &spec, "spec"); err != nil {
		return outcome{}, err
	}
	namespace := obj.GetNamespace()
	if namespace == "" {
		operator, _, err := o.operatorOf(ctx, schema.GroupKind{Group: certManagerGroup, Kind: obj.GetKind()})
		if err != nil {
			return outcome{}, err
		}
		namespace = certManagerNamespace
		if operator != nil {
			namespace = operator.Namespace
		}
	}
	if name := spec.CA.SecretName; name != "" {
		found, err := o.exists(ctx, namespace, name)
		if err != nil {
			return outcome{}, err
		}
		if !found {
			message := fmt.Sprintf("Error getting keypair for CA issuer: secrets %q not found", name)
			return outcome{blocked: true}, o.setStatus(ctx, obj, condition{"Ready", false, "ErrGetKeyPair", message})
		}
	}
	if left := o.delays.left(obj.GetUID(), step("register", obj), o.Delay); left > 0 {
		return outcome{after: left}, nil
	}
	return outcome{}, o.setStatus(ctx, obj, condition{"Ready", true, "IsReady", "the issuer can sign"})
}

// issueCertificate is cert-manager: while it waits, for the issuer or for a challenge, the Certificate is being issued.
func issueCertificate(ctx context.Context, o *operators, obj *unstructured.Unstructured) (outcome, error) {
	var spec certificateSpec
	if err := decode(obj, &spec, "spec"); err != nil {
		return outcome{}, err
	}
	found, err := o.exists(ctx, obj.GetNamespace(), spec.SecretName)
	if err != nil || found && holds(obj, "Ready") {
		return outcome{}, err
	}
	signed, err := o.signs(ctx, obj, spec)
	if err != nil {
		return outcome{}, err
	}
	issue := step("issue", obj)
	if !signed {
		o.delays.again(obj.GetUID(), issue)
		return outcome{blocked: true}, o.issuing(ctx, obj)
	}
	if left := o.delays.left(obj.GetUID(), issue, o.Delay); left > 0 {
		return outcome{after: left}, o.issuing(ctx, obj)
	}
	certificate, key, err := o.authority.issue(spec.DNSNames...)
	if err != nil {
		return outcome{}, err
	}
	if err := o.yield(ctx, obj, made{
		name: spec.SecretName, kind: corev1.SecretTypeTLS,
		data:        map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key, "ca.crt": o.authority.bundle},
		annotations: map[string]string{certificateAnnotation: obj.GetName()},
	}); err != nil {
		return outcome{}, err
	}
	return outcome{}, o.setStatus(ctx, obj, condition{"Ready", true, "Ready", "Certificate is up to date and has not expired"})
}

func (o *operators) issuing(ctx context.Context, obj *unstructured.Unstructured) error {
	const message = "Issuing certificate as Secret does not exist"
	return o.setStatus(ctx, obj, condition{"Issuing", true, "DoesNotExist", message}, condition{"Ready", false, "DoesNotExist", message})
}

// signs says whether the issuer of a Certificate would sign it now. Issuers of other groups are none of cert-manager's.
func (o *operators) signs(ctx context.Context, obj *unstructured.Unstructured, spec certificateSpec) (bool, error) {
	if cmp.Or(spec.IssuerRef.Group, certManagerGroup) != certManagerGroup {
		return true, nil
	}
	issuer := &unstructured.Unstructured{}
	issuer.SetAPIVersion(obj.GetAPIVersion())
	issuer.SetKind(cmp.Or(spec.IssuerRef.Kind, "Issuer"))
	key := client.ObjectKey{Name: spec.IssuerRef.Name}
	if issuer.GetKind() == "Issuer" {
		key.Namespace = obj.GetNamespace()
	}
	if err := o.Get(ctx, key, issuer); err != nil || !holds(issuer, "Ready") {
		return false, gone(err)
	}
	var settings issuerSpec
	if err := decode(issuer, &settings, "spec"); err != nil {
		return false, err
	}
	return o.challengesReachable(ctx, obj.GetNamespace(), settings)
}

// challengesReachable says whether HTTP challenges that are routed through an Ingress or a Gateway by name can be
// answered: the Ingress must have an address, the Gateway must be there.
func (o *operators) challengesReachable(ctx context.Context, namespace string, issuer issuerSpec) (bool, error) {
	for _, solver := range issuer.ACME.Solvers {
		if name := solver.HTTP01.Ingress.Name; name != "" {
			var ingress networkingv1.Ingress
			err := o.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &ingress)
			if err != nil || len(ingress.Status.LoadBalancer.Ingress) == 0 {
				return false, gone(err)
			}
		}
		for _, parent := range solver.HTTP01.GatewayHTTPRoute.ParentRefs {
			gateway := &unstructured.Unstructured{}
			gateway.SetGroupVersionKind(schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "Gateway"})
			if err := o.Get(ctx, client.ObjectKey{Namespace: cmp.Or(parent.Namespace, namespace), Name: parent.Name}, gateway); err != nil {
				return false, gone(err)
			}
		}
	}
	return true, nil
}
