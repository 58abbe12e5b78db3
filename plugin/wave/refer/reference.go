package refer

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/wave/table"
)

// Strength says how much of the earlier thing the later one needs.
type Strength string

const (
	// Applied needs the earlier thing to exist. The same wave will do where Argo CD's kind order applies it first.
	Applied Strength = "applied"
	// Healthy needs the earlier thing to have done its work: only a later wave will do.
	Healthy Strength = "healthy"
)

// Reference is one row of the table: a field in which objects name another object that must come before them.
type Reference struct {
	// From are the kinds that have the field, as Kind.group. "pods" stands for every kind that makes pods; its fields
	// begin at the pods' spec.
	From Kinds `json:"from"`
	// Field is the path of what names the other object: a string, or a map with a name. [] enters a list, [*] every
	// value of a map, ["a.b/c"] a key with dots.
	Field string `json:"field"`
	// To is the kind that is named, as Kind.group.
	To string `json:"to"`
	// Strength is applied where it is left out.
	Strength Strength `json:"strength,omitempty"`
	// Typed says that kind and group (kind; apiVersion, apiGroup or group) may stand beside the name and override To.
	Typed bool `json:"typed,omitempty"`
	// Unless is a field beside the name: where it is true there is no reference. When is the opposite.
	Unless string `json:"unless,omitempty"`
	When   string `json:"when,omitempty"`
	// Namespace is a field beside the name that holds the namespace; without one it is that of the object.
	Namespace string `json:"namespace,omitempty"`
	// In is the namespace of what a cluster-scoped object names, where Namespace says nothing and the set does not hold
	// the controller of its group; else it is the controller's.
	In string `json:"in,omitempty"`
	// Form says how the string is to be read: "" a name, "namespace/name", or "host", a Service's DNS name.
	Form string `json:"form,omitempty"`
	// Behind says how much of the workloads behind a Service is needed; without it, nothing.
	Behind Strength `json:"behind,omitempty"`
}

// Kinds is a list of kinds that may be written as one string.
type Kinds []string

// UnmarshalJSON reads a string or a list of them.
func (k *Kinds) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*k = Kinds{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(k))
}

// Pods is what From says for every kind that makes pods.
const podsFrom = "pods"

//go:embed references.yaml
var referencesTable string

// Builtin is the table of the references that every Kubernetes user has.
var Builtin = sync.OnceValue(func() []Reference {
	out := make([]Reference, 0, 128)
	for row := range table.Rows(referencesTable) {
		out = append(out, fromRow(row))
	}
	return out
})

func fromRow(row table.Row) Reference {
	r := Reference{Strength: Applied}
	for _, field := range row.Fields {
		value := field.Values[0]
		switch field.Key {
		case "from":
			r.From = slices.Clone(field.Values)
		case "field":
			r.Field = value
		case "to":
			r.To = value
		case "strength":
			r.Strength = Strength(value)
		case "typed":
			r.Typed = value == "true"
		case "unless":
			r.Unless = value
		case "when":
			r.When = value
		case "namespace":
			r.Namespace = value
		case "in":
			r.In = value
		case "form":
			r.Form = value
		case "behind":
			r.Behind = Strength(value)
		default:
			panic(fmt.Sprintf("references.yaml: line %d: unknown field %s", row.Line, field.Key))
		}
	}
	return r
}

// Parse reads the rows that users add: a YAML list of References. It collects the mistakes of all rows.
func Parse(text []byte) ([]Reference, error) {
	if len(text) == 0 { // as it is in most requests
		return nil, nil
	}
	var rows []json.RawMessage
	if err := yaml.UnmarshalStrict(text, &rows); err != nil {
		return nil, fmt.Errorf("references: not a list of rows such as {from: Database.example.com, field: spec.secretName, to: Secret}: %w", err)
	}
	out := make([]Reference, len(rows))
	var errs []error
	for i, row := range rows {
		if err := out[i].read(row); err != nil {
			errs = append(errs, fmt.Errorf("references[%d] (%s): %w", i, out[i].label(), err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return out, nil
}

// label is how messages call a row.
func (r *Reference) label() string {
	from := "from is missing"
	if len(r.From) > 0 {
		from = r.From[0]
	}
	return from + " " + r.Field
}

func (r *Reference) read(row []byte) error {
	if err := yaml.UnmarshalStrict(row, r); err != nil {
		return err
	}
	if r.Strength == "" {
		r.Strength = Applied
	}
	switch {
	case len(r.From) == 0:
		return errors.New(`from is missing; it names the kind that has the field, such as Database.example.com, or "pods"`)
	case r.Field == "":
		return errors.New("field is missing; it is the path of what names the other object, such as spec.secretName")
	case r.To == "":
		return errors.New("to is missing; it names the kind that must come first, such as Secret")
	case r.Form != "" && r.Form != "namespace/name" && r.Form != "host":
		return fmt.Errorf(`form %q is none of "namespace/name" and "host"`, r.Form)
	}
	for field, strength := range map[string]Strength{"strength": r.Strength, "behind": r.Behind} {
		if strength != Applied && strength != Healthy && (field == "strength" || strength != "") {
			return fmt.Errorf("%s %q is none of applied and healthy", field, strength)
		}
	}
	for _, kind := range append([]string{r.To}, r.From...) {
		if kind == "" || ParseKind(kind).Kind == "" {
			return fmt.Errorf("%q is no kind; write Kind.group, or the kind alone for the core group", kind)
		}
	}
	_, err := parsePath(r.Field)
	return err
}
