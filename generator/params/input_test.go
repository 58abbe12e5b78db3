package params

import (
	"errors"
	"testing"
)

// All services would be answered to who asked for a few, if this fails.
func TestWhateverIsWrongWithAnInputIsAnError(t *testing.T) {
	if err := wrongInput(errors.New("unexpected end of JSON input")); err.Error() != "input.parameters: unexpected end of JSON input" {
		t.Errorf("%q", err)
	}
}
