// Package godoc reads the doc comments of a package's types and fields, for what is generated from them. It needs the
// source, so it is part of no binary that is shipped.
package godoc

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
)

// Comments are the doc comments of the types in a folder, by "Type" and "Type.Field", as one line each. Test files are
// left out.
func Comments(dir string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	comments := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, declaration := range parsed.Decls {
			if group, ok := declaration.(*ast.GenDecl); ok && group.Tok == token.TYPE {
				read(group, comments)
			}
		}
	}
	return comments, nil
}

func read(group *ast.GenDecl, comments map[string]string) {
	for _, spec := range group.Specs {
		declared := spec.(*ast.TypeSpec)
		doc := declared.Doc
		if doc == nil {
			doc = group.Doc
		}
		comments[declared.Name.Name] = line(doc.Text())
		structure, ok := declared.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, field := range structure.Fields.List {
			for _, name := range field.Names {
				comments[declared.Name.Name+"."+name.Name] = line(field.Doc.Text())
			}
		}
	}
}

func line(text string) string { return strings.Join(strings.Fields(text), " ") }
