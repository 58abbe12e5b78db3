package render

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Overrides change the kustomization that is rendered, and none below it, as `kustomize edit set` would and as Argo CD
// does for an Application without a plugin (util/kustomize). They win over what the file says.
type Overrides struct {
	// Images are NAME=NEWNAME, NAME:TAG, NAME@DIGEST, NAME=NEWNAME:TAG or NAME=NEWNAME@DIGEST.
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
		return nil, err
	}
	for _, image := range o.Images {
		entry, err := imageEntry(image)
		if err != nil {
			return nil, err
		}
		set(fields, "images", entry)
	}
	for _, replicas := range o.Replicas {
		entry, err := replicasEntry(replicas)
		if err != nil {
			return nil, err
		}
		set(fields, "replicas", entry)
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

// set replaces the entry of that name in a list, or appends it.
func set(fields map[string]any, field string, entry map[string]any) {
	list, _ := take(fields, field).([]any)
	for i, old := range list {
		if m, ok := old.(map[string]any); ok && m["name"] == entry["name"] {
			list[i] = entry
			fields[field] = list
			return
		}
	}
	fields[field] = append(list, entry)
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
