package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// statusClientGone is logged and counted when nobody waited for the answer. It is sent all the same: of a handler that sends
// nothing net/http makes a 200 without a body, which Argo CD takes for no Applications. nginx made the number.
const statusClientGone = 499

// failure is an answer that is not a success.
type failure struct {
	status  int
	message string
}

func failed(status int, format string, args ...any) *failure {
	return &failure{status, fmt.Sprintf(format, args...)}
}

// maxMessage bounds what Argo CD copies into the status of an ApplicationSet.
const maxMessage = 8 << 10

// send writes the one form in which Argo CD shows a failure: it reads "message" and keeps what exists.
func (f *failure) send(w http.ResponseWriter) {
	body, err := json.Marshal(map[string]string{"message": shorten(f.message, maxMessage)})
	if err != nil {
		panic(err) // a string can always be marshalled
	}
	sendJSON(w, f.status, append(body, '\n'))
}

func sendJSON(w http.ResponseWriter, status int, body []byte) (int, error) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	return w.Write(body)
}

// shorten keeps the first lines of a message.
func shorten(message string, limit int) string {
	if len(message) <= limit {
		return message
	}
	kept := message[:limit]
	if end := strings.LastIndexByte(kept, '\n'); end > 0 {
		kept = kept[:end]
	}
	kept = strings.ToValidUTF8(kept, "")
	return fmt.Sprintf("%s\n… and %d bytes more: the generator's log has all of it", kept, len(message)-len(kept))
}

func notFound(w http.ResponseWriter, r *http.Request) {
	failed(http.StatusNotFound, "there is no %s here; Argo CD's plugin generator asks for %s: baseUrl in its ConfigMap must be this server's address without a path",
		shorten(r.URL.Path, 200), Path).send(w)
}

func methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allowed := "GET, HEAD"
	if r.URL.Path == Path {
		allowed = http.MethodPost
	}
	w.Header().Set("Allow", allowed)
	failed(http.StatusMethodNotAllowed, "%s is not allowed for %s: it takes %s", shorten(r.Method, 20), r.URL.Path, allowed).send(w)
}
