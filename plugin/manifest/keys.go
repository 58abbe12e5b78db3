package manifest

import "unicode"

// compareKeys is the order in which go.yaml.in/yaml/v2 writes the keys of a map (sorter.go): letters after everything
// else, runs of digits by their value.
func compareKeys(a, b string) int {
	switch i := firstDifference(a, b); {
	case i == len(a) || i == len(b):
		return len(a) - len(b)
	case isLetter(a[i]) && isLetter(b[i]):
		return int(a[i]) - int(b[i])
	}
	switch {
	case a == b:
		return 0
	case lessKey([]rune(a), []rune(b)):
		return -1
	default:
		return 1
	}
}

func firstDifference(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// lessKey is the library's comparison, letter by letter.
func lessKey(a, b []rune) bool {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		aLetter, bLetter := unicode.IsLetter(a[i]), unicode.IsLetter(b[i])
		if aLetter && bLetter {
			return a[i] < b[i]
		}
		if aLetter || bLetter {
			return bLetter
		}
		var aNumber, bNumber int64
		if (a[i] == '0' || b[i] == '0') && significantBefore(a[:i]) {
			aNumber, bNumber = 1, 1
		}
		aEnd, aNumber := digits(a, i, aNumber)
		bEnd, bNumber := digits(b, i, bNumber)
		if aNumber != bNumber {
			return aNumber < bNumber
		}
		if aEnd != bEnd {
			return aEnd < bEnd
		}
		return a[i] < b[i]
	}
	return len(a) < len(b)
}

// significantBefore says whether the digits at the end of s hold another than 0.
func significantBefore(s []rune) bool {
	for i := len(s) - 1; i >= 0 && unicode.IsDigit(s[i]); i-- {
		if s[i] != '0' {
			return true
		}
	}
	return false
}

// digits reads on from value at the digits of s from i on, and returns where they end and what they come to.
func digits(s []rune, i int, value int64) (end int, total int64) {
	for ; i < len(s) && unicode.IsDigit(s[i]); i++ {
		value = value*10 + int64(s[i]-'0')
	}
	return i, value
}
