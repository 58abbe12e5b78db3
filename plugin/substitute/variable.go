package substitute

import "strings"

// variable is one run of dollars with the {NAME} behind it, at [start, end) of a string.
type variable struct {
	start, end int
	dollars    int
	name       string
}

// escaped says that the dollars are all pairs, so that text is meant and no value.
func (v variable) escaped() bool { return v.dollars%2 == 0 }

// next finds the first variable, escaped or not, that starts at from or later.
func next(s string, from int) (variable, bool) {
	for {
		found := strings.Index(s[from:], "${")
		if found < 0 {
			return variable{}, false
		}
		open := from + found + 1
		end := open + 1
		for end < len(s) && isNameByte(s[end], end > open+1) {
			end++
		}
		if end == open+1 || end == len(s) || s[end] != '}' {
			from = open + 1
			continue
		}
		start := open
		for start > from && s[start-1] == '$' {
			start--
		}
		return variable{start: start, end: end + 1, dollars: open - start, name: s[open+1 : end]}, true
	}
}

// expand returns s itself where it holds no variable. One without a value stays.
func expand(s string, values map[string]string) string {
	v, ok := next(s, 0)
	if !ok {
		return s
	}
	var out strings.Builder
	at := 0
	for ; ok; v, ok = next(s, at) {
		out.WriteString(s[at:v.start])
		out.WriteString(s[v.start : v.start+v.dollars/2])
		switch value, defined := values[v.name]; {
		case v.escaped():
			out.WriteString(s[v.start+v.dollars : v.end])
		case defined:
			out.WriteString(value)
		default:
			out.WriteString(s[v.start+v.dollars-1 : v.end])
		}
		at = v.end
	}
	out.WriteString(s[at:])
	return out.String()
}

// IsName says whether a variable can have this name.
func IsName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i], i > 0) {
			return false
		}
	}
	return s != ""
}

func isNameByte(b byte, digits bool) bool {
	switch {
	case b == '_', 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z':
		return true
	default:
		return digits && '0' <= b && b <= '9'
	}
}
