package simcluster

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	apierr "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// restConfig is how gitops-engine's discovery, dynamic and CustomResourceDefinition clients reach this cluster:
// in process, through the transport, without a rate limit to wait for.
func (c *Cluster) restConfig() *rest.Config {
	return &rest.Config{Host: "http://simcluster", Transport: apiServer{c}, QPS: -1}
}

// apiServer answers the few requests that sync makes outside its Kubectl interface.
type apiServer struct{ cluster *Cluster }

// RoundTrip answers discovery of one group version, GET and DELETE of one object.
func (s apiServer) RoundTrip(request *http.Request) (*http.Response, error) {
	parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	var gv schema.GroupVersion
	switch {
	case len(parts) >= 2 && parts[0] == "api":
		gv, parts = schema.GroupVersion{Version: parts[1]}, parts[2:]
	case len(parts) >= 3 && parts[0] == "apis":
		gv, parts = schema.GroupVersion{Group: parts[1], Version: parts[2]}, parts[3:]
	default:
		return answer(request, apierr.NewNotFound(schema.GroupResource{}, request.URL.Path)), nil
	}
	if len(parts) == 0 {
		if resources, ok := s.cluster.resourceList(gv); ok {
			return answer(request, resources), nil
		}
		return answer(request, apierr.NewNotFound(schema.GroupResource{Group: gv.Group}, "")), nil
	}
	return s.object(request, gv, parts), nil
}

func (s apiServer) object(request *http.Request, gv schema.GroupVersion, parts []string) *http.Response {
	namespace := ""
	if parts[0] == "namespaces" && len(parts) > 2 {
		namespace, parts = parts[1], parts[2:]
	}
	name := parts[len(parts)-1]
	for _, kind := range s.cluster.kinds {
		if kind.gvk.GroupVersion() != gv || kind.plural != parts[0] {
			continue
		}
		key := resource(kind.gvk.GroupKind(), namespace, name)
		if request.Method == http.MethodDelete {
			if err := s.cluster.Delete(key); err != nil {
				return answer(request, err)
			}
		}
		if obj := s.cluster.get(key); obj != nil {
			return answer(request, obj.Object)
		}
		if request.Method == http.MethodDelete {
			return answer(request, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"})
		}
	}
	return answer(request, apierr.NewNotFound(schema.GroupResource{Group: gv.Group, Resource: parts[0]}, name))
}

func (c *Cluster) get(key kube.ResourceKey) *unstructured.Unstructured {
	c.mu.Lock()
	defer c.mu.Unlock()
	if obj, ok := c.live[key]; ok {
		return obj.DeepCopy()
	}
	return nil
}

func answer(request *http.Request, body any) *http.Response {
	code := http.StatusOK
	if status, ok := body.(apierr.APIStatus); ok {
		metaStatus := status.Status()
		metaStatus.Kind, metaStatus.APIVersion = "Status", "v1"
		code, body = int(metaStatus.Code), metaStatus
	}
	text, err := json.Marshal(body)
	if err != nil {
		code, text = http.StatusInternalServerError, []byte(err.Error())
	}
	return &http.Response{
		StatusCode: code,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(bytes.NewReader(text)),
		Request:    request,
	}
}
