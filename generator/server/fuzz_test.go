package server

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/argoproj/argo-cd/v2/applicationset/services/plugin"
)

// FuzzRequest holds the decoder to what Argo CD's own types make of the same bytes: it accepts nothing else, and what it
// refuses it can say why.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"applicationSetName":"services","input":{"parameters":{"kind":"services","services":["payments-api"],"environments":["staging"],"clusterSelector":{"matchLabels":{"region":"eu"}}}}}`,
		`{"applicationSetName":"services","input":{"parameters":{"sevices":[1],"kind":null}}}`,
		`{"applicationSetName":"services","input":null}`, `{"input":{}}`, `{}`, `[]`, `null`, ``, `{}{}`, `{"input":{"parameters":{"kind":"\ud800"}}}`,
		"{\"applicationSetName\":\"\xff\"}", `{"APPLICATIONSETNAME":"a","applicationSetName":"b"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := decode(body)
		if err != nil {
			message := shorten(err.Error(), maxMessage)
			if message == "" || len(message) > maxMessage+100 {
				t.Errorf("a message of %d bytes", len(message))
			}
			if _, err := json.Marshal(message); err != nil {
				t.Error(err)
			}
			return
		}
		var argo plugin.ServiceRequest
		if err := json.Unmarshal(body, &argo); err != nil {
			t.Fatalf("accepted what Argo CD's type does not: %v", err)
		}
		if argo.ApplicationSetName != request.ApplicationSet || !utf8.ValidString(request.ApplicationSet) {
			t.Errorf("read %q, Argo CD wrote %q", request.ApplicationSet, argo.ApplicationSetName)
		}
	})
}
