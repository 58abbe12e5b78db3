//go:build !race

package argocd

// defaultSeeds is how many random sets a test syncs, unless it is told.
const defaultSeeds = 100
