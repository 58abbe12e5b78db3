package render

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
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
	for _, override := range o.Images {
		entry, err := imageEntry(override)
		if err != nil {
			return nil, err
		}
		set(fields, entry, "images", "imageTags")
	}
	for _, replicas := range o.Replicas {
		entry, err := replicasEntry(replicas)
		if err != nil {
			return nil, err
		}
		set(fields, entry, "replicas")
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

// set puts an entry into a list in the place of all that have its name. The first of the fields is what the list is
// called now, the others what it was called once.
func set(fields, entry map[string]any, names ...string) {
	var kept []any
	for _, name := range names {
		list, _ := take(fields, name).([]any)
		kept = append(kept, list...)
	}
	kept = slices.DeleteFunc(kept, func(old any) bool {
		m, ok := old.(map[string]any)
		if !ok || m["name"] != entry["name"] {
			return false
		}
		preserve(entry, m)
		return true
	})
	preserve(entry, nil)
	fields[names[0]] = append(kept, entry)
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
