package render

import (
	"runtime"
	"strings"
)

// unfatal is where the log package of this process writes to. It drops what is said there, and makes a panic of log.Fatal:
// kustomize calls that for what stands in a file (kyaml/yaml, RNode.SetDataMap), which would end the renders of all others.
type unfatal struct{}

// fatal is what log.Fatal was called with.
type fatal string

func (unfatal) Write(text []byte) (int, error) {
	var callers [8]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for more := true; more; {
		var frame runtime.Frame
		if frame, more = frames.Next(); strings.HasPrefix(frame.Function, "log.Fatal") {
			panic(fatal(strings.TrimSpace(string(text))))
		}
	}
	return len(text), nil
}
