package credentials

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/argoproj/argo-cd/v2/common"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

const knownHostsKey = common.DefaultSSHKnownHostsName

func (r *Reader) overSSH(ctx context.Context, found *repository) (*Access, error) {
	if found.SSHPrivateKey == "" {
		return nil, fmt.Errorf("no repository or repo-creds Secret in namespace %s has an sshPrivateKey for %s; make one as for Argo CD, "+
			"or take the repository's https URL", r.Namespace, found.Repo)
	}
	access := &Access{}
	var err error
	if access.SSH, err = ssh.ParsePrivateKey([]byte(found.SSHPrivateKey + "\n")); err != nil {
		return nil, fmt.Errorf("%s: sshPrivateKey is no private key without a passphrase: %w", found.from, err)
	}
	if found.Proxy != "" {
		if access.Socks, err = parseProxy(found); err != nil {
			return nil, err
		}
	}
	if found.IsInsecure() {
		access.HostKey = ssh.InsecureIgnoreHostKey()
		return access, nil
	}
	return access, r.knownHosts(ctx, access)
}

// knownHosts reads the ConfigMap. The library that knows their format wants a file: it is removed before this returns, and
// holds no secret.
func (r *Reader) knownHosts(ctx context.Context, access *Access) (err error) {
	where := fmt.Sprintf("ConfigMap %s/%s", r.Namespace, common.ArgoCDKnownHostsConfigMapName)
	data, err := r.configMap(ctx, common.ArgoCDKnownHostsConfigMapName)
	if err != nil {
		return err
	}
	if data[knownHostsKey] == "" {
		return fmt.Errorf("%s has no %s: no SSH server can be trusted", where, knownHostsKey)
	}
	file, err := os.CreateTemp(r.Scratch, "known-hosts-")
	if err != nil {
		return fmt.Errorf("known hosts are parsed from a temporary file: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	if _, err := file.WriteString(data[knownHostsKey]); err != nil {
		return err
	}
	known, err := knownhosts.NewDB(file.Name())
	if err != nil {
		return fmt.Errorf("%s, %s: %w", where, knownHostsKey, err)
	}
	access.HostKey, access.HostKeyAlgorithms = known.HostKeyCallback(), known.HostKeyAlgorithms
	return nil
}
