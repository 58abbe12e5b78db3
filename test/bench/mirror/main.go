// Command mirror clones and fetches a generated config repository over smart HTTP, with the generator's mirror (go-git's
// storage, a client of its own), with go-git's own client, and with the git program, each in a process of its own, and
// prints wall time, peak memory of that process and its children, and what lies on disk. All three processes are this same
// program, with Argo CD's packages linked in: what it takes before the first fetch is printed, too.
//
//	go run ./test/bench/mirror
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"text/tabwriter"
	"time"
)

func main() {
	log.SetFlags(0)
	files := flag.Int("files", 10_000, "how many files the repository has")
	commits := flag.Int("commits", 5_000, "how many commits it has")
	client := flag.String("client", "", "be this client, of -url in -dir, as told on stdin: for this program itself")
	url := flag.String("url", "", "the repository")
	dir := flag.String("dir", "", "the client's folder")
	flag.Parse()
	var err error
	if *client != "" {
		err = obey(*client, *url, *dir)
	} else {
		err = compare(*files, *commits)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// steps are what each client does, and how many commits are pushed before.
var steps = []struct {
	name   string
	pushed int
}{{"first clone", 0}, {"1 new commit", 1}, {"50 new commits", 50}, {"nothing new", 0}}

func compare(files, commits int) error {
	dir, err := os.MkdirTemp("", "tidegate-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	repository, err := newRepository(filepath.Join(dir, "remote.git"), files, commits)
	if err != nil {
		return err
	}
	url, stop, err := serve(dir)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Printf("%d files, %d commits, %.1f MiB packed\n", files, commits, megabytes(repository.dir))
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "client\tstep\tms\tpeak MiB\tdisk MiB\t")
	for _, name := range clients {
		if err := measure(table, repository, name, url+"/remote.git", filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return table.Flush()
}

// measure runs one client through all steps: it stays, as the generator does.
func measure(table *tabwriter.Writer, repository *repository, name, url, dir string) error {
	child := exec.Command(os.Args[0], "-client", name, "-url", url, "-dir", dir)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		return err
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	answers := bufio.NewScanner(out)
	if !answers.Scan() {
		return fmt.Errorf("the client did not start: %v", child.Wait())
	}
	fmt.Fprintf(table, "%s\tstarted\t\t%.0f\t\t\n", name, resident(child.Process.Pid))
	for _, step := range steps {
		if err := repository.push(step.pushed); err != nil {
			return err
		}
		watch, started := newWatch(child.Process.Pid), time.Now()
		if _, err := fmt.Fprintln(in, step.name); err != nil {
			return err
		}
		if !answers.Scan() {
			return fmt.Errorf("the client ended in %q: %v", step.name, child.Wait())
		}
		took := time.Since(started)
		fmt.Fprintf(table, "%s\t%s\t%d\t%.0f\t%.1f\t\n", name, step.name, took.Milliseconds(), watch.stop(), megabytes(dir))
	}
	if err := in.Close(); err != nil {
		return err
	}
	return child.Wait()
}
