package credentials

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/common"
)

// Keys are the public keys with which commits may be signed, armored, by their ID: those that Argo CD trusts.
func (r *Reader) Keys(ctx context.Context) (map[string]string, error) {
	keys, err := r.configMap(ctx, common.ArgoCDGPGKeysConfigMapName)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("ConfigMap %s/%s has no keys: no signature can be verified; add them with argocd gpg add",
			r.Namespace, common.ArgoCDGPGKeysConfigMapName)
	}
	return maps.Clone(keys), nil
}

// IDs lists keys for a message.
func IDs(keys map[string]string) string { return strings.Join(slices.Sorted(maps.Keys(keys)), ", ") }
