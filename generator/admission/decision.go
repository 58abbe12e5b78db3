package admission

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/tidegate/tidegate/generator/params"
)

// Decision is an answer, and what is to be known about it.
type Decision struct {
	// Parameters are the parameter sets, never none: first the desired ones, in their order, then the held ones, byte for byte as
	// their annotations have them. Keys that an older version did not write are added, empty. They share memory and must not be
	// changed.
	Parameters []json.RawMessage
	// Doubt says why everything stays as it is; empty where it does not.
	Doubt string
	// Unguarded says why nothing was held or kept waiting; empty where the guard was on.
	Unguarded Unguarded
	// Held are the Applications that nothing desires any more and that stay, sorted by name.
	Held []Removal
	// Released are those that go with this answer, sorted by name.
	Released []Removal
	// Going are the names of those whose deletion is under way: it cannot be taken back, and the answer does not have them.
	Going []string
	// Admitted are the names of the new Applications that this answer lets in.
	Admitted []string
	// Waiting are the desired ones that this answer does not let in yet, in their order.
	Waiting []Waiting
	// Digest acknowledges what is Held, all of it; empty if nothing is.
	Digest string
	// Acknowledgement is what the annotation of the ApplicationSet did.
	Acknowledgement Acknowledgement
	// OverLimit is what the annotation OverLimitAnnotation of the ApplicationSet should be from now on; empty is none.
	OverLimit string
	// Next is when, at the earliest, time alone may change the answer: an unsettled Application runs out of time, so that a waiting
	// one may come in, or one is not Younger any more. Zero: it does not.
	Next time.Time

	// body is the whole answer, where nothing had to be added to it.
	body []byte
}

// again says when time alone may change the answer.
func (d *Decision) again(at time.Time) {
	if d.Next.IsZero() || at.Before(d.Next) {
		d.Next = at
	}
}

// Unguarded is why an answer is not guarded.
type Unguarded string

// The reasons.
const (
	// Preview is a request of no live ApplicationSet.
	Preview Unguarded = "preview"
	// GuardOff is an ApplicationSet whose annotation says so.
	GuardOff Unguarded = "guard-off"
)

const (
	before  = `{"output":{"parameters":[{"tidegate":`
	between = `},{"tidegate":`
	after   = `}]}}`
)

// AppendBody appends what is sent to Argo CD: params.Answer with these parameter sets.
func (d *Decision) AppendBody(to []byte) []byte {
	size := len(before) + len(after)
	for _, one := range d.Parameters {
		size += len(one) + len(between)
	}
	to = slices.Grow(to, size)
	for i, one := range d.Parameters {
		if i == 0 {
			to = append(to, before...)
		} else {
			to = append(to, between...)
		}
		to = append(to, one...)
	}
	return append(to, after...)
}

// Body is what AppendBody appends. It is shared and must not be changed.
func (d *Decision) Body() []byte {
	if d.body != nil {
		return d.body
	}
	return d.AppendBody(nil)
}

// marshal appends parameter sets, which lie in the body of the answer as it is where no others follow.
func (d *Decision) marshal(sets []*params.Set) error {
	if len(sets) == 0 {
		return nil
	}
	var buffer bytes.Buffer
	encoder, ends := json.NewEncoder(&buffer), make([]int, len(sets))
	for i, set := range sets {
		if i == 0 {
			buffer.WriteString(before)
		} else {
			buffer.WriteString(between)
		}
		if err := encoder.Encode(set); err != nil {
			return refuse(Broken, "the parameter set %s cannot be marshalled: %v", set.Name, err)
		}
		// Encode ends each with a newline.
		ends[i] = buffer.Len() - 1
		buffer.Truncate(ends[i])
		if i == 0 {
			// They are about as large as the first one; growing step by step would copy all of them several times.
			buffer.Grow((ends[0]+ends[0]/8)*(len(sets)-1) + len(after))
		}
	}
	buffer.WriteString(after)
	start := len(before)
	d.body = buffer.Bytes()
	for _, end := range ends {
		d.Parameters = append(d.Parameters, json.RawMessage(d.body[start:end:end]))
		start = end + len(between)
	}
	return nil
}
