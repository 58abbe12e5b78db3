package simulate

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Annotations of a Service that decide what the pods behind it answer as an admission webhook. Without them they allow.
const (
	// DenyAnnotation denies every request, with its value as the message.
	DenyAnnotation = prefix + "admission-deny"
	// PatchAnnotation is a JSON patch for every object that is admitted.
	PatchAnnotation = prefix + "admission-patch"
)

type serviceKey struct{}

// rememberService lets handlers know through which Service a request came.
func rememberService(ctx context.Context, conn net.Conn) context.Context {
	if encrypted, ok := conn.(*tls.Conn); ok {
		if tunnel, ok := encrypted.NetConn().(*tunnel); ok {
			return context.WithValue(ctx, serviceKey{}, tunnel.service)
		}
	}
	return ctx
}

// serveService is what runs in every pod that the API server calls: an admission webhook, a conversion webhook and an
// aggregated API server without resources.
func serveService(response http.ResponseWriter, request *http.Request) {
	service, ok := request.Context().Value(serviceKey{}).(*corev1.Service)
	if !ok {
		http.Error(response, "this request came through no service", http.StatusInternalServerError)
		return
	}
	answer, err := answerTo(service, request)
	if err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	if answer == nil {
		http.NotFound(response, request)
		return
	}
	response.Header().Set("Content-Type", "application/json")
	if _, err := response.Write(answer); err != nil {
		panic(http.ErrAbortHandler) // the client is gone, and nobody else wants to know
	}
}

// maxReview is more than an API server accepts as an object.
const maxReview = 8 << 20

func answerTo(service *corev1.Service, request *http.Request) ([]byte, error) {
	if request.Method == http.MethodGet {
		return discover(request.URL.Path)
	}
	body, err := io.ReadAll(io.LimitReader(request.Body, maxReview))
	if err != nil {
		return nil, err
	}
	var kind metav1.TypeMeta
	if err := json.Unmarshal(body, &kind); err != nil {
		return nil, err
	}
	switch kind.Kind {
	case "AdmissionReview":
		return admit(service, body)
	case "ConversionReview":
		return convert(body)
	default:
		return nil, fmt.Errorf("kind %q is not one that a webhook answers", kind.Kind)
	}
}

func admit(service *corev1.Service, body []byte) ([]byte, error) {
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &review); err != nil {
		return nil, err
	}
	if review.Request == nil {
		return nil, fmt.Errorf("AdmissionReview without a request")
	}
	verdict := &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	if message, denied := service.Annotations[DenyAnnotation]; denied {
		verdict.Allowed = false
		verdict.Result = &metav1.Status{Message: message, Code: http.StatusForbidden}
	}
	if patch := service.Annotations[PatchAnnotation]; patch != "" && verdict.Allowed {
		kind := admissionv1.PatchTypeJSONPatch
		verdict.Patch, verdict.PatchType = []byte(patch), &kind
	}
	return json.Marshal(admissionv1.AdmissionReview{TypeMeta: review.TypeMeta, Response: verdict})
}

// convert changes nothing but the version, which is right for definitions whose versions have the same schema.
func convert(body []byte) ([]byte, error) {
	var review apiextensionsv1.ConversionReview
	if err := json.Unmarshal(body, &review); err != nil {
		return nil, err
	}
	if review.Request == nil {
		return nil, fmt.Errorf("ConversionReview without a request")
	}
	answer := &apiextensionsv1.ConversionResponse{UID: review.Request.UID, Result: metav1.Status{Status: metav1.StatusSuccess}}
	for _, raw := range review.Request.Objects {
		obj := &unstructured.Unstructured{}
		if err := obj.UnmarshalJSON(raw.Raw); err != nil {
			return nil, err
		}
		obj.SetAPIVersion(review.Request.DesiredAPIVersion)
		answer.ConvertedObjects = append(answer.ConvertedObjects, runtime.RawExtension{Object: obj})
	}
	return json.Marshal(apiextensionsv1.ConversionReview{TypeMeta: review.TypeMeta, Response: answer})
}

// discover answers an aggregator that asks whether the API server behind an APIService is there: /apis/group/version.
func discover(path string) ([]byte, error) {
	groupVersion, ok := strings.CutPrefix(path, "/apis/")
	if !ok || strings.Count(groupVersion, "/") != 1 {
		return nil, nil
	}
	return json.Marshal(metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"},
		GroupVersion: groupVersion, APIResources: []metav1.APIResource{},
	})
}
