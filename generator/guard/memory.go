package guard

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
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

// maxAnswers bounds what is remembered.
const maxAnswers = 200

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

func (m *memory) keep(name string, k key, answer *generator.Answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.last[name]; !ok && len(m.last) >= maxAnswers {
		return
	}
	again := *answer
	again.Rendered = 0
	m.last[name] = remembered{k, &again}
}

// key of a world in which nothing new is desired. When Applications were last looked at does not matter then.
func (m *memory) key(demand *demand, set *live.ApplicationSet, apps []live.Application) (key, error) {
	spec, err := json.Marshal(set.Spec)
	if err != nil {
		return key{}, fmt.Errorf("ApplicationSet %s: %w", set.Name, err)
	}
	var hash maphash.Hash
	hash.SetSeed(m.seed)
	write := func(texts ...string) {
		for _, text := range texts {
			_, _ = hash.WriteString(text) // a hash takes everything
			_ = hash.WriteByte(0)
		}
	}
	write(set.UID, string(spec), fmt.Sprint(set.Annotations), fmt.Sprint(set.Deleting))
	out := key{demand: demand.id, set: hash.Sum64()}
	hash.Reset()
	for i := range apps {
		app := &apps[i]
		deleting := ""
		if app.Deleting {
			deleting = "deleting"
		}
		write(app.Name, app.UID, app.Parameters, deleting)
	}
	out.live = hash.Sum64()
	return out, nil
}
