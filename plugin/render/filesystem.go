package render

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// root is where kustomize finds the tree. A path that climbs above it leaves the tree: kustomize joins paths lexically,
// so one that climbs above "/" comes back down beside this folder, never inside it.
const root = "/@repository"

// fileSystem shows a tree to one kustomize build. kustomize uses CleanedAbs and ReadFile and nothing else of it; the
// embedded interface is nil, so anything else would panic.
type fileSystem struct {
	filesys.FileSystem
	tree       Tree
	resolver   resolver
	budget     budget
	overrides  Overrides
	top        string // the folder being rendered, free of links
	asked      asked
	components components
	scanned    []*kustomization // in the order of their first reading
	reads      []string         // kustomizations and files, in the order of their first reading
	seen       map[string]int   // the number of objects in each file that was read
	peeked     peeked
	loadSchema func()
	standIns   standIns
	// err is the first error that must not be lost: kustomize tries something else after many errors.
	err error
}

// kustomization is one that the build has read.
type kustomization struct {
	types.Kustomization
	file    string // its path in the tree
	dir     string // where its paths start
	content []byte
	// written is the content before anything was set in it: places in messages are those of the file.
	written []byte
	work    *work
}

// asked is what kustomize looked up last, if it did so as a kustomization: with a symbolic link, the file that it reads
// next has any name and any place, and the paths in it start where the link is.
type asked struct{ file, dir string }

func newFileSystem(ctx context.Context, request Request, p InProcess) *fileSystem {
	f := &fileSystem{
		tree:       request.Tree,
		resolver:   resolver{tree: request.Tree, dirs: map[string]string{".": "."}},
		budget:     budget{limits: request.Limits.orDefaults(), isolate: p.isolated, stopped: ctx.Err, claim: claim{memory: p.Memory}},
		overrides:  request.Overrides,
		top:        request.Dir,
		seen:       map[string]int{},
		peeked:     peeked{documents: map[string]int{}},
		loadSchema: p.loadSchema,
		standIns:   standIns{resources: map[string]bool{}, others: map[string]bool{}},
	}
	if resolved, _, err := f.resolver.resolve(f.top); err == nil {
		f.top = resolved
	}
	return f
}

// keep remembers an error that must end the render even if kustomize goes on.
func (f *fileSystem) keep(err error) error {
	if f.err == nil {
		f.err = err
	}
	return err
}

// CleanedAbs resolves a path to a folder, or to a folder and the name of a file in it.
func (f *fileSystem) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	if f.err != nil {
		return "", "", f.err
	}
	if err := f.budget.lookup(); err != nil {
		return "", "", f.keep(err)
	}
	dir, base, err := f.locate(name)
	if err != nil {
		return "", "", f.lookupError(name, err)
	}
	f.asked = asked{}
	if base != "" && isKustomization(path.Base(name)) {
		if from, err := f.inTree(path.Dir(name)); err == nil {
			f.asked = asked{file: path.Join(dir, base), dir: from}
		}
	}
	return filesys.ConfirmedDir(dir), base, nil
}

func (f *fileSystem) locate(name string) (dir, base string, err error) {
	if c := f.components.at(name); c != nil && c.isOwnKustomization(name) {
		return c.root(), path.Base(name), nil
	}
	inTree, err := f.inTree(name)
	if err != nil {
		return "", "", err
	}
	resolved, isDir, err := f.resolver.resolve(inTree)
	if err != nil {
		return "", "", err
	}
	if isDir {
		return f.components.show(name, resolved), "", nil
	}
	if c := f.components.named(resolved); c != nil {
		return c.root(), "", nil
	}
	return f.components.showFile(name, path.Dir(resolved)), path.Base(resolved), nil
}

// inTree turns a path that kustomize asks for into one of the tree.
func (f *fileSystem) inTree(name string) (string, error) {
	if c := f.components.at(name); c != nil {
		return cmp.Or(strings.TrimPrefix(strings.TrimPrefix(name, c.prefix()), "/"), "."), nil
	}
	if name == root {
		return ".", nil
	}
	inside, found := strings.CutPrefix(name, root+"/")
	if !found {
		return "", &outsideError{path: name}
	}
	return inside, nil
}

// lookupError keeps what is not plainly "no such file": those kustomize may recover from, and reports otherwise.
func (f *fileSystem) lookupError(name string, err error) error {
	var outside *outsideError
	leads := errors.As(err, &outside) && outside.link
	if leads || outside == nil && !missing(err) {
		return f.keep(err)
	}
	return fmt.Errorf("evalsymlink failure on '%s' : %w", name, err)
}

// missing says that there can be no such file. kustomize also tries text as a path, hence the names no file can have.
func missing(err error) bool {
	for _, none := range []error{fs.ErrNotExist, errNotDir, fs.ErrInvalid, syscall.ENOTDIR, syscall.ENAMETOOLONG} {
		if errors.Is(err, none) {
			return true
		}
	}
	return false
}

