package cmpserver

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/mattn/go-zglob"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/render"
)

func (d Discover) defined() bool {
	return d.FileName != "" || d.Find.Glob != ""
}

// pattern is a rule that paths match as they do for Argo CD's own server (argo-cd cmpserver/plugin, matchRepository).
type pattern struct {
	text string
	// special are the characters of which one makes it more than a path.
	special string
	compile func(pattern string) (matcher, error)
}

// matcher matches paths that begin with a slash.
type matcher interface{ Match(name string) bool }

// pattern is the rule of fileName, if there is one, or that of find.glob, whose ** and {a,b} are go-zglob's.
func (d Discover) pattern() pattern {
	if d.FileName != "" {
		return pattern{d.FileName, `*?[\`, func(pattern string) (matcher, error) { return steps(pattern), steps(pattern).check() }}
	}
	return pattern{d.Find.Glob, "*{", func(pattern string) (matcher, error) { return zglob.New(pattern) }}
}

// steps are matched each by itself, as by filepath.Glob.
type steps string

func (s steps) check() error {
	_, err := path.Match(string(s), "")
	return err
}

func (s steps) Match(name string) bool {
	matched, _ := path.Match(string(s), name)
	return matched
}

func (d Discover) check() error {
	p := d.pattern()
	if _, err := p.compile("/" + p.text); err != nil {
		return fmt.Errorf("spec.discover: %q cannot be read: %w; fileName takes *, ? and [], find.glob takes *, **/, [] and {a,b}", p.text, err)
	}
	return nil
}

// matches says whether there is a file of the rule's name or pattern, seen from the Application's folder.
func (s *Server) matches(ctx context.Context, request *received, discover Discover) (bool, error) {
	tree, _, err := s.outline(ctx, request)
	if err != nil {
		return false, err
	}
	dir, err := folder(request.AppRelPath)
	if err != nil {
		return false, err
	}
	return discover.pattern().find(tree, render.Resolve(tree, dir))
}

// find looks for what matches, seen from a folder. A path is followed through links; patterns are held against the paths
// of the archive as they are.
func (p pattern) find(tree *archive.Tree, dir string) (bool, error) {
	base, rest := dir, path.Clean(strings.TrimLeft(p.text, "/"))
	for strings.HasPrefix(rest+"/", "../") {
		if base == "." {
			return false, nil // above the repository there is nothing
		}
		base, rest = path.Dir(base), path.Clean(strings.TrimPrefix(rest[2:], "/"))
	}
	if !strings.ContainsAny(rest, p.special) {
		at := path.Join(base, rest)
		mode, _ := tree.At(path.Join(render.Resolve(tree, path.Dir(at)), path.Base(at)))
		return mode != fs.ModeIrregular, nil
	}
	matcher, err := p.compile("/" + rest)
	if err != nil {
		return false, err
	}
	for name := range tree.Names() {
		below := base == "."
		if !below {
			name, below = strings.CutPrefix(name, base+"/")
		}
		if below && matcher.Match("/"+name) {
			return true, nil
		}
	}
	return false, nil
}
