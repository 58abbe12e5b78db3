package argocd

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"

	gitops "github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tidegate/tidegate/test/argocd/simcluster"
)

// task is one entry of gitops-engine's sorted task list, as its own log has it.
type task struct {
	phase string
	wave  int
	// object is group/Kind:namespace/name.
	object string
}

var taskText = regexp.MustCompile(`(\w+)/(-?\d+) (?:resource|hook) (\S*/\w+:\S*) \S+->\S+ \(`)

// sortedTasks lets gitops-engine make and sort its tasks for the objects, and reads them off its log: the sort itself
// is not exported, and objects of one kind are applied at the same time.
func sortedTasks(t *testing.T, objects []*unstructured.Unstructured, env simcluster.Environment) []task {
	t.Helper()
	var tasks []task
	sink := &taskSink{seen: func(text string) {
		if tasks != nil {
			return
		}
		for _, match := range taskText.FindAllStringSubmatch(text, -1) {
			wave, err := strconv.Atoi(match[2])
			if err != nil {
				t.Fatal(err)
			}
			tasks = append(tasks, task{phase: match[1], wave: wave, object: match[3]})
		}
	}}
	if _, err := simcluster.New(destination, objects, env).Sync(objects, gitops.WithLogr(logr.New(sink))); err != nil {
		t.Fatal(err)
	}
	return tasks
}

// taskSink waits for the line in which sync logs its tasks before the dry run.
type taskSink struct {
	values []any
	seen   func(text string)
}

func (*taskSink) Init(logr.RuntimeInfo)       {}
func (*taskSink) Enabled(int) bool            { return true }
func (*taskSink) Error(error, string, ...any) {}

func (s *taskSink) Info(_ int, message string, values ...any) {
	if message != "Tasks (dry-run)" {
		return
	}
	all := append(s.values, values...)
	for i := 0; i+1 < len(all); i += 2 {
		if all[i] == "tasks" {
			s.seen(fmt.Sprint(all[i+1]))
		}
	}
}

func (s *taskSink) WithValues(values ...any) logr.LogSink {
	return &taskSink{values: append(append([]any{}, s.values...), values...), seen: s.seen}
}

func (s *taskSink) WithName(string) logr.LogSink { return s }
