package admission

import (
	"fmt"
	"net/http"
)

// Refusal is why there is no answer. Argo CD then keeps everything as it is, and shows the message in the ApplicationSet's
// status.
type Refusal struct {
	Kind RefusalKind
	// Status is HTTP's: 409 where people must act, 503 where time may help.
	Status  int
	Message string
	// Digest acknowledges the removal that was refused; empty where none was.
	Digest string
}

func (r *Refusal) Error() string { return r.Message }

// RefusalKind tells refusals apart: metrics count by it.
type RefusalKind string

// The kinds of refusals.
const (
	// PartialView is an ApplicationSet of which admission cannot tell what becomes of an answer.
	PartialView RefusalKind = "partial-view"
	// NotKnown is that nothing is known, and there is nothing live to hold.
	NotKnown RefusalKind = "not-known"
	// Orphaned is that the ApplicationSet is not there, and Applications of it are.
	Orphaned RefusalKind = "orphaned"
	// Unreadable is an Application that must be held and does not say from which parameter set it was made.
	Unreadable RefusalKind = "unreadable"
	// Empty is an answer without a parameter set: Argo CD would take it for none.
	Empty RefusalKind = "empty"
	// Broken is a mistake of the program's.
	Broken RefusalKind = "broken"
)

var statuses = map[RefusalKind]int{
	PartialView: http.StatusConflict, Unreadable: http.StatusConflict,
	NotKnown: http.StatusServiceUnavailable, Orphaned: http.StatusServiceUnavailable, Empty: http.StatusServiceUnavailable, Broken: http.StatusInternalServerError,
}

func refuse(kind RefusalKind, format string, arguments ...any) *Refusal {
	return &Refusal{Kind: kind, Status: statuses[kind], Message: fmt.Sprintf(format, arguments...)}
}
