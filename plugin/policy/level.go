package policy

import "fmt"

// Level says what becomes of findings.
type Level string

const (
	// Off checks nothing.
	Off Level = "off"
	// Warn makes every finding a warning.
	Warn Level = "warn"
	// Enforce lets findings keep their severity: errors fail the render.
	Enforce Level = "enforce"
)

// ParseLevel reads a level as flags and parameters write it.
func ParseLevel(s string) (Level, error) {
	switch level := Level(s); level {
	case Off, Warn, Enforce:
		return level, nil
	default:
		return "", fmt.Errorf("policy %q: it is enforce, warn or off", s)
	}
}

// Stricter returns the stricter of two levels. What is no level counts as Enforce, so that a floor that was forgotten
// cannot be lowered.
func Stricter(a, b Level) Level {
	if a.rank() >= b.rank() {
		return a.known()
	}
	return b.known()
}

func (l Level) known() Level { return []Level{Off, Warn, Enforce}[l.rank()] }

func (l Level) rank() int {
	switch l {
	case Off:
		return 0
	case Warn:
		return 1
	default:
		return 2
	}
}

// Severity is how bad a finding is.
type Severity string

const (
	// Warning is reported, and the render goes on.
	Warning Severity = "warning"
	// Error fails the render.
	Error Severity = "error"
)

// ParseFloatingImages reads what an environment says of floating images, refuse or warn.
func ParseFloatingImages(s string) (Severity, error) {
	switch s {
	case "refuse":
		return Error, nil
	case "warn":
		return Warning, nil
	default:
		return "", fmt.Errorf("floating images %q: it is refuse or warn", s)
	}
}

// Graver returns the graver of two severities. An empty one is a Warning.
func Graver(a, b Severity) Severity {
	if a == Error || b == Error {
		return Error
	}
	return Warning
}
