package mirror

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// signer is a key pair, and its public part as Argo CD keeps it.
func signer(t *testing.T) (*openpgp.Entity, string) {
	t.Helper()
	key, err := openpgp.NewEntity("a", "", "a@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	to, err := armor.Encode(&out, openpgp.PublicKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(key.Serialize(to), to.Close()); err != nil {
		t.Fatal(err)
	}
	return key, out.String()
}

// sign makes a commit on top, signed with a key.
func (u *upstream) sign(t *testing.T, key *openpgp.Entity) string {
	t.Helper()
	repository, err := git.PlainOpen(u.dir)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repository.Worktree()
	if err != nil {
		t.Fatal(err)
	}
	hash, err := tree.Commit("signed", &git.CommitOptions{
		SignKey: key, AllowEmptyCommits: true, Author: &object.Signature{Name: "a", Email: "a@example.com", When: time.Now()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return hash.String()
}

func TestOnlyACommitSignedWithAKnownKeyIsTaken(t *testing.T) {
	remote := newUpstream(t, config)
	trusted, public := signer(t)
	stranger, _ := signer(t)
	keys := map[string]string{"0123456789ABCDEF": public}
	var unreadable error
	options := remote.options()
	options.Keys = func(context.Context) (map[string]string, error) { return keys, unreadable }
	m := open(t, options)
	doubted(t, m, "", Unsigned, remote.head(), "has no GPG signature")
	good := remote.sign(t, trusted)
	if updated(t, m); served(m) != good {
		t.Fatalf("%s is served, want %s", served(m), good)
	}
	by := remote.sign(t, stranger)
	doubted(t, m, good, Unsigned, by, "none of the keys 0123456789ABCDEF")
	m.Accept(by)
	doubted(t, m, good, Unsigned)
	unreadable = errors.New("the ConfigMap cannot be read")
	next := remote.sign(t, trusted)
	doubted(t, m, good, Outage, "the ConfigMap cannot be read")
	unreadable = nil
	if updated(t, m); served(m) != next {
		t.Fatalf("%s is served, want %s", served(m), next)
	}
	_, keys["0123456789ABCDEF"] = signer(t)
	doubted(t, m, next, Unsigned)
}
