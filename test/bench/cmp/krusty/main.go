// Command krusty prints how much CPU time kustomize as a library takes for an overlay of a service, in milliseconds, over all
// services of a repository: Run and AsYaml, from memory, with the schema that Tidegate uses. It is a program of its own, so
// that nothing else that is linked or kept weighs on the garbage collector.
//
//	GOGC=400 krusty DIR
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"syscall"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/tidegate/tidegate/plugin/render/schema"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: krusty DIR")
	}
	milliseconds, err := measure(filepath.Join(os.Args[1], "services"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(milliseconds)
}

func measure(dir string) (float64, error) {
	files := filesys.MakeFsInMemory()
	if err := load(dir, files); err != nil {
		return 0, err
	}
	services, err := files.ReadDir("/services")
	if err != nil {
		return 0, err
	}
	schema.Suppress()
	schema.Load()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	before, err := cpu()
	if err != nil {
		return 0, err
	}
	for _, name := range services {
		resources, err := krusty.MakeKustomizer(options).Run(files, filepath.Join("/services", name, "overlays/staging"))
		if err != nil {
			return 0, err
		}
		if _, err := resources.AsYaml(); err != nil {
			return 0, err
		}
	}
	after, err := cpu()
	return (after - before) / float64(len(services)), err
}

// load reads the YAML files of all services into memory. What no render reads is left out: the more memory is in use, the less
// often the garbage collector runs, which is no merit of kustomize's.
func load(dir string, into filesys.FileSystem) error {
	return filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return into.WriteFile(filepath.Join("/services", name), content)
	})
}

// cpu is the CPU time of this process so far, in milliseconds.
func cpu() (float64, error) {
	var used syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e6, err
}
