package live

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// ApplicationSet reads a live one. Neither an ApplicationSet nor an error means that there is none of that name.
func (l *Live) ApplicationSet(ctx context.Context, name string) (*ApplicationSet, error) {
	found, err := l.api.ApplicationSets(l.options.Namespace).Get(ctx, name, metav1.GetOptions{})
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ApplicationSet %s/%s: %w", l.options.Namespace, name, err)
	}
	return &recordSet(found).set, nil
}

// isAbsent tells that an API server says of an object that it does not exist, and not that it, or something in front of it,
// does not know the resource (yet).
func isAbsent(err error) bool {
	return apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// Annotate changes annotations of an ApplicationSet; nil takes one away. With a version it does so only if it is still that one:
// if it is not, whoever sees the newer version decides.
func (l *Live) Annotate(ctx context.Context, set, version string, annotations map[string]*string) error {
	metadata := map[string]any{"annotations": annotations}
	if version != "" {
		metadata["resourceVersion"] = version
	}
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return err
	}
	_, err = l.api.ApplicationSets(l.options.Namespace).Patch(ctx, set, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ApplicationSet %s/%s: writing the annotations %s: %w", l.options.Namespace, set, strings.Join(slices.Sorted(maps.Keys(annotations)), ", "), err)
	}
	return nil
}
