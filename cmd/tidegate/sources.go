package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/cmd/internal/cli"
	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/plugin/render"
)

// sources are the flags that say where the repository and the clusters are.
type sources struct{ repoDir, revision, clustersFile string }

func (s *sources) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&s.repoDir, "repo-dir", ".", "the config repository: a folder, or a Git repository, also a bare one")
	flags.StringVar(&s.revision, "revision", "", "the branch, tag or commit to read (default: the files as they are; of a bare repository, HEAD)")
	flags.StringVar(&s.clustersFile, "clusters-file", "", "the clusters: a YAML file in the shape of Argo CD's cluster Secrets, without credentials")
}

// tree returns the repository's files as they are now.
func (s *sources) tree(ctx context.Context) (catalog.Tree, func() error, error) {
	repository, err := catalog.Open(s.repoDir, s.revision)
	if err != nil {
		return nil, nil, cli.Usage(err)
	}
	revision, err := repository.Open(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, repository.Close())
	}
	return revision.Tree, repository.Close, nil
}

// open returns what answers from the flags' sources.
func (s *sources) open() (generator.Answerer, func() error, error) {
	repository, clusters, closeSources, err := s.openBoth()
	if err != nil {
		return nil, nil, err
	}
	return generator.New(repository, clusters), closeSources, nil
}

// openBoth returns the flags' sources.
func (s *sources) openBoth() (generator.Repository, fleet.Fleet, func() error, error) {
	if s.clustersFile == "" {
		return nil, nil, nil, cli.Usage(errors.New("--clusters-file is missing: which clusters are there?"))
	}
	clusters, err := fleet.OpenFile(s.clustersFile)
	if err != nil {
		return nil, nil, nil, err
	}
	repository, err := catalog.Open(s.repoDir, s.revision)
	if err != nil {
		return nil, nil, nil, cli.Usage(err)
	}
	return catalog.New(repository, render.New()), clusters, repository.Close, nil
}
