package params

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tidegate/tidegate/internal/strict"
)

// Kinds of Applications.
const (
	Services      = "services"
	ClusterConfig = "cluster-config"
)

// Input narrows an answer: spec.generators[].plugin.input.parameters of an ApplicationSet.
type Input struct {
	// Kind is services, the default, or cluster-config.
	Kind string `json:"kind,omitempty"`
	// Services are the names of the services; without them, all.
	Services []string `json:"services,omitempty"`
	// Environments are the names of the environments; without them, all.
	Environments []string `json:"environments,omitempty"`
	// ClusterSelector picks clusters by their labels; without it, all.
	ClusterSelector *metav1.LabelSelector `json:"clusterSelector,omitempty"`
}

// InputError is what is wrong with an input: the caller's fault. An input that names what is not there is one too.
type InputError struct {
	// Problems are one line each.
	Problems []string
}

func (e *InputError) Error() string { return strings.Join(e.Problems, "\n") }

func (e *InputError) add(format string, arguments ...any) {
	e.Problems = append(e.Problems, "input.parameters."+fmt.Sprintf(format, arguments...))
}

// err keeps a nil pointer from becoming an error.
func (e *InputError) err() error {
	if len(e.Problems) == 0 {
		return nil
	}
	return e
}

// ParseInput reads input.parameters strictly. Its error is an *InputError.
func ParseInput(parameters v1alpha1.PluginParameters) (Input, error) {
	input, problems := Input{Kind: Services}, &InputError{}
	if len(parameters) == 0 {
		return input, nil
	}
	text, err := json.Marshal(parameters)
	if err != nil {
		return Input{}, wrongInput(err)
	}
	documents, err := strict.Documents("input.parameters", text)
	if err == nil {
		err = documents[0].Decode(&input)
	}
	if err != nil {
		return Input{}, wrongInput(err)
	}
	input.check(problems)
	return input, problems.err()
}

// wrongInput says what could not be read of an input.
func wrongInput(err error) *InputError {
	var wrong strict.Errors
	if !errors.As(err, &wrong) {
		return &InputError{Problems: []string{"input.parameters: " + err.Error()}}
	}
	problems := &InputError{}
	for _, e := range wrong {
		problems.add("%s", e.Message)
	}
	return problems
}

func (i Input) check(problems *InputError) {
	kinds := []string{Services, ClusterConfig}
	if !slices.Contains(kinds, i.Kind) {
		problems.add("kind: there is no kind %q; %s", i.Kind, strict.Hint(i.Kind, kinds))
	}
	for name, list := range map[string][]string{"services": i.Services, "environments": i.Environments} {
		if i.Kind == ClusterConfig && list != nil {
			problems.add("%s: cluster-config has none; narrow it with clusterSelector", name)
		}
		if list != nil && len(list) == 0 {
			problems.add("%s: is empty; leave it out for all", name)
		}
	}
	if i.ClusterSelector != nil {
		if _, err := metav1.LabelSelectorAsSelector(i.ClusterSelector); err != nil {
			problems.add("clusterSelector: %v", err)
		}
	}
}
