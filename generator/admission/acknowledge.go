package admission

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// AcknowledgeAnnotation of an ApplicationSet holds the digest of what may be removed: of all that is held, or of single
// Applications, with commas or spaces between them.
const AcknowledgeAnnotation = "tidegate.dev/acknowledge-removal"

// Acknowledgement is what became of the annotation.
type Acknowledgement string

// What may have become of it.
const (
	// NotGiven is that there is no annotation, or nothing was decided about removals.
	NotGiven Acknowledgement = ""
	// Used is that something was released by it. It stays valid until those Applications are gone.
	Used Acknowledgement = "used"
	// Spent is that it is for nothing that would go: the removal is done, or is another one by now. The generator takes the
	// annotation away, so that it acknowledges nothing later on.
	Spent Acknowledgement = "spent"
)

// digest identifies the removal of one Application, of this UID, for this cause. What does not change the removal is not in
// it: not the revision, which moves with every commit, nor the rule that holds it.
func (d *deciding) digest(g *gone) string {
	return sum("removal", d.ApplicationSet.UID, g.UID, string(g.Cause), g.Successor)
}

// digestOf identifies several removals, which are sorted by name.
func digestOf(removals []*gone) string {
	if len(removals) == 0 {
		return ""
	}
	parts := make([]string, len(removals))
	for i, g := range removals {
		parts[i] = g.Digest
	}
	return sum(append([]string{"removals"}, parts...)...)
}

func sum(parts ...string) string {
	hash := sha256.New()
	for _, part := range parts {
		hash.Write([]byte(part))
		hash.Write([]byte{0})
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// acknowledge releases what the annotation names of what is held.
func (d *deciding) acknowledge() {
	given := strings.FieldsFunc(d.ApplicationSet.Annotations[AcknowledgeAnnotation], func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
	if len(given) == 0 {
		return
	}
	d.Acknowledgement = Spent
	all := slices.Contains(given, digestOf(d.held()))
	for _, g := range d.held() {
		if all || slices.Contains(given, g.Digest) {
			g.rule(ByAcknowledgement, "its removal is acknowledged")
			d.Acknowledgement = Used
		}
	}
}
