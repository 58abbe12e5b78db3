package controlplane

import (
	"os"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Namespace of Argo CD.
const Namespace = "argocd"

// serviceAccounts are those of Argo CD's components and of the generator.
var serviceAccounts = []string{
	"argocd-application-controller", "argocd-applicationset-controller", "argocd-notifications-controller", "argocd-repo-server", "argocd-server",
	"tidegate-generator",
}

// ServiceAccount is the user that a service account of Argo CD's namespace is.
func ServiceAccount(name string) string { return "system:serviceaccount:" + Namespace + ":" + name }

// ConfigFor is the configuration of a user.
func (c *Cluster) ConfigFor(user string) *rest.Config {
	return &rest.Config{
		Host: c.Server, BearerToken: c.tokens[user],
		TLSClientConfig: rest.TLSClientConfig{CAFile: c.file("apiserver.crt")},
	}
}

// KubeconfigFor writes a user's kubeconfig and returns its path. Argo CD's namespace is the one that is used by default.
func (c *Cluster) KubeconfigFor(user string) (string, error) {
	authority, err := os.ReadFile(c.file("apiserver.crt"))
	if err != nil {
		return "", err
	}
	path := c.file(strings.NewReplacer(":", "-").Replace(user) + ".kubeconfig")
	return path, clientcmd.WriteToFile(api.Config{
		CurrentContext: c.Name,
		Contexts:       map[string]*api.Context{c.Name: {Cluster: c.Name, AuthInfo: user, Namespace: Namespace}},
		Clusters:       map[string]*api.Cluster{c.Name: {Server: c.Server, CertificateAuthorityData: authority}},
		AuthInfos:      map[string]*api.AuthInfo{user: {Token: c.tokens[user]}},
	}, path)
}
