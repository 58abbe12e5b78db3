package supersede

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// What the API server says of a missing right is what a human needs to give it.
func TestReadingLiveSaysWhatTheAPIServerSays(t *testing.T) {
	applications := schema.GroupResource{Group: "argoproj.io", Resource: "applications"}
	for _, c := range []struct {
		name string
		said *apierrors.StatusError
		is   func(error) bool
	}{
		{"forbidden", apierrors.NewForbidden(applications, "web", nil), apierrors.IsForbidden},
		{"gone", apierrors.NewNotFound(applications, "web"), apierrors.IsNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			said := c.said.ErrStatus
			said.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
			said.Message += `: User "tidegate" cannot get resource "applications"`
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(int(said.Code))
				if err := json.NewEncoder(w).Encode(said); err != nil {
					t.Error(err)
				}
			}))
			defer api.Close()
			client, err := versioned.NewForConfig(&rest.Config{Host: api.URL})
			if err != nil {
				t.Fatal(err)
			}
			_, err = liveOf(client)(t.Context(), "argocd", "web")
			if !c.is(err) || !strings.Contains(err.Error(), `cannot get resource "applications"`) {
				t.Errorf("got %v", err)
			}
		})
	}
}
