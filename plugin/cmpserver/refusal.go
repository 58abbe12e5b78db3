package cmpserver

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
	"github.com/tidegate/tidegate/plugin/render"
)

// refusal is an error of the request itself, before anything is rendered.
type refusal struct{ reason, text string }

func (r *refusal) Error() string { return r.text }

// inVain says of a request that waited for memory until its time was over what it waited for, and how far it had come. Other
// errors stay as they are.
func inVain(err error, request *received, state string) error {
	if !errors.Is(err, errNoRoom) || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &refusal{reason: "no room", text: request.GetAppRelPath() + ": " + state + ", and waited for memory that other archives and " +
		"answers hold until Argo CD's time was over; raise the memory limit of the plugin's container"}
}

// How far a request has come.
const (
	notRendered = "it was not rendered"
	rendered    = "it was rendered"
)

// reason is one word or two for an error, for counting.
func reason(err error) string {
	var own *refusal
	var unpacking *archive.RefusedError
	var panicked *generate.PanicError
	var gaveWay *generate.GaveWayError
	switch {
	case errors.As(err, &own):
		return own.reason
	case errors.As(err, &unpacking):
		return unpacking.Reason
	case errors.As(err, &panicked):
		return "panic"
	case errors.As(err, &gaveWay):
		return "stopped"
	case errors.Is(err, context.DeadlineExceeded), status.Code(err) == codes.DeadlineExceeded:
		return "deadline"
	case errors.Is(err, context.Canceled), status.Code(err) == codes.Canceled:
		return "client gone"
	case render.IsNoRoom(err):
		return "no room"
	case render.IsStopped(err):
		return "stopped"
	}
	return "render"
}

// maxMessage is how many bytes of an error are sent: Argo CD shows it to people, and gRPC sends it as a header, of which
// clients accept little.
const maxMessage = 4 << 10

// answer turns an error into what Argo CD shows. What is wrong with the input has the code that Argo CD's own server
// answers with: Argo CD's clients try again after some of the others.
func answer(err error, dir string) error {
	text := err.Error()
	code := codes.Unknown
	switch reason(err) {
	case "deadline":
		code = codes.DeadlineExceeded
		if dir != "" { // how far it came is known
			dir += ": "
		}
		why := ""
		if late := (*generate.LateError)(nil); errors.As(err, &late) {
			why = late.Reason + "; "
		}
		text = dir + "rendering was stopped, it took longer than Argo CD waits for it; " + why + "the Application controller's " +
			"--repo-server-timeout-seconds (controller.repo.server.timeout.seconds) says how long that is"
	case "slow":
		code = codes.DeadlineExceeded
	case "client gone":
		code = codes.Canceled
	case "panic":
		code = codes.Internal
	}
	return status.Error(code, shorten(strings.ToValidUTF8(text, "\uFFFD")))
}

// shorten takes out of the middle what is too much. An error begins with the file and line, and after what stands there,
// however long that is, ends with what is wrong with it or with the way out.
func shorten(text string) string {
	const gap = " … "
	if len(text) <= maxMessage {
		return text
	}
	from, to := maxMessage*3/4-len(gap), len(text)-maxMessage/4
	for !utf8.RuneStart(text[from]) {
		from--
	}
	for !utf8.RuneStart(text[to]) {
		to++
	}
	return text[:from] + gap + text[to:]
}
