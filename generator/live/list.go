package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Listing is what Applications there were at one moment. It is shared and must not be changed.
type Listing struct {
	byOwner    map[string][]Application
	controlled map[string]string
}

// NewListing is a listing of Applications by the names of their ApplicationSets, and of those that something controls, by name,
// with what that is called in Taken.
func NewListing(byOwner map[string][]Application, controlled map[string]string) *Listing {
	return &Listing{byOwner, controlled}
}

// Of are those of an ApplicationSet, sorted by name.
func (l *Listing) Of(applicationSet string) []Application { return l.byOwner[applicationSet] }

// Taken are those that Argo CD does not let the ApplicationSet have: by name, with the ApplicationSet that they belong to, or
// kind/name of what else does.
func (l *Listing) Taken(applicationSet string) map[string]string {
	out := map[string]string{}
	for name, by := range l.controlled {
		if by != applicationSet {
			out[name] = by
		}
	}
	return out
}

const (
	// page is how many Applications are read at once: each may be tens of kilobytes large, and little of it is kept.
	page = 500
	// listTime bounds one reading of all Applications.
	listTime = 2 * time.Minute
)

// Applications are those of the namespace as they are now. No label tells whose they are that a template could not forget, so
// all are read: once for all who ask while another reading is under way.
func (l *Live) Applications(ctx context.Context) (*Listing, error) {
	return l.listing.Do(ctx, struct{}{}, listTime, l.list)
}

func (l *Live) list(ctx context.Context) (*Listing, error) {
	out := &Listing{byOwner: map[string][]Application{}, controlled: map[string]string{}}
	options := metav1.ListOptions{Limit: page}
	for {
		list, err := l.api.Applications(l.options.Namespace).List(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("listing the Applications in the namespace %s: %w", l.options.Namespace, err)
		}
		for i := range list.Items {
			kept := recordApplication(&list.Items[i])
			if kept.owner != "" {
				out.byOwner[kept.owner] = append(out.byOwner[kept.owner], kept.application)
			}
			if kept.controlled != "" {
				out.controlled[kept.Name] = kept.controlled
			}
		}
		if options.Continue = list.Continue; options.Continue == "" {
			break
		}
	}
	for _, apps := range out.byOwner {
		slices.SortFunc(apps, byName)
	}
	return out, nil
}

// Complete tells whether the informer knows every Application that there is at the moment of the call, and no other. A watch
// may have said nothing for minutes before anybody notices; by then another replica may have let in what this one does not
// know, and an answer without it would delete it. Only names are asked for, of which an API server makes a small table: a
// hundredth of the Applications themselves. Names do not tell who owns an Application: one with a parameter set and no
// controller, as during a hand-over, may have been adopted since, so it makes the answer incomplete.
func (l *Live) Complete(ctx context.Context) (bool, error) {
	return l.naming.Do(ctx, struct{}{}, listTime, func(ctx context.Context) (bool, error) {
		names, err := l.names(ctx)
		if err != nil {
			return false, fmt.Errorf("listing the names of the Applications in the namespace %s: %w", l.options.Namespace, err)
		}
		for _, name := range names {
			if known, ok := l.applications.Get(l.options.Namespace, name); !ok || known.controlled == "" && known.application.Parameters != "" {
				return false, nil
			}
		}
		return len(l.applications.All()) == len(names), nil
	})
}

// errNoTable is an API server that does not answer with names.
var errNoTable = errors.New("the API server does not answer with a table of names")

// names are read in one piece: an API server from 1.31 on answers from its cache then, once that is as new as the request.
func (l *Live) names(ctx context.Context) ([]string, error) {
	api, ok := l.api.RESTClient().(*rest.RESTClient)
	if !ok || api == nil {
		return nil, errNoTable
	}
	found := api.Get().Namespace(l.options.Namespace).Resource("applications").
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Param("includeObject", string(metav1.IncludeNone)).Do(ctx)
	text, err := Raw(found)
	if err != nil {
		return nil, err
	}
	return namesIn(text)
}

// Raw is what the API server answered, without a type. Its error has the words of the API server, which say who lacks which
// right: that of Result.Raw does not.
func Raw(answered rest.Result) ([]byte, error) {
	if err := answered.Error(); err != nil {
		return nil, err
	}
	return answered.Raw()
}

func namesIn(table []byte) ([]string, error) {
	var read struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Continue string `json:"continue"`
		} `json:"metadata"`
		ColumnDefinitions []struct {
			Format string `json:"format"`
		} `json:"columnDefinitions"`
		Rows []struct {
			Cells []any `json:"cells"`
		} `json:"rows"`
	}
	if err := json.Unmarshal(table, &read); err != nil {
		return nil, err
	}
	if read.Kind != "Table" || read.Metadata.Continue != "" || len(read.ColumnDefinitions) == 0 || read.ColumnDefinitions[0].Format != "name" {
		return nil, errNoTable
	}
	names := make([]string, len(read.Rows))
	for i, row := range read.Rows {
		if len(row.Cells) > 0 {
			names[i], _ = row.Cells[0].(string)
		}
		if names[i] == "" {
			return nil, errNoTable
		}
	}
	return names, nil
}
