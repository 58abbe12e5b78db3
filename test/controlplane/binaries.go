package controlplane

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/tidegate/tidegate/test/controlplane/process"
)

// Race is the variable of the environment by which Tidegate's servers are built with the race detector.
const Race = "TIDEGATE_RACE"

// programs are folders of Tidegate's programs as they are when this process asks first. They stay as they are as long as it
// lives, whatever others build meanwhile.
type programs struct {
	// plain are those that people run, and servers those that run all the time: a race is seen in these.
	plain, servers string
	// folder has both. It is in use as long as it is held.
	folder *process.Folder
}

var binaries = sync.OnceValues(func() (*programs, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	all := filepath.Join(root, "bin", "e2e")
	own, err := process.NewFolder(all, "run-", 0)
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(all, "build.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	out := &programs{plain: filepath.Join(own.Path, "plain"), servers: filepath.Join(own.Path, "plain"), folder: own}
	err = buildInto(root, filepath.Join(all, "plain"), out.plain)
	if os.Getenv(Race) != "" {
		out.servers = filepath.Join(own.Path, "race")
		err = errors.Join(err, buildInto(root, filepath.Join(all, "race"), out.servers, "-race"))
	}
	return out, errors.Join(err, lock.Close())
})

// buildInto builds where the next run finds what has not changed, and copies it from there.
func buildInto(root, built, own string, flags ...string) error {
	args := append([]string{"build", "-o", built + string(filepath.Separator)}, flags...)
	command := exec.Command("go", append(args, "./cmd/tidegate", "./cmd/tidegate-plugin")...)
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, output)
	}
	if err := os.Mkdir(own, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"tidegate", "tidegate-plugin"} {
		if err := copyProgram(filepath.Join(built, name), filepath.Join(own, name)); err != nil {
			return err
		}
	}
	return nil
}

func copyProgram(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // only read
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
