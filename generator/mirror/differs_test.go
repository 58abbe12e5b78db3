package mirror

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDiffersSeesEveryChangeBelowTheFoldersAndNoOther(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, u *upstream)
		want   bool
	}{
		{"content", func(t *testing.T, u *upstream) { u.commit(map[string]string{overlay: "namespace: x\n"}) }, true},
		{"nothing", func(t *testing.T, u *upstream) { u.commit(nil) }, false},
		{"a file beside", func(t *testing.T, u *upstream) { u.commit(map[string]string{"README.md": "x"}) }, false},
		{"another service with the same beginning", func(t *testing.T, u *upstream) { u.commit(map[string]string{"services/api-two/x": "x"}) }, false},
		{"a new file", func(t *testing.T, u *upstream) { u.commit(map[string]string{"services/api/new": "x"}) }, true},
		{"a file that is gone", func(t *testing.T, u *upstream) { u.commit(map[string]string{overlay: ""}) }, true},
		{"a rename", func(t *testing.T, u *upstream) { u.git("mv", overlay, overlay+".old"); u.commit(nil) }, true},
		{"a mode", func(t *testing.T, u *upstream) {
			u.git("update-index", "--chmod=+x", overlay)
			u.git("commit", "--quiet", "--message", "mode")
		}, true},
		{"a file that becomes a link", func(t *testing.T, u *upstream) {
			name := filepath.Join(u.dir, overlay)
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("elsewhere", name); err != nil {
				t.Fatal(err)
			}
			u.commit(nil)
		}, true},
		{"a submodule's commit", func(t *testing.T, u *upstream) {
			u.git("update-index", "--add", "--cacheinfo", "160000,"+u.head()+",services/api/module")
			u.git("commit", "--quiet", "--message", "module")
		}, true},
		{"the folder itself", func(t *testing.T, u *upstream) { u.commit(map[string]string{"services/api": ""}) }, true},
		{"a folder that becomes a file", func(t *testing.T, u *upstream) {
			u.commit(map[string]string{"services/api": ""})
			u.commit(map[string]string{"services/api": "x", "services/other/x": "x"})
		}, true},
		{"there and back", func(t *testing.T, u *upstream) {
			u.commit(map[string]string{overlay: "namespace: x\n"})
			u.git("revert", "--no-edit", "HEAD")
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			remote := newUpstream(t, config)
			m := open(t, remote.options())
			from := updated(t, m).ID
			test.change(t, remote)
			to := remote.head()
			// The commits are compared whether or not they are good.
			if err := m.Update(t.Context()); err != nil && m.State().Reason != Emptied {
				t.Fatal(err)
			}
			for _, folders := range [][]string{{"services/api"}, {"/services/api"}, {"nowhere", "services/api/"}, {"./services/api", "README.md/x"}} {
				if got, err := m.Differs(t.Context(), from, to, folders); err != nil || got != test.want {
					t.Errorf("%v: %v, %v, want %v", folders, got, err, test.want)
				}
			}
		})
	}
}

func TestDiffersSeesTheModeOfAFileThatIsNamed(t *testing.T) {
	remote := newUpstream(t, config)
	m := open(t, remote.options())
	from := updated(t, m).ID
	remote.git("update-index", "--chmod=+x", overlay)
	remote.git("commit", "--quiet", "--message", "mode")
	if got, err := m.Differs(t.Context(), from, updated(t, m).ID, []string{overlay}); err != nil || !got {
		t.Errorf("%v, %v", got, err)
	}
}

func TestDiffersTakesNothingForGranted(t *testing.T) {
	remote := newUpstream(t, config)
	m := open(t, remote.options())
	from := updated(t, m).ID
	for _, test := range []struct {
		name, to, want string
		folders        []string
	}{
		{"a commit that nobody has", strings.Repeat("1", 40), "has no commit 1111", []string{"services"}},
		{"a branch", "main", "no commit of 40 digits", []string{"services"}},
		{"no folder", from, "no folder", nil},
		{"a folder outside", from, "leads out of the repository", []string{"services/../../etc"}},
	} {
		if got, err := m.Differs(t.Context(), from, test.to, test.folders); err == nil || !strings.Contains(err.Error(), test.want) || got {
			t.Errorf("%s: %v, %v", test.name, got, err)
		}
	}
	to := remote.commit(map[string]string{"README.md": "x"})
	updated(t, m)
	for _, all := range []string{"", ".", "/"} {
		if got, err := m.Differs(t.Context(), from, to, []string{all}); err != nil || !got {
			t.Errorf("%q: %v, %v", all, got, err)
		}
	}
}

func TestACommitFollowsThoseBeforeIt(t *testing.T) {
	remote := newUpstream(t, config)
	first := remote.head()
	second := remote.commit(map[string]string{"README.md": "two"})
	m := open(t, remote.options())
	updated(t, m)
	for _, test := range []struct {
		revision, of string
		want, known  bool
	}{{second, first, true, true}, {first, first, true, true}, {first, second, false, true}, {second, strings.Repeat("a", 40), false, false}} {
		if follows, err := m.Descends(t.Context(), test.revision, test.of); follows != test.want || (err == nil) != test.known {
			t.Errorf("%s follows %s: %t, %v", test.revision, test.of, follows, err)
		}
	}
}
