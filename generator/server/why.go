package server

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/gorilla/mux"
	"k8s.io/apimachinery/pkg/util/validation"
)

// why answers a person's question about an Application, or about all of them.
func (s *Server) why(explain func(context.Context, string) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, failure := s.explained(r, explain)
		_ = http.NewResponseController(w).SetWriteDeadline(writeDeadline(s.limits))
		if failure != nil {
			failure.send(w)
			return
		}
		_, _ = sendJSON(w, http.StatusOK, append(body, '\n'))
	})
}

func (s *Server) explained(r *http.Request, explain func(context.Context, string) (any, error)) ([]byte, *failure) {
	if failure := s.authorize(r); failure != nil {
		return nil, failure
	}
	if explain == nil {
		return nil, failed(http.StatusNotImplemented,
			"this generator answers from files and does not know what is live: ask without it, tidegate why --clusters-file with the same files")
	}
	name, one := mux.Vars(r)["application"]
	if problems := validation.IsDNS1123Subdomain(name); one && len(problems) > 0 {
		return nil, failed(http.StatusBadRequest, "%q cannot be the name of an Application: %s", shorten(name, 100), problems[0])
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.limits.Answer)
	defer cancel()
	explanation, err := explain(ctx, name)
	if err != nil {
		return nil, s.reason(r.Context(), ctx, err)
	}
	body, err := json.Marshal(explanation)
	if err != nil {
		return nil, failed(http.StatusInternalServerError, "the explanation cannot be marshalled: %v", err)
	}
	return body, nil
}
