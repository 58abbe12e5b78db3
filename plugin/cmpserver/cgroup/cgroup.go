// Package cgroup tells how much memory the container that a process runs in may use.
//
// It reads what the kernel shows and changes nothing.
package cgroup

import (
	"bufio"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// unlimited is what version 1 shows where there is no limit: the largest number of pages. Anything near it is none.
const unlimited = math.MaxInt64 / 2

// MemoryLimit returns the limit in bytes, the lowest of all groups above the process, or 0 where there is none. The file
// system is that of the machine, os.DirFS("/").
func MemoryLimit(root fs.FS) int64 {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	lowest := int64(0)
	lines := bufio.NewScanner(strings.NewReader(string(groups)))
	for lines.Scan() {
		// hierarchy:controllers:path, and 0::path for version 2
		parts := strings.SplitN(lines.Text(), ":", 3)
		if len(parts) != 3 {
			continue
		}
		mount, file := "sys/fs/cgroup", "memory.max"
		if parts[1] != "" {
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		if parts[1] != "" && !strings.Contains(","+parts[1]+",", ",memory,") {
			continue
		}
		// In a container with a name space of its own the path is "/"; without one, the path is the host's and the
		// container's own group is what is mounted.
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			if limit := read(root, path.Join(mount, at, file)); limit > 0 && (lowest == 0 || limit < lowest) {
				lowest = limit
			}
			if at == "/" {
				break
			}
		}
	}
	return lowest
}

func read(root fs.FS, file string) int64 {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return 0
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || limit >= unlimited {
		return 0
	}
	return limit
}
