package explain

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible makes a string safe to show on one line: control characters, line breaks, bytes that are not UTF-8 and marks
// that turn the direction of writing become escapes such as \n and \u202e. A name cannot colour a terminal, start a new
// line or hide a part of itself.
func visible(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) < 0 {
		return s
	}
	var out strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			out.WriteString(`\x` + strconv.FormatUint(uint64(s[0]), 16))
		case unicode.IsPrint(r):
			out.WriteRune(r)
		default:
			out.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		s = s[size:]
	}
	return out.String()
}

// wideRanges are the blocks that terminals draw two columns wide (Unicode's East Asian Width W and F, by block).
var wideRanges = [][2]rune{
	{0x1100, 0x115F}, {0x2E80, 0x303E}, {0x3041, 0xA4CF}, {0xA960, 0xA97F}, {0xAC00, 0xD7A3}, {0xF900, 0xFAFF},
	{0xFE30, 0xFE6F}, {0xFF01, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF},
	{0x20000, 0x3FFFD},
}

// runeColumns is how many terminal columns a visible rune takes.
func runeColumns(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	for _, block := range wideRanges {
		if block[0] <= r && r <= block[1] {
			return 2
		}
	}
	return 1
}

// columns is how many terminal columns a visible string takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

// clip shortens a visible string to at most limit columns, ending in an ellipsis where something is cut.
func clip(s string, limit int) string {
	if columns(s) <= limit {
		return s
	}
	used := 0
	for i, r := range s {
		if used += runeColumns(r); used > limit-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// clipMiddle shortens like clip, but keeps both ends: what tells names apart is often the last part.
func clipMiddle(s string, limit int) string {
	if columns(s) <= limit || limit < 8 {
		return clip(s, limit)
	}
	tail := []rune(s)
	keep, used := len(tail), 0
	for keep > 0 && used+runeColumns(tail[keep-1]) <= limit/3 {
		keep--
		used += runeColumns(tail[keep])
	}
	return clip(string(tail[:keep]), limit-used) + string(tail[keep:])
}

// wrap breaks a visible string between words into lines of at most width columns; width 0 never breaks. A longer word
// has a line of its own.
func wrap(s string, width int) []string {
	if width <= 0 || columns(s) <= width {
		return []string{s}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
