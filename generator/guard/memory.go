package guard

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/live"
)

// memory holds the last answer of each ApplicationSet that changed nothing about which Applications there are: in a quiet
// world it is the next one too, and is sent again without being worked out.
type memory struct {
	mu   sync.Mutex
	seed maphash.Seed
	last map[string]remembered
}

type remembered struct {
	key    key
	answer *generator.Answer
}

// key identifies all that such an answer was decided from.
type key struct {
	demand    uint64
	set, live uint64
}

// maxBytes bounds what is remembered: the answers of 100,000 Applications. What does not fit is worked out each time.
const maxBytes = 256 << 20

func newMemory() *memory {
	return &memory{seed: maphash.MakeSeed(), last: map[string]remembered{}}
}

func (m *memory) find(name string, k key) *generator.Answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.last[name]; ok && known.key == k {
		return known.answer
	}
	return nil
}

// keep remembers an answer, and forgets those of ApplicationSets that are gone.
func (m *memory) keep(name string, k key, answer *generator.Answer, there []live.ApplicationSet) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.last, name)
	forget(m.last, there)
	bytes := len(answer.Body)
	for _, other := range m.last {
		bytes += len(other.answer.Body)
	}
	if bytes > maxBytes {
		return
	}
	again := *answer
	again.Rendered = 0
	m.last[name] = remembered{k, &again}
}

// key of a world in which everything that is live is desired, and nothing else is. What is desired and which Applications are
// live is all that the answer depends on then: not from which parameter sets they were made, how they are, or when that was.
func (m *memory) key(demand *demand, set *live.ApplicationSet, apps []live.Application) (key, error) {
	spec, err := json.Marshal(set.Spec)
	if err != nil {
		return key{}, fmt.Errorf("ApplicationSet %s: %w", set.Name, err)
	}
	// Each text is hashed at once, which is much faster than piece by piece; then their hashes are, in their order.
	var hash maphash.Hash
	hash.SetSeed(m.seed)
	var one [8]byte
	write := func(texts ...string) {
		for _, text := range texts {
			binary.LittleEndian.PutUint64(one[:], maphash.String(m.seed, text))
			_, _ = hash.Write(one[:]) // a hash takes everything
		}
	}
	write(set.UID, string(spec), fmt.Sprint(set.Deleting))
	for _, annotation := range slices.Sorted(maps.Keys(set.Annotations)) {
		write(annotation, set.Annotations[annotation])
	}
	out := key{demand: demand.id, set: hash.Sum64()}
	hash.Reset()
	for i := range apps {
		app := &apps[i]
		deleting := ""
		if app.Deleting {
			deleting = "deleting"
		}
		write(app.Name, app.UID, deleting)
	}
	out.live = hash.Sum64()
	return out, nil
}
