package cgroup_test

import (
	"testing"
	"testing/fstest"

	"github.com/tidegate/tidegate/plugin/cmpserver/cgroup"
)

func TestTheContainersLimitIsFound(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"version 2, own name space", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n"}, 512 << 20},
		{"version 2, no limit", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		{"version 2, the pod's is lower", map[string]string{"proc/self/cgroup": "0::/pod/container\n",
			"sys/fs/cgroup/pod/container/memory.max": "max\n", "sys/fs/cgroup/pod/memory.max": "268435456\n"}, 256 << 20},
		{"version 1", map[string]string{"proc/self/cgroup": "5:devices:/x\n4:memory:/kubepods/c\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/kubepods/c/memory.limit_in_bytes": "134217728\n"}, 128 << 20},
		{"version 1, the host's path", map[string]string{"proc/self/cgroup": "4:cpu,memory:/kubepods/c\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728\n"}, 128 << 20},
		{"nothing to read", nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := fstest.MapFS{}
			for name, content := range test.files {
				root[name] = &fstest.MapFile{Data: []byte(content)}
			}
			if got := cgroup.MemoryLimit(root); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}
