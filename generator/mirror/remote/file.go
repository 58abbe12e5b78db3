package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/server"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// inFolder reads a repository on this machine with go-git's own server, in process: go-git's client would run git.
type inFolder struct {
	transport.UploadPackSession
	storage storer.Storer
}

func openFile(at Endpoint) (Session, error) {
	dir := at.Path
	if info, err := os.Stat(filepath.Join(dir, ".git")); err == nil && info.IsDir() {
		dir = filepath.Join(dir, ".git")
	}
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		return nil, fmt.Errorf("%s is no Git repository: %w", at.Path, err)
	}
	storage := filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRUDefault())
	session, err := server.NewClient(server.MapLoader{at.String(): storage}).NewUploadPackSession(at.Endpoint, nil)
	if err != nil {
		return nil, err
	}
	return &inFolder{session, storage}, nil
}

func (s *inFolder) References(ctx context.Context) (*packp.AdvRefs, error) {
	refs, err := s.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return nil, packp.ErrEmptyAdvRefs
	}
	return refs, err
}

func (s *inFolder) Pack(ctx context.Context, want plumbing.Hash, have []plumbing.Hash) (io.ReadCloser, error) {
	ask := packp.NewUploadPackRequest()
	ask.Wants = []plumbing.Hash{want}
	for _, hash := range have {
		if s.storage.HasEncodedObject(hash) == nil {
			ask.Haves = append(ask.Haves, hash)
			break
		}
	}
	return s.UploadPack(ctx, ask)
}
