package render_test

import (
	"encoding/gob"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// tree is one case of kustomize's own tests: its files and the folder it builds.
type tree struct {
	Name  string
	Files map[string]string
	Dir   string
	// OnDisk says that Dir is a folder of this machine.
	OnDisk bool
}

// stock is what kustomize itself makes of a tree.
type stock struct {
	Stream string
	Err    string
}

// TestTheOutputIsKustomizes builds every tree of kustomize's own test suite, well over two hundred, with kustomize itself,
// untouched and in a process of its own, and with Tidegate: the bytes must be the same, and what one refuses the other
// must refuse.
func TestTheOutputIsKustomizes(t *testing.T) {
	trees := krustyTrees(t)
	if len(trees) < 200 {
		t.Fatalf("found only %d trees in kustomize's tests; has their form changed?", len(trees))
	}
	built := 0
	for i, want := range runStock(t, trees) {
		t.Run(trees[i].Name, func(t *testing.T) {
			got, err := build(t, files(trees[i].Files), trees[i].Dir)
			switch {
			case want.Err != "" && err == nil:
				t.Errorf("kustomize refuses this: %s\nTidegate rendered:\n%s", want.Err, got)
			case want.Err == "" && err != nil:
				t.Errorf("kustomize builds this, Tidegate does not: %v", err)
			default:
				wantEqual(t, got, want.Stream)
			}
		})
		if want.Err == "" {
			built++
		}
	}
	t.Logf("%d trees, of which kustomize builds %d", len(trees), built)
}

// krustyTrees reads the trees out of the source of kustomize's tests, in the module that this one requires.
func krustyTrees(t *testing.T) []tree {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kustomize/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "krusty", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	functions := map[string]*ast.FuncDecl{}
	var tests []*ast.FuncDecl
	for _, source := range sources {
		parsed, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range parsed.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && strings.HasPrefix(function.Name.Name, "Test") {
				tests = append(tests, function)
			} else if ok {
				functions[function.Name.Name] = function
			}
		}
	}
	var trees []tree
	for _, test := range tests {
		trees = append(trees, treesOf(test, functions)...)
	}
	return trees
}

// treesOf follows the calls of a test in order, also into the functions it calls: WriteK, WriteC and WriteF write a
// file, Run builds a folder.
func treesOf(test *ast.FuncDecl, functions map[string]*ast.FuncDecl) []tree {
	written := map[string]string{}
	var trees []tree
	var follow func(node ast.Node) bool
	follow = func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		if name, ok := call.Fun.(*ast.Ident); ok && functions[name.Name] != nil {
			ast.Inspect(functions[name.Name].Body, follow)
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || len(call.Args) < 2 {
			return true
		}
		name, ok := literal(call.Args[0])
		if !ok {
			return true
		}
		name = strings.TrimPrefix(path.Clean("/"+name), "/")
		content, isLiteral := literal(call.Args[1])
		switch method.Sel.Name {
		case "WriteK":
			written[path.Join(name, "kustomization.yaml")] = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n" + content
		case "WriteC":
			written[path.Join(name, "kustomization.yaml")] = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n" + content
		case "WriteF":
			if isLiteral {
				written[name] = content
			}
		case "Run", "RunWithErr":
			built := tree{Name: fmt.Sprintf("%s/%d", test.Name.Name, len(trees)), Files: maps.Clone(written), Dir: name}
			trees = append(trees, built)
		}
		return true
	}
	ast.Inspect(test.Body, follow)
	return slices.DeleteFunc(trees, func(t tree) bool { return len(t.Files) == 0 || unsafeHere(t) })
}

// unsafeHere leaves out what would make kustomize itself go to the network or run something.
func unsafeHere(t tree) bool {
	for _, content := range t.Files {
		for _, mark := range []string{"http://", "https://", "git@", "ssh://", "github.com/", "file://", "helm", "container:", "exec:"} {
			if strings.Contains(content, mark) && !strings.Contains(content, "$schema") {
				return true
			}
		}
	}
	return false
}

func literal(expression ast.Expr) (string, bool) {
	switch e := expression.(type) {
	case *ast.BasicLit:
		value, err := strconv.Unquote(e.Value)
		return value, err == nil
	case *ast.BinaryExpr:
		left, ok := literal(e.X)
		right, ok2 := literal(e.Y)
		return left + right, ok && ok2
	}
	return "", false
}

const stockVariable = "TIDEGATE_TEST_STOCK"

// runStock builds trees with kustomize in other processes, where nothing of ours has touched it: one for all, and one
// for each that sets a schema, which kustomize never resets.
func runStock(t *testing.T, trees []tree) []stock {
	t.Helper()
	results := make([]stock, len(trees))
	var plain []tree
	var places []int
	for i, one := range trees {
		if setsSchema(one) {
			results[i] = stockProcess(t, []tree{one})[0]
			continue
		}
		plain, places = append(plain, one), append(places, i)
	}
	for i, result := range stockProcess(t, plain) {
		results[places[i]] = result
	}
	return results
}

func setsSchema(t tree) bool {
	for _, content := range t.Files {
		if strings.Contains(content, "openapi:") {
			return true
		}
	}
	return false
}

func stockProcess(t *testing.T, trees []tree) []stock {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), stockVariable+"=1")
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if err := gob.NewEncoder(stdin).Encode(trees); err != nil {
		t.Fatal(err)
	}
	var results []stock
	if err := gob.NewDecoder(stdout).Decode(&results); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
	return results
}

// serveStock is what the other process does.
func serveStock() error {
	var trees []tree
	if err := gob.NewDecoder(os.Stdin).Decode(&trees); err != nil {
		return err
	}
	results := make([]stock, len(trees))
	for i, one := range trees {
		results[i] = stockBuild(one)
	}
	return gob.NewEncoder(os.Stdout).Encode(results)
}

func stockBuild(t tree) (result stock) {
	defer func() {
		if p := recover(); p != nil {
			result = stock{Err: fmt.Sprint(p)}
		}
	}()
	disk, at := filesys.MakeFsInMemory(), "/repository/"+t.Dir
	if t.OnDisk {
		disk, at = filesys.MakeFsOnDisk(), t.Dir
	}
	for name, content := range t.Files {
		if err := disk.WriteFile("/repository/"+name, []byte(content)); err != nil {
			return stock{Err: err.Error()}
		}
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	resources, err := krusty.MakeKustomizer(options).Run(disk, at)
	if err != nil {
		return stock{Err: err.Error()}
	}
	stream, err := resources.AsYaml()
	if err != nil {
		return stock{Err: err.Error()}
	}
	return stock{Stream: string(stream)}
}
