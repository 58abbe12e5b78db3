package simulate

import (
	"maps"
	"slices"
	"strings"
)

// Fate is what becomes of a container.
type Fate string

// Fates.
const (
	// Runs is the fate of most.
	Runs Fate = ""
	// Unpullable is an image that the registry does not have: ImagePullBackOff.
	Unpullable Fate = "unpullable"
	// Crashes is a program that ends again and again: CrashLoopBackOff.
	Crashes Fate = "crashes"
	// Fails is a program that ends once, with an error. Where it would be started again it crashes.
	Fails Fate = "fails"
)

// Tags say what becomes of a container by what the tag of its image contains.
type Tags map[string]Fate

// DefaultTags is what scenarios say without further ado.
var DefaultTags = Tags{"broken": Unpullable, "crash": Crashes, "failing": Fails}

// of is the fate of an image; of several words the first one of the alphabet counts.
func (t Tags) of(image string) Fate {
	tag := tagOf(image)
	for _, word := range slices.Sorted(maps.Keys(t)) {
		if strings.Contains(tag, word) {
			return t[word]
		}
	}
	return Runs
}

// tagOf is what follows the colon of the last part of an image's name, and not its digest.
func tagOf(image string) string {
	name, _, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], "@")
	_, tag, _ := strings.Cut(name, ":")
	return tag
}
