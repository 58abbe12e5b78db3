package policy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// podSpecs says where kinds keep their pod spec.
var podSpecs = map[manifest.ID][]string{
	{Kind: "Pod"}:                             {"spec"},
	{Kind: "PodTemplate"}:                     {"template", "spec"},
	{Kind: "ReplicationController"}:           {"spec", "template", "spec"},
	{Group: "apps", Kind: "Deployment"}:       {"spec", "template", "spec"},
	{Group: "apps", Kind: "ReplicaSet"}:       {"spec", "template", "spec"},
	{Group: "apps", Kind: "StatefulSet"}:      {"spec", "template", "spec"},
	{Group: "apps", Kind: "DaemonSet"}:        {"spec", "template", "spec"},
	{Group: "batch", Kind: "Job"}:             {"spec", "template", "spec"},
	{Group: "batch", Kind: "CronJob"}:         {"spec", "jobTemplate", "spec", "template", "spec"},
	{Group: "argoproj.io", Kind: "Rollout"}:   {"spec", "template", "spec"},
	{Group: "extensions", Kind: "Deployment"}: {"spec", "template", "spec"},
	{Group: "extensions", Kind: "DaemonSet"}:  {"spec", "template", "spec"},
	{Group: "extensions", Kind: "ReplicaSet"}: {"spec", "template", "spec"},
}

func floatingImages(run *run) {
	for _, object := range run.objects {
		path, ok := podSpecs[manifest.ID{Group: object.Group(), Kind: object.Kind()}]
		if !ok {
			continue
		}
		spec := manifest.Object(object.Map(path...))
		for _, containers := range []string{"initContainers", "containers", "ephemeralContainers"} {
			for i, item := range spec.List(containers) {
				container, _ := item.(map[string]any)
				image, _ := container["image"].(string)
				if image == "auto" && container["name"] == "istio-proxy" {
					continue
				}
				run.image(object, image, path, containers, i, "image")
			}
		}
		for i, item := range spec.List("volumes") {
			volume, _ := item.(map[string]any)
			run.image(object, manifest.Object(volume).String("image", "reference"), path, "volumes", i, "image.reference")
		}
	}
}

// image reports an image that floats. No image at all is the API server's to refuse.
func (r *run) image(object manifest.Object, image string, path []string, list string, i int, field string) {
	if image == "" {
		return
	}
	if why := floats(image); why != "" {
		field = fmt.Sprintf("%s.%s[%d].%s", strings.Join(path, "."), list, i, field)
		r.report(object, field, "{image}", strconv.Quote(cut(image)), "{floats}", why)
	}
}

// floats says why the image is not fixed, or nothing if it is. The form is [host[:port]/]path[:tag][@algorithm:hex];
// a digest that is not in that form pins nothing.
func floats(image string) string {
	name, digest, hasDigest := strings.Cut(strings.TrimSpace(image), "@")
	if hasDigest && isDigest(digest) {
		return ""
	}
	_, tag, hasTag := strings.Cut(name[strings.LastIndex(name, "/")+1:], ":")
	switch {
	case tag == "latest":
		return "has the tag latest, which moves"
	case hasTag && tag != "":
		return ""
	case hasDigest:
		return "has no tag, and what follows the @ is no digest"
	default:
		return "has neither tag nor digest"
	}
}

func isDigest(s string) bool {
	algorithm, hex, found := strings.Cut(s, ":")
	return found && algorithm != "" && len(hex) >= 32 && strings.Trim(hex, "0123456789abcdef") == ""
}
