package preview

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/generator/params"
)

// Formats are how Applications can be written.
func Formats() []string { return []string{"table", "yaml", "json", "name"} }

// Write writes Applications in one of the formats, in one piece.
func Write(out io.Writer, applications []v1alpha1.Application, format string) error {
	var written bytes.Buffer
	var err error
	switch format {
	case "table":
		err = table(&written, applications)
	case "name":
		for _, application := range applications {
			fmt.Fprintln(&written, application.Name)
		}
	case "yaml":
		err = documents(&written, applications)
	case "json":
		err = list(&written, applications)
	default:
		err = fmt.Errorf("there is no format %q", format)
	}
	if err != nil {
		return err
	}
	_, err = out.Write(written.Bytes())
	return err
}

func table(out io.Writer, applications []v1alpha1.Application) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tPROJECT\tCLUSTER\tNAMESPACE\tSYNC\tBATCH\tPATH")
	for _, a := range applications {
		sync := "manual"
		if a.Spec.SyncPolicy != nil && a.Spec.SyncPolicy.Automated != nil {
			sync = "automated"
		}
		source := a.Spec.GetSource()
		destination := a.Spec.Destination
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Name, a.Spec.Project,
			cmp.Or(a.Labels[params.ClusterLabel], destination.Name, destination.Server, "-"), cmp.Or(destination.Namespace, "-"),
			sync, cmp.Or(a.Labels[params.BatchLabel], "-"), cmp.Or(source.Path, source.Chart, "-"))
	}
	return w.Flush()
}

func documents(out *bytes.Buffer, applications []v1alpha1.Application) error {
	for i, application := range applications {
		if i > 0 {
			out.WriteString("---\n")
		}
		object, err := toObject(application)
		if err != nil {
			return err
		}
		text, err := yaml.Marshal(object)
		if err != nil {
			return err
		}
		out.Write(text)
	}
	return nil
}

func list(out io.Writer, applications []v1alpha1.Application) error {
	items := make([]map[string]any, 0, len(applications))
	for _, application := range applications {
		object, err := toObject(application)
		if err != nil {
			return err
		}
		items = append(items, object)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
}

// toObject is an Application as it would be sent to the API server: without what only the server writes.
func toObject(application v1alpha1.Application) (map[string]any, error) {
	text, err := json.Marshal(application)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	delete(object, "status")
	delete(object, "operation")
	if metadata, ok := object["metadata"].(map[string]any); ok {
		for _, field := range []string{
			"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "managedFields", "ownerReferences", "selfLink",
		} {
			delete(metadata, field)
		}
	}
	return object, nil
}
