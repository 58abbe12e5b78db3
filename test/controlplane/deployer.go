package controlplane

import (
	"context"
	"errors"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"

	"github.com/tidegate/tidegate/test/controlplane/simulate"
)

// grantDeployer lets Argo CD read a cluster, and change what services are made of: no roles, no nodes, no webhooks. Where
// Secrets are hidden they are no part of that either.
func grantDeployer(ctx context.Context, cluster *Cluster, hideSecrets bool) error {
	read, write := []string{"get", "list", "watch"}, []string{"create", "update", "patch", "delete"}
	core := []string{"namespaces", "configmaps", "services", "serviceaccounts", "persistentvolumeclaims", "events"}
	rules := []rbacv1.PolicyRule{
		{APIGroups: []string{"apps", "batch", "autoscaling", "policy", "networking.k8s.io", "external-secrets.io"}, Resources: []string{"*"}, Verbs: write},
	}
	if hideSecrets {
		visible, err := allButSecrets(cluster)
		if err != nil {
			return err
		}
		for _, rule := range visible {
			rule.Verbs = read
			rules = append(rules, rule)
		}
	} else {
		core = append(core, "secrets")
		rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: read})
	}
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "tidegate-deployer"},
		Rules:      append(rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: core, Verbs: write}),
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: Deployer}},
	}
	return errors.Join(cluster.Create(ctx, role), cluster.Create(ctx, binding))
}

// allButSecrets are all kinds that a cluster has, also those of operators of which it does not tell yet. RBAC has no exceptions, so
// they are named.
func allButSecrets(cluster *Cluster) ([]rbacv1.PolicyRule, error) {
	client, err := discovery.NewDiscoveryClientForConfig(cluster.Config)
	if err != nil {
		return nil, err
	}
	resources, err := client.ServerResourcesForGroupVersion("v1")
	if err != nil {
		return nil, err
	}
	core, others := rbacv1.PolicyRule{APIGroups: []string{""}}, rbacv1.PolicyRule{Resources: []string{"*"}}
	for _, resource := range resources.APIResources {
		if resource.Kind != "Secret" {
			core.Resources = append(core.Resources, resource.Name)
		}
	}
	groups, err := client.ServerGroups()
	if err != nil {
		return nil, err
	}
	for _, group := range groups.Groups {
		if group.Name != "" {
			others.APIGroups = append(others.APIGroups, group.Name)
		}
	}
	definitions, err := simulate.CRDs(simulate.AllGroups)
	for _, definition := range definitions {
		others.APIGroups = append(others.APIGroups, definition.Spec.Group)
	}
	return []rbacv1.PolicyRule{core, others}, err
}

// hideSecrets is the setting by which Argo CD does not look for the Secrets of a cluster: where it may not list them it would
// know nothing of that cluster at all.
func hideSecrets(cluster *Cluster) string {
	return fmt.Sprintf("  resource.exclusions: '[{apiGroups: [\"\"], kinds: [Secret], clusters: [%q]}]'\n", cluster.Server)
}
