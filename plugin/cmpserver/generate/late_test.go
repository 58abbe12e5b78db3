package generate

import "testing"

// A request may be over at the moment at which it becomes late: it is not late for ever then.
func TestWhatIsOverDoesNotBecomeLate(t *testing.T) {
	var l late
	r := &run{}
	l.end(r)
	l.add(r)
	if l.count() != 0 || l.first() != nil {
		t.Errorf("%d are late, first %v", l.count(), l.first())
	}
}
