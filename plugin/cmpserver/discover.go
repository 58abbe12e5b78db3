package cmpserver

import (
	"context"
	"fmt"
	"path"
	"strings"
)

func (d Discover) defined() bool {
	return d.FileName != "" || d.Find.Glob != "" || len(d.Find.Command.Command) > 0
}

func (d Discover) check() error {
	for field, pattern := range map[string]string{"fileName": d.FileName, "find.glob": d.Find.Glob} {
		for step := range strings.SplitSeq(pattern, "/") {
			if _, err := path.Match(step, ""); err != nil || strings.ContainsAny(step, "{}") {
				return fmt.Errorf("spec.discover.%s: %q is no pattern of *, ?, [] and **", field, pattern)
			}
		}
	}
	return nil
}

// matches says whether there is a file of the rule's name or pattern, seen from the Application's folder.
func (s *Server) matches(ctx context.Context, request *received, discover Discover) (bool, error) {
	tree := request.tree
	if tree == nil {
		var err error
		if tree, err = s.trees.unpack(ctx, request.Checksum, request.archive, ""); err != nil {
			return false, err
		}
	}
	dir, err := folder(request.AppRelPath)
	if err != nil {
		return false, err
	}
	pattern := discover.FileName
	if pattern == "" {
		pattern = discover.Find.Glob
	}
	steps := strings.Split(path.Join(literal.Replace(tree.Resolve(dir)), pattern), "/")
	for name := range tree.Names() {
		if glob(steps, strings.Split(name, "/")) {
			return true, nil
		}
	}
	return false, nil
}

// literal makes a path a pattern that matches only it.
var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

// glob matches step by step; ** stands for any number of steps.
func glob(pattern, name []string) bool {
	switch {
	case len(pattern) == 0:
		return len(name) == 0
	case pattern[0] == "**":
		return glob(pattern[1:], name) || len(name) > 0 && glob(pattern, name[1:])
	case len(name) == 0:
		return false
	}
	matched, _ := path.Match(pattern[0], name[0])
	return matched && glob(pattern[1:], name[1:])
}