// ReadFile reads a file that CleanedAbs has found.
func (f *fileSystem) ReadFile(name string) ([]byte, error) {
	if f.err != nil {
		return nil, f.err
	}
	if c := f.components.at(name); c != nil && c.isOwnKustomization(name) {
		if path.Base(name) != "kustomization.yaml" {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return f.readKustomization(c.file, path.Dir(c.file), c)
	}
	inTree, err := f.inTree(name)
	if err != nil {
		return nil, err
	}
	if name == f.asked.file {
		return f.readKustomization(inTree, f.asked.dir, nil)
	}
	f.budget.comparisons.reach(inTree, "", f.budget.objects)
	content, err := f.readTree(inTree)
	if err != nil {
		return nil, err
	}
	short := f.standIns.shorten(inTree, content)
	if len(short) < len(content) {
		nodes, _ := breadthBound(content)
		left, _ := breadthBound(short)
		f.budget.setAside += nodes - left
	}
	if err := f.budget.fits(inTree); err != nil {
		return nil, f.keep(err)
	}
	return short, nil
}

// readTree reads a file of the tree within the budget.
func (f *fileSystem) readTree(name string) ([]byte, error) {
	if err := f.budget.lookup(); err != nil {
		return nil, f.keep(err)
	}
	info, err := f.tree.Lstat(name)
	if err != nil {
		return nil, f.lookupError(name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, f.keep(fmt.Errorf("%s is not a regular file", name))
	}
	if err := f.budget.size(name, info.Size()); err != nil {
		return nil, f.keep(err)
	}
	content, err := f.tree.ReadFile(name)
	if err != nil {
		return nil, f.keep(err)
	}
	if _, again := f.seen[name]; !again {
		if err := f.budget.content(name, content); err != nil {
			return nil, f.keep(err)
		}
		f.seen[name] = objectBound(content, f.budget.limits.Objects)
		f.reads = append(f.reads, name)
	} else {
		f.budget.growth.read(content, len(content)/2) // a node takes two bytes at least, and this bound costs nothing
	}
	if err := f.budget.use(name, f.seen[name], 0, 0); err != nil {
		return nil, f.keep(err)
	}
	return content, nil
}

// readKustomization reads a kustomization, or the file of a component, and learns what the build is about to do.
func (f *fileSystem) readKustomization(file, dir string, c *component) ([]byte, error) {
	place := dir
	if c != nil {
		place = file
	}
	f.budget.comparisons.reach(file, place, f.budget.objects)
	content, err := f.readTree(file)
	if err != nil {
		return nil, err
	}
	if err := f.budget.build(file); err != nil {
		return nil, f.keep(err)
	}
	written := content
	if c != nil {
		if content, err = c.edit(content); err != nil {
			return nil, f.keep(err)
		}
	} else if dir == f.top {
		if content, err = f.overrides.edit(content); err != nil {
			return nil, f.keep(fmt.Errorf("%s: %w", file, err))
		}
	}
	k, err := f.scan(file, dir, content, written)
	if err == nil {
		err = f.compare(k, place)
	}
	if err != nil {
		return nil, f.keep(err)
	}
	return content, nil
}

// scan looks at a kustomization before kustomize acts on it, the first time that it is read.
func (f *fileSystem) scan(file, dir string, content, written []byte) (*kustomization, error) {
	known := slices.IndexFunc(f.scanned, func(k *kustomization) bool { return k.file == file && k.dir == dir })
	if known >= 0 {
		return f.scanned[known], f.repeat(f.scanned[known])
	}
	k := &kustomization{file: file, dir: dir, content: content, written: written}
	f.scanned = append(f.scanned, k)
	if err := k.Unmarshal(content); err != nil {
		return k, nil // kustomize refuses it
	}
	return k, f.learn(k)
}

// repeat adds what a component changes each time that it is read: it may meet again what it has changed. Any other
// kustomization is built from objects of its own, which are counted as they are read.
func (f *fileSystem) repeat(k *kustomization) error {
	if k.Kind != types.ComponentKind {
		return nil
	}
	if err := f.measureGrowth(k); err != nil {
		return err
	}
	return f.measure(k)
}

// learn finds out what the build is about to do, and refuses what it must not.
func (f *fileSystem) learn(k *kustomization) error {
	if err := f.refuse(k); err != nil {
		return err
	}
	if err := f.measureGrowth(k); err != nil {
		return err
	}
	if err := f.measure(k); err != nil {
		return err
	}
	if err := f.measureSteps(k); err != nil {
		return err
	}
	if !f.standIns.off && !f.standIns.learn(f, k) {
		if len(f.standIns.schemas) > 0 {
			return errSeesSchemas
		}
		f.standIns.off = true
	}
	for _, c := range f.components.learn(k, f.resolver.resolve) {
		if _, read := f.seen[c.file]; !read {
			continue
		}
		if err := f.elsewhere(c); err != nil {
			return err
		}
	}
	if len(k.OpenAPI) > 0 && !f.budget.isolate {
		return unbounded("%s: openapi changes the schema of the whole process", k.file)
	}
	if len(k.Crds) > 0 && !f.budget.isolate {
		return unbounded("%s: crds lead from definition to definition, which may have no end", k.file)
	}
	if !f.budget.isolate && merges(&k.Kustomization, f.reader(k)) {
		f.loadSchema()
	}
	return nil
}

// errSeesSchemas ends a build with stand-ins, of which a component turns out to change what they stand for.
var errSeesSchemas = errors.New("a later kustomization may change schemas")

// peek reads a file that kustomize is about to read, outside the budget.
func (f *fileSystem) peek(dir, name string) ([]byte, error) {
	resolved, isDir, err := f.resolver.resolve(path.Join(dir, name))
	if err != nil {
		return nil, err
	}
	info, err := f.tree.Lstat(resolved)
	if err != nil || isDir || !info.Mode().IsRegular() || info.Size() > f.budget.limits.FileBytes {
		return nil, fs.ErrInvalid
	}
	return f.tree.ReadFile(resolved)
}

// reader peeks at the files that a kustomization names.
func (f *fileSystem) reader(k *kustomization) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) { return f.peek(k.dir, name) }
}
