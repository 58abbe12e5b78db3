// Package manifests holds what is applied to Argo CD: ApplicationSets, the root Application, settings.
//
// It is data: the files beside this one, as they are applied.
package manifests

import _ "embed"

// Services is the ApplicationSet of all services.
//
//go:embed applicationset.yaml
var Services []byte

// ClusterConfig is the ApplicationSet of the clusters' configuration.
//
//go:embed cluster-config.yaml
var ClusterConfig []byte
