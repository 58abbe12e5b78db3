package controlplane

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AddCluster starts a further cluster, and registers it with Argo CD.
func (s *Stack) AddCluster(ctx context.Context, name string) (*Cluster, error) {
	cluster, err := newCluster(s.run, name, s.options)
	if err != nil {
		return nil, err
	}
	if err := cluster.start(ctx); err != nil {
		return nil, err
	}
	secret, err := cluster.ClusterSecret(name, nil, false)
	if err != nil {
		return nil, err
	}
	return cluster, s.Staging.Apply(ctx, secret)
}

// TrustDeployer lets Argo CD do anything on a cluster, as whoever installs operators with it must.
func (c *Cluster) TrustDeployer(ctx context.Context) error {
	return c.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "tidegate-deployer-administrates"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: Deployer}},
	})
}
