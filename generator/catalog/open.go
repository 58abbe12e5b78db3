package catalog

// Open returns the source of a folder: the files as they are, or, with a revision (branch, tag, commit, HEAD) or in a bare
// Git repository, a commit. Each Open of the source resolves the revision again. A bare repository without a revision is
// read at HEAD.
func Open(dir, revision string) (Source, error) { return nil, nil }
