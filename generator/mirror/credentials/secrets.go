package credentials

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/argoproj/argo-cd/v2/common"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/util/git"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// repository is Argo CD's own type, with the Secrets that it was read from.
type repository struct {
	v1alpha1.Repository
	// bearerToken is a key that Argo CD knows from 3.1 on.
	bearerToken string
	// from names the Secrets, for messages; empty where there is none.
	from string
}

// repository finds the Secret of a URL and completes it from the template with the longest prefix, as util/db's
// getRepositorySecret, getRepositoryCredentialIndex and enrichCredsToRepo do.
func (r *Reader) repository(ctx context.Context, repoURL string) (*repository, error) {
	list, err := r.Client.CoreV1().Secrets(r.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: fmt.Sprintf("%s in (%s,%s)", common.LabelKeySecretType,
			common.LabelValueSecretTypeRepository, common.LabelValueSecretTypeRepoCreds),
	})
	if err != nil {
		return nil, fmt.Errorf("listing Argo CD's repository Secrets in namespace %s: %w", r.Namespace, err)
	}
	found := &repository{Repository: v1alpha1.Repository{Repo: repoURL}}
	if secret := r.choose(list.Items, repoURL); secret != nil {
		if found, err = r.parse(secret); err != nil {
			return nil, err
		}
	}
	if found.HasCredentials() || found.GCPServiceAccountKey != "" || found.bearerToken != "" {
		return found, nil
	}
	template := longest(list.Items, repoURL)
	if template == nil {
		return found, nil
	}
	return r.complete(found, template)
}

// complete fills what the repository's own Secret leaves open.
func (r *Reader) complete(found *repository, template *corev1.Secret) (*repository, error) {
	parsed, err := r.parse(template)
	if err != nil {
		return nil, err
	}
	if found.from != "" {
		parsed.from = found.from + " and " + parsed.from
	}
	found.from, found.bearerToken = parsed.from, parsed.bearerToken
	found.CopyCredentialsFrom(&v1alpha1.RepoCreds{
		Username: parsed.Username, Password: parsed.Password, SSHPrivateKey: parsed.SSHPrivateKey,
		TLSClientCertData: parsed.TLSClientCertData, TLSClientCertKey: parsed.TLSClientCertKey,
		GithubAppPrivateKey: parsed.GithubAppPrivateKey, GithubAppId: parsed.GithubAppId,
		GithubAppInstallationId: parsed.GithubAppInstallationId, GitHubAppEnterpriseBaseURL: parsed.GitHubAppEnterpriseBaseURL,
		GCPServiceAccountKey: parsed.GCPServiceAccountKey, ForceHttpBasicAuth: parsed.ForceHttpBasicAuth,
		Proxy: parsed.Proxy, NoProxy: parsed.NoProxy,
	})
	return found, nil
}

// choose returns the Secret of the URL that belongs to the project, or else one that belongs to none.
func (r *Reader) choose(secrets []corev1.Secret, repoURL string) *corev1.Secret {
	var shared *corev1.Secret
	for i := range secrets {
		secret := &secrets[i]
		if !isOf(secret, common.LabelValueSecretTypeRepository) || !git.SameURL(string(secret.Data["url"]), repoURL) {
			continue
		}
		switch string(secret.Data["project"]) {
		case r.Project:
			return secret
		case "":
			shared = secret
		}
	}
	return shared
}

// longest returns the template whose URL is the longest prefix of the repository's.
func longest(secrets []corev1.Secret, repoURL string) *corev1.Secret {
	var found *corev1.Secret
	length, normal := 0, git.NormalizeGitURL(repoURL)
	for i := range secrets {
		prefix := git.NormalizeGitURL(string(secrets[i].Data["url"]))
		if isOf(&secrets[i], common.LabelValueSecretTypeRepoCreds) && len(prefix) > length && strings.HasPrefix(normal, prefix) {
			found, length = &secrets[i], len(prefix)
		}
	}
	return found
}

// isOf tells a Secret of a type that is not about Helm.
func isOf(secret *corev1.Secret, kind string) bool {
	of := string(secret.Data["type"])
	return secret.Labels[common.LabelKeySecretType] == kind && (of == "" || strings.EqualFold(of, "git"))
}

// parse reads a Secret as util/db's secretToRepository does. Its error names the key and not the value.
func (r *Reader) parse(secret *corev1.Secret) (*repository, error) {
	text := func(key string) string { return string(secret.Data[key]) }
	out := &repository{
		Repository: v1alpha1.Repository{
			Repo: text("url"), Username: text("username"), Password: text("password"), SSHPrivateKey: text("sshPrivateKey"),
			TLSClientCertData: text("tlsClientCertData"), TLSClientCertKey: text("tlsClientCertKey"),
			GithubAppPrivateKey: text("githubAppPrivateKey"), GitHubAppEnterpriseBaseURL: text("githubAppEnterpriseBaseUrl"),
			GCPServiceAccountKey: text("gcpServiceAccountKey"), Proxy: text("proxy"), NoProxy: text("noProxy"),
		},
		bearerToken: text("bearerToken"),
		from:        "Secret " + secret.Namespace + "/" + secret.Name,
	}
	for key, to := range map[string]*bool{
		"insecure": &out.Insecure, "insecureIgnoreHostKey": &out.InsecureIgnoreHostKey, "forceHttpBasicAuth": &out.ForceHttpBasicAuth,
	} {
		value, err := strconv.ParseBool(text(key))
		if err != nil && text(key) != "" {
			return nil, fmt.Errorf("%s: %s must be true or false", out.from, key)
		}
		*to = value
	}
	for key, to := range map[string]*int64{
		"githubAppID": &out.GithubAppId, "githubAppInstallationID": &out.GithubAppInstallationId,
	} {
		value, err := strconv.ParseInt(text(key), 10, 64)
		if err != nil && text(key) != "" {
			return nil, fmt.Errorf("%s: %s must be a number", out.from, key)
		}
		*to = value
	}
	return out, nil
}
