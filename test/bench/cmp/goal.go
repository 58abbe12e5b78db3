package main

import "math"

// goal is what a row shall come to: a number that is at most another. Without that other it is only a text.
type goal struct {
	text     string
	is, most float64
}

// nearFloor is the goal of what renders nothing, or little beside what is sent.
func nearFloor(t taken) goal { return goal{"≤ 1.1 × floor", t.ratio(tidegate, floor), 1.1} }

// verdict is the goal and whether it was reached.
func (g goal) verdict() string {
	switch {
	case g.most == 0:
		return g.text
	case math.IsNaN(g.is+g.most) || math.IsInf(g.is+g.most, 0):
		return g.text + ": not measured"
	case g.is <= g.most:
		return g.text + ": reached"
	}
	return g.text + ": missed"
}
