package admission_test

import (
	"strings"
	"testing"

	"github.com/tidegate/tidegate/generator/admission"
)

func TestProtectionIsNotSwitchedOffByAnEmptyValue(t *testing.T) {
	for _, test := range []struct {
		name      string
		protected []string
		ok        bool
	}{
		{"the default", admission.DefaultPolicy().Protected, true},
		{"others", []string{"live", "prod"}, true},
		{"none, said so", []string{admission.Nothing}, true},
		{"an empty list", nil, false},
		{"an empty name", []string{""}, false},
	} {
		policy := admission.DefaultPolicy()
		policy.Protected = test.protected
		if err := policy.Check(); (err == nil) != test.ok || err != nil && !strings.Contains(err.Error(), "--protected-environment") {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
