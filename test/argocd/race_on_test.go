//go:build race

package argocd

// defaultSeeds is smaller here: the race detector makes Argo CD's sync several times slower, and finds its races in a few.
const defaultSeeds = 20
