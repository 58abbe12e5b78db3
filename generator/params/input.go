package params

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Kinds of Applications.
const (
	Services      = "services"
	ClusterConfig = "cluster-config"
)

// Input narrows an answer: input.parameters of a plugin generator.
type Input struct {
	// Kind is services, the default, or cluster-config.
	Kind string `json:"kind,omitempty"`
	// Services are the names of the services; empty for all.
	Services []string `json:"services,omitempty"`
	// Environments are the names of the environments; empty for all.
	Environments []string `json:"environments,omitempty"`
	// ClusterSelector picks clusters by their labels; empty for all.
	ClusterSelector *metav1.LabelSelector `json:"clusterSelector,omitempty"`
}

// InputError is what is wrong with an input: the caller's fault. An input that names what is not there is one too.
type InputError struct {
	// Problems are one line each.
	Problems []string
}

func (e *InputError) Error() string { return "" }

// ParseInput reads input.parameters strictly. Its error is an *InputError.
func ParseInput(parameters map[string]json.RawMessage) (Input, error) { return Input{}, nil }
