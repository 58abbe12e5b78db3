package generate

import "testing"

// A request may be over at the moment at which it becomes overdue: it is not overdue for ever then.
func TestWhatIsOverDoesNotBecomeOverdue(t *testing.T) {
	var o overdue
	r := &run{ctx: t.Context()}
	o.end(r)
	o.add(r)
	if o.count() != 0 {
		t.Errorf("%d are overdue", o.count())
	}
}
