package policy_test

import (
	"testing"

	"github.com/tidegate/tidegate/plugin/policy"
)

func TestARequestCannotLowerTheFloor(t *testing.T) {
	order := []policy.Level{policy.Off, policy.Warn, policy.Enforce}
	for i, a := range order {
		for j, b := range order {
			if got := policy.Stricter(a, b); got != order[max(i, j)] {
				t.Errorf("Stricter(%s, %s) is %s", a, b, got)
			}
		}
		for _, unknown := range []policy.Level{"", "OFF", "no"} {
			if policy.Stricter(a, unknown) != policy.Enforce || policy.Stricter(unknown, a) != policy.Enforce {
				t.Errorf("%q with %s is laxer than enforce", unknown, a)
			}
		}
	}
	for _, test := range []struct{ a, b, want policy.Severity }{
		{policy.Error, policy.Warning, policy.Error},
		{policy.Warning, policy.Error, policy.Error},
		{"", policy.Error, policy.Error},
		{"", "", policy.Warning},
	} {
		if got := policy.Graver(test.a, test.b); got != test.want {
			t.Errorf("Graver(%q, %q) is %q", test.a, test.b, got)
		}
	}
}

func TestASlipInTheLevelIsAnErrorAndNotALaxerPolicy(t *testing.T) {
	for _, level := range []policy.Level{policy.Off, policy.Warn, policy.Enforce} {
		if got, err := policy.ParseLevel(string(level)); err != nil || got != level {
			t.Errorf("%s gives %q, %v", level, got, err)
		}
	}
	for _, bad := range []string{"", "Off", "enforced", " warn", "none"} {
		if got, err := policy.ParseLevel(bad); err == nil || got != "" {
			t.Errorf("%q gives %q", bad, got)
		}
	}
	if got, err := policy.ParseFloatingImages("refuse"); err != nil || got != policy.Error {
		t.Errorf("refuse gives %q, %v", got, err)
	}
	if got, err := policy.ParseFloatingImages("warn"); err != nil || got != policy.Warning {
		t.Errorf("warn gives %q, %v", got, err)
	}
	if _, err := policy.ParseFloatingImages("error"); err == nil {
		t.Error("error is taken")
	}
}
