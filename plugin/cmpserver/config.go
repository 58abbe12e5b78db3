package cmpserver

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// Config is a plugin.yaml, as Argo CD's own server reads it (argo-cd cmpserver/plugin/config.go).
type Config struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version    string   `json:"version"`
		Init       Command  `json:"init"`
		Generate   Command  `json:"generate"`
		Discover   Discover `json:"discover"`
		Parameters struct {
			Static  []Announcement `json:"static"`
			Dynamic Command        `json:"dynamic"`
		} `json:"parameters"`
		ProvideGitCreds bool `json:"provideGitCreds"`
	} `json:"spec"`
}

// Command is what Argo CD's own server would run.
type Command struct {
	Command []string `json:"command"`
	Args    []string `json:"args"`
}

// Discover is the rule that tells for which repositories the plugin is.
type Discover struct {
	FileName string `json:"fileName"`
	Find     struct {
		Command
		Glob string `json:"glob"`
	} `json:"find"`
}

// Announcement is a parameter for Argo CD's UI.
type Announcement struct {
	Name           string            `json:"name"`
	Title          string            `json:"title"`
	Tooltip        string            `json:"tooltip"`
	Required       bool              `json:"required"`
	ItemType       string            `json:"itemType"`
	CollectionType string            `json:"collectionType"`
	String         string            `json:"string"`
	Array          []string          `json:"array"`
	Map            map[string]string `json:"map"`
}

// ReadConfig reads the plugin.yaml of a folder, and refuses one that asks for what cannot be done without running
// commands.
func ReadConfig(dir string) (Config, error) {
	file := filepath.Join(dir, "plugin.yaml")
	content, err := os.ReadFile(file)
	if err != nil {
		return Config{}, err
	}
	var config Config
	if err := yaml.Unmarshal(content, &config); err != nil {
		return Config{}, fmt.Errorf("%s: %w", file, err)
	}
	if err := config.check(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", file, err)
	}
	return config, nil
}

// other is what to do with a plugin.yaml that is refused.
const other = "; the native server runs no commands: remove it, or run the plugin with Argo CD's own argocd-cmp-server"

func (c Config) check() error {
	switch {
	case c.Kind != "ConfigManagementPlugin":
		return fmt.Errorf("kind is %q, want ConfigManagementPlugin", c.Kind)
	case c.Metadata.Name == "" || strings.ContainsAny(c.Metadata.Name+c.Spec.Version, "/\x00"):
		return errors.New("metadata.name is missing, or cannot be the name of a socket")
	case len(c.Spec.Init.Command) > 0:
		return errors.New("spec.init is a command" + other)
	case len(c.Spec.Parameters.Dynamic.Command) > 0:
		return errors.New("spec.parameters.dynamic is a command" + other)
	case len(c.Spec.Discover.Find.Command.Command) > 0:
		return errors.New("spec.discover.find.command is a command" + other)
	case c.Spec.ProvideGitCreds:
		return errors.New("spec.provideGitCreds asks Argo CD for the credentials of every repository, and nothing here needs them; remove it")
	case !c.Spec.Generate.renders():
		return fmt.Errorf("spec.generate.command is %q; the native server does only what [tidegate-plugin, render] does: write that, with "+
			"flags in spec.generate.args, or run the plugin with Argo CD's own argocd-cmp-server", c.Spec.Generate.line())
	}
	return c.Spec.Discover.check()
}

// line is the command with its arguments. Argo CD's own server makes no difference between the two, but that it runs nothing
// without a command (argo-cd cmpserver/plugin, runCommand).
func (c Command) line() []string { return slices.Concat(c.Command, c.Args) }

// renders says whether it is `tidegate-plugin render`.
func (c Command) renders() bool {
	line := c.line()
	return len(c.Command) > 0 && len(line) > 1 && path.Base(line[0]) == "tidegate-plugin" && line[1] == "render"
}

// RenderArguments are what follows `tidegate-plugin render` in the command of plugin.yaml.
func (c Config) RenderArguments() []string { return c.Spec.Generate.line()[2:] }

// Socket is where Argo CD looks for the plugin, in its folder of sockets.
func (c Config) Socket(dir string) string {
	name := c.Metadata.Name
	if c.Spec.Version != "" {
		name += "-" + c.Spec.Version
	}
	return filepath.Join(dir, name+".sock")
}

func (c Config) announcements() []*protocol.ParameterAnnouncement {
	var list []*protocol.ParameterAnnouncement
	for _, a := range c.Spec.Parameters.Static {
		list = append(list, &protocol.ParameterAnnouncement{
			Name: a.Name, Title: a.Title, Tooltip: a.Tooltip, Required: a.Required, ItemType: a.ItemType,
			CollectionType: a.CollectionType, String_: a.String, Array: a.Array, Map: a.Map,
		})
	}
	return list
}
