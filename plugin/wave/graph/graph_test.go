package graph_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/wave/graph"
)

func build(n int, edges ...[3]int) *graph.Graph {
	g := graph.New(n)
	for _, e := range edges {
		g.Add(e[0], e[1], e[2])
	}
	return g
}

func TestTheLongestPathDecides(t *testing.T) {
	// 0 needs 1 and 2; 1 needs 2; 2 stands on floor 5.
	g := build(4, [3]int{0, 2, 1}, [3]int{0, 1, 1}, [3]int{1, 2, 1})
	level, by := g.Levels(g.Components(), []int{0, 0, 5, -3})
	if diff := cmp.Diff([]int{7, 6, 5, -3}, level); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{1, 2, -1, -1}, by); diff != "" {
		t.Error(diff)
	}
}

func TestEdgesWithoutWeightShareALevel(t *testing.T) {
	g := build(2, [3]int{0, 1, 0})
	level, by := g.Levels(g.Components(), []int{0, 0})
	if level[0] != 0 || by[0] != -1 {
		t.Errorf("level %v by %v: nothing raised it", level, by)
	}
}

func TestACycleSharesTheLevelThatAnyMemberNeeds(t *testing.T) {
	g := build(5, [3]int{0, 1, 1}, [3]int{1, 2, 1}, [3]int{2, 0, 1}, [3]int{1, 3, 1}, [3]int{4, 0, 1})
	c := g.Components()
	level, _ := g.Levels(c, []int{0, 0, 0, 7, 0})
	if diff := cmp.Diff([]int{8, 8, 8, 7, 9}, level); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]int{{0, 1, 2}}, c.Cycles()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{0, 1, 2}, g.Cycle([]int{0, 1, 2})); diff != "" {
		t.Error(diff)
	}
}

func TestTheShortestWayRoundACycleIsShown(t *testing.T) {
	g := build(4, [3]int{0, 1, 0}, [3]int{1, 2, 0}, [3]int{2, 3, 0}, [3]int{3, 0, 0}, [3]int{1, 0, 0})
	if diff := cmp.Diff([]int{0, 4}, g.Cycle([]int{0, 1, 2, 3})); diff != "" {
		t.Error(diff)
	}
	if way := build(1).Cycle([]int{0}); way != nil {
		t.Errorf("a way round nothing: %v", way)
	}
}

func TestLongChainsNeedNoDeepStack(t *testing.T) {
	const n = 200_000
	g := graph.New(n)
	for v := range n - 1 {
		g.Add(v, v+1, 1)
	}
	level, _ := g.Levels(g.Components(), make([]int, n))
	if level[0] != n-1 {
		t.Errorf("%d", level[0])
	}
}
