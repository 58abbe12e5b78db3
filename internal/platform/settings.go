package platform

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// What is true where tidegate.yaml says nothing.
const (
	defaultName              = "{service}-{environment}"
	defaultClusterConfigName = "cluster-config-{cluster}"
	defaultFinalizer         = "resources-finalizer.argocd.argoproj.io"
)

// Environment returns the environment of that name, or nil.
func (p *Platform) Environment(name string) *Environment {
	for i := range p.Environments {
		if p.Environments[i].Name == name {
			return &p.Environments[i]
		}
	}
	return nil
}

func (p *Platform) environmentNames() []string {
	names := make([]string, len(p.Environments))
	for i, environment := range p.Environments {
		names[i] = environment.Name
	}
	return names
}

// For returns what the Applications of a service in an environment are given, with clusterValues, those of the cluster.
// What it returns must not be changed.
func (p *Platform) For(service, environment string, clusterValues map[string]string) Application {
	return merged(p.LayersFor(service, environment, clusterValues))
}

// ForClusterConfig returns what the Applications of clusters' configuration are given.
func (p *Platform) ForClusterConfig(clusterValues map[string]string) Application {
	return merged(p.LayersForClusterConfig(clusterValues))
}

func merged(layers []Layer) Application {
	var out Application
	for _, layer := range layers {
		out = merge(out, layer.Application)
	}
	return completed(out)
}

func completed(a Application) Application {
	if a.Finalizers == nil {
		a.Finalizers = &[]string{defaultFinalizer}
	}
	return a
}

// NameRule is the rule by which an environment names its Applications.
func (e *Environment) NameRule() string {
	return cmp.Or(e.ApplicationName, defaultName)
}

// NameRule is the rule by which the Applications of clusters' configuration are named.
func (c *ClusterConfig) NameRule() string {
	if c == nil {
		return defaultClusterConfigName
	}
	return cmp.Or(c.ApplicationName, defaultClusterConfigName)
}

// Name applies a naming rule. The cluster's name comes last: it alone may hold anything.
func Name(rule, service, environment, cluster string) string {
	rule = strings.ReplaceAll(rule, "{service}", service)
	rule = strings.ReplaceAll(rule, "{environment}", environment)
	return strings.ReplaceAll(rule, "{cluster}", cluster)
}

// merge lays the second over the first.
func merge(under, upper Application) Application {
	out := under
	for _, field := range []struct{ to, from *string }{
		{&out.Project, &upper.Project},
		{&out.RepoURL, &upper.RepoURL},
		{&out.TargetRevision, &upper.TargetRevision},
		{&out.Plugin.Waves, &upper.Plugin.Waves},
		{&out.Plugin.Policy, &upper.Plugin.Policy},
		{&out.Plugin.FloatingImages, &upper.Plugin.FloatingImages},
	} {
		if *field.from != "" {
			*field.to = *field.from
		}
	}
	if upper.SyncPolicy != nil {
		out.SyncPolicy = upper.SyncPolicy
	}
	if upper.Finalizers != nil {
		out.Finalizers = upper.Finalizers
	}
	out.IgnoreDifferences = slices.Concat(under.IgnoreDifferences, upper.IgnoreDifferences)
	out.Plugin.References = slices.Concat(under.Plugin.References, upper.Plugin.References)
	out.Labels = over(under.Labels, upper.Labels)
	out.Annotations = over(under.Annotations, upper.Annotations)
	out.Values = over(under.Values, upper.Values)
	out.Plugin.Substitutions = over(under.Plugin.Substitutions, upper.Plugin.Substitutions)
	return out
}

// over lays one map over another, and changes neither.
func over(under, upper map[string]string) map[string]string {
	switch {
	case len(upper) == 0:
		return under
	case len(under) == 0:
		return upper
	}
	out := maps.Clone(under)
	maps.Copy(out, upper)
	return out
}
