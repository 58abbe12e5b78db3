// Package wave works out in which order Argo CD must apply a set of objects, from what they refer to.
//
// It reads objects and answers with a Plan; only Plan.Apply changes them. It never reads files, never talks to a
// cluster, and knows nothing of kustomize.
package wave
