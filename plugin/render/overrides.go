package render

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Overrides change the kustomization that is rendered, and none below it, as `kustomize edit set` would and as Argo CD
// does for an Application without a plugin (util/kustomize). They win over what the file says.
type Overrides struct {
	// Images are NAME=NEWNAME, NAME:TAG, NAME@DIGEST, NAME=NEWNAME:TAG or NAME=NEWNAME@DIGEST; a * in the place of
	// NEWNAME, TAG or DIGEST keeps what the kustomization's own entry for NAME says. One that changes nothing is warned
	// of: it may be meant for another overlay, but is more often misspelt.
	Images []string
	// Replicas are NAME=COUNT.
	Replicas []string
	// NamePrefix and NameSuffix replace the file's own where they are not empty.
	NamePrefix, NameSuffix string
}

// none says that there is nothing to change, so that the file's own bytes are used.
func (o Overrides) none() bool {
	return len(o.Images) == 0 && len(o.Replicas) == 0 && o.NamePrefix == "" && o.NameSuffix == ""
}

// Check says which override cannot be read, if any.
func (o Overrides) Check() error {
	_, err := o.edit(nil)
	return err
}

// edit applies the overrides to the content of a kustomization.
func (o Overrides) edit(content []byte) ([]byte, error) {
	if o.none() {
		return content, nil
	}
	fields, err := decode(content)
	if err != nil {
		return content, nil // kustomize cannot read it either
	}
	if err := merge(fields, o.Images, imageEntry, "images", "imageTags"); err != nil {
		return nil, err
	}
	if err := merge(fields, o.Replicas, replicasEntry, "replicas"); err != nil {
		return nil, err
	}
	if o.NamePrefix != "" {
		take(fields, "namePrefix")
		fields["namePrefix"] = o.NamePrefix
	}
	if o.NameSuffix != "" {
		take(fields, "nameSuffix")
		fields["nameSuffix"] = o.NameSuffix
	}
	return json.Marshal(fields)
}

// merge puts entries into a list, each instead of all that have its name. The first of the fields is what the list is
// called now, the others what it was called once.
func merge(fields map[string]any, overrides []string, read func(string) (map[string]any, error), names ...string) error {
	if len(overrides) == 0 {
		return nil
	}
	merged := newEntries()
	for _, name := range names {
		list, _ := take(fields, name).([]any)
		for _, entry := range list {
			merged.add(entry)
		}
	}
	for _, override := range overrides {
		entry, err := read(override)
		if err != nil {
			return err
		}
		merged.set(entry)
	}
	fields[names[0]] = merged.left()
	return nil
}

// entries are those of a list, by name: an Application may have many thousand overrides.
type entries struct {
	list   []any
	gone   map[int]bool
	byName map[string][]int
}

func newEntries() *entries { return &entries{gone: map[int]bool{}, byName: map[string][]int{}} }

func (e *entries) add(entry any) {
	if m, ok := entry.(map[string]any); ok {
		if name, ok := m["name"].(string); ok {
			e.byName[name] = append(e.byName[name], len(e.list))
		}
	}
	e.list = append(e.list, entry)
}

// set adds an entry instead of all that have its name.
func (e *entries) set(entry map[string]any) {
	name := entry["name"].(string)
	for _, i := range e.byName[name] {
		preserve(entry, e.list[i].(map[string]any))
		e.gone[i] = true
	}
	preserve(entry, nil)
	delete(e.byName, name)
	e.add(entry)
}

func (e *entries) left() (list []any) {
	for i, entry := range e.list {
		if !e.gone[i] {
			list = append(list, entry)
		}
	}
	return list
}

// preserve puts what the old entry says where the new one says *.
func preserve(entry, old map[string]any) {
	for _, field := range []string{"newName", "newTag", "digest"} {
		if entry[field] != "*" {
			continue
		}
		if value, ok := old[field]; ok {
			entry[field] = value
		} else if old == nil {
			delete(entry, field)
		}
	}
}

// imageEntry reads one image override. A colon after the last slash separates a tag; one before it is a port.
func imageEntry(override string) (map[string]any, error) {
	name, image, renamed := strings.Cut(override, "=")
	if !renamed {
		image = name
	}
	image, digest, _ := strings.Cut(image, "@")
	tag := ""
	if colon := strings.LastIndex(image, ":"); colon > strings.LastIndex(image, "/") {
		image, tag = image[:colon], image[colon+1:]
	}
	if !renamed {
		name = image
	}
	if name == "" || image == "" || !renamed && tag == "" && digest == "" {
		return nil, fmt.Errorf("image override %q: want NAME=NEWNAME, NAME:TAG or NAME@DIGEST", override)
	}
	if _, err := regexp.Compile("^" + name); err != nil {
		return nil, fmt.Errorf("image override %q: kustomize takes the name for a regular expression: %w", override, err)
	}
	entry := map[string]any{"name": name}
	if renamed {
		entry["newName"] = image
	}
	if tag != "" {
		entry["newTag"] = tag
	}
	if digest != "" {
		entry["digest"] = digest
	}
	return entry, nil
}

func replicasEntry(override string) (map[string]any, error) {
	name, count, found := strings.Cut(override, "=")
	n, err := strconv.ParseInt(count, 10, 32)
	if !found || name == "" || err != nil || n < 0 {
		return nil, fmt.Errorf("replicas override %q: want NAME=COUNT", override)
	}
	return map[string]any{"name": name, "count": n}, nil
}
