package strict

import (
	"fmt"
	"slices"
	"strings"
)

// Error is one thing that is wrong with a file.
type Error struct {
	File string
	// Line counts from 1; 0 is the file as a whole.
	Line    int
	Message string
}

func (e Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// Errors are several, a line each.
type Errors []Error

// maxErrors is how many one message lists: a file that is wholly another one would fill screens.
const maxErrors = 20

func (e Errors) Error() string {
	sorted := slices.Clone(e)
	slices.SortStableFunc(sorted, func(a, b Error) int { return a.Line - b.Line })
	lines := make([]string, 0, len(sorted))
	for i, err := range sorted {
		if i == maxErrors {
			lines = append(lines, fmt.Sprintf("and %d more", len(sorted)-i))
			break
		}
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}
