package wave

import "github.com/tidegate/tidegate/plugin/wave/argocd"

// ending is what Argo CD waits for at the end of the sync phase.
type ending struct {
	last int  // wave of the sync phase, hooks included
	wait bool // it waits for that wave, too
}

// ending: the last wave is waited for only if something comes after it: a PostSync hook, or the end of a hook that runs
// in it, when there are several steps.
func (p *planner) ending() ending {
	end := ending{last: lowest}
	steps := map[[2]int]bool{}
	hookWave := lowest
	for i := range p.slots {
		s := &p.slots[i]
		if s.phase() > argocd.SyncFail {
			continue
		}
		steps[[2]int{int(s.phase()), s.wave}] = true
		switch s.phase() {
		case syncPhase:
			end.last = max(end.last, s.wave)
			if s.hook != nil {
				hookWave = max(hookWave, s.wave)
			}
		case argocd.PostSync:
			end.wait = true
		}
	}
	end.wait = end.wait || hookWave == end.last && len(steps) > 1
	return end
}

// gated says whether Argo CD waits for the health of what it applies in a wave.
func (e ending) gated(wave int) bool { return wave < e.last || e.wait }

// gates says, for every object Argo CD waits for, what it holds up.
func (p *planner) gates(end ending) []*Gate {
	after := p.after()
	gates := make([]*Gate, len(p.slots))
	for i := range p.slots {
		s := &p.slots[i]
		at := position{s.phase(), s.wave}
		holds := after[at]
		switch {
		case !s.waits || s.phase() > argocd.PostSync:
			continue
		case s.hook == nil && !end.gated(s.wave):
			continue
		}
		gates[i] = &Gate{Holds: holds, Until: s.wait.Until, Limit: s.wait.Limit}
		if pausedBy(p.set.Items[i].Object) != "" { // deadlines do not run meanwhile
			gates[i].Limit = ""
		}
	}
	return gates
}

// position is a place in the order of a sync.
type position struct {
	phase argocd.Phase
	wave  int
}

func (a position) before(b position) bool {
	return a.phase < b.phase || a.phase == b.phase && a.wave < b.wave
}

// after counts, by position, the objects that are applied later.
func (p *planner) after() map[position]int {
	count := map[position]int{}
	for i := range p.slots {
		if s := &p.slots[i]; s.phase() <= argocd.PostSync {
			count[position{s.phase(), s.wave}]++
		}
	}
	var positions []position
	for at := range count {
		positions = append(positions, at)
	}
	sortPositions(positions)
	later := 0
	after := make(map[position]int, len(count))
	for n := len(positions) - 1; n >= 0; n-- {
		after[positions[n]] = later
		later += count[positions[n]]
	}
	return after
}
