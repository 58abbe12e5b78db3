package live

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// ApplicationSet reads a live one. Neither an ApplicationSet nor an error means that there is none of that name.
func (l *Live) ApplicationSet(ctx context.Context, name string) (*ApplicationSet, error) {
	found, err := l.api.ApplicationSets(l.options.Namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ApplicationSet %s/%s: %w", l.options.Namespace, name, err)
	}
	return &recordSet(found).set, nil
}

// page is how many Applications are read at once: each may be tens of kilobytes large, and little of it is kept.
const page = 500

// Applications are those whose controller is the ApplicationSet of that UID, sorted by name. They are listed as they are
// now; no label tells whose they are that a template could not forget, so all of the namespace are read.
func (l *Live) Applications(ctx context.Context, owner string) ([]Application, error) {
	var out []Application
	options := metav1.ListOptions{Limit: page}
	for {
		list, err := l.api.Applications(l.options.Namespace).List(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("listing the Applications in the namespace %s: %w", l.options.Namespace, err)
		}
		for i := range list.Items {
			if of := controller(&list.Items[i]); of != nil && string(of.UID) == owner {
				out = append(out, recordApplication(&list.Items[i]).application)
			}
		}
		if options.Continue = list.Continue; options.Continue == "" {
			slices.SortFunc(out, byName)
			return out, nil
		}
	}
}

// acknowledgement is the annotation admission.AcknowledgeAnnotation.
const acknowledgement = "tidegate.dev/acknowledge-removal"

// EndAcknowledgement takes the annotation away, if the ApplicationSet is still that version of it. If it is not, whoever
// sees the newer version decides.
func (l *Live) EndAcknowledgement(ctx context.Context, set *ApplicationSet) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": set.ResourceVersion, "annotations": map[string]any{acknowledgement: nil},
	}})
	if err != nil {
		return err
	}
	_, err = l.api.ApplicationSets(l.options.Namespace).Patch(ctx, set.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ApplicationSet %s/%s: removing the annotation %s: %w", l.options.Namespace, set.Name, acknowledgement, err)
	}
	return nil
}
