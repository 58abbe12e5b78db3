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

// binaries is the folder of Tidegate's programs as they are when this process asks first, with the race detector where it
// has it. They stay as they are as long as it lives, whatever others build meanwhile.
var binaries = sync.OnceValues(func() (*process.Folder, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	all := filepath.Join(root, "bin", "e2e")
	own, err := process.NewFolder(all, "run-")
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
	return own, errors.Join(buildInto(root, all, own.Path), lock.Close())
})

// buildInto builds where the next run finds what has not changed, and copies it from there.
func buildInto(root, all, own string) error {
	// Kept apart by their flags, so that runs that take turns need not link anew.
	built, args := filepath.Join(all, "plain"), []string{"build"}
	if raceEnabled {
		built, args = filepath.Join(all, "race"), append(args, "-race")
	}
	command := exec.Command("go", append(args, "-o", built+string(filepath.Separator), "./cmd/tidegate", "./cmd/tidegate-plugin")...)
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, output)
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
