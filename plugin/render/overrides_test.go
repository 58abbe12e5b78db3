package render_test

import (
	"context"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render"
)

// TestImageOverridesAreThoseOfKustomizeEdit has the entry that `kustomize edit set image` (v5.8.1, commands/edit/set)
// writes beside each override: both must render alike.
func TestImageOverridesAreThoseOfKustomizeEdit(t *testing.T) {
	const digest = "sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3"
	for _, test := range []struct{ name, override, before, after, image string }{
		{"tag", "reg/api:2", "", "[{name: reg/api, newTag: '2'}]", "reg/api:2"},
		{"digest", "reg/api@" + digest, "", "[{name: reg/api, digest: '" + digest + "'}]", "reg/api@" + digest},
		{"tag and digest", "reg/api:2@" + digest, "", "[{name: reg/api, newTag: '2', digest: '" + digest + "'}]", "reg/api:2@" + digest},
		{"new name", "reg/api=other", "", "[{name: reg/api, newName: other}]", "other:1"},
		{"new name and tag", "reg/api=other:2", "", "[{name: reg/api, newName: other, newTag: '2'}]", "other:2"},
		{"a port in the registry", "reg/api=localhost:5000/api", "", "[{name: reg/api, newName: 'localhost:5000/api'}]", "localhost:5000/api:1"},
		{"a port and a tag", "reg/api=localhost:5000/api:2", "", "[{name: reg/api, newName: 'localhost:5000/api', newTag: '2'}]", "localhost:5000/api:2"},
		{"a tag that is a number in YAML", "reg/api:1e3", "", "[{name: reg/api, newTag: '1e3'}]", "reg/api:1e3"},
		{"replaces the entry", "reg/api:2", "[{name: reg/api, newName: old, newTag: '0'}]", "[{name: reg/api, newTag: '2'}]", "reg/api:2"},
		{"replaces all entries of the name", "reg/api:2", "[{name: reg/api, newTag: '0'}, {name: reg/api, newTag: '00'}]", "[{name: reg/api, newTag: '2'}]", "reg/api:2"},
		{"keeps the other entries", "reg/api:2", "[{name: other, newTag: '0'}]", "[{name: other, newTag: '0'}, {name: reg/api, newTag: '2'}]", "reg/api:2"},
		{"keeps the new name", "reg/api=*:2", "[{name: reg/api, newName: old, newTag: '0'}]", "[{name: reg/api, newName: old, newTag: '2'}]", "old:2"},
		{"keeps the tag", "reg/api=new:*", "[{name: reg/api, newName: old, newTag: '0'}]", "[{name: reg/api, newName: new, newTag: '0'}]", "new:0"},
		{"keeps nothing", "reg/api=*:2", "", "[{name: reg/api, newTag: '2'}]", "reg/api:2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := func(images string) memory {
				if images != "" {
					images = "images: " + images + "\n"
				}
				return files(map[string]string{"kustomization.yaml": "resources: [d.yaml]\n" + images, "d.yaml": strings.Replace(deployment, "ghcr.io/myorg/api:latest", "reg/api:1", 1)})
			}
			result := override(t, tree(test.before), render.Overrides{Images: []string{test.override}})
			if len(result.Warnings) > 0 {
				t.Errorf("warnings: %q", result.Warnings)
			}
			stream, err := manifest.YAML(result.Objects)
			if err != nil {
				t.Fatal(err)
			}
			wantEqual(t, string(stream), mustBuild(t, tree(test.after), "."))
			wantEqual(t, string(stream), strings.Replace(deployment, "ghcr.io/myorg/api:latest", test.image, 1))
		})
	}
}

func override(t *testing.T, tree render.Tree, overrides render.Overrides) *render.Result {
	t.Helper()
	result, err := render.New().Render(context.Background(), render.Request{Tree: tree, Dir: ".", Overrides: overrides})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestAnOverrideWinsOverEveryFormOfTheFile(t *testing.T) {
	for name, kustomization := range map[string]string{
		"a component file":    "resources: [d.yaml]\ncomponents: [image-tag.yaml]\n",
		"a deprecated field":  "resources: [d.yaml]\nimageTags: [{name: ghcr.io/myorg/api, newTag: old}]\n",
		"a field in capitals": "resources: [d.yaml]\nIMAGES: [{name: ghcr.io/myorg/api, newTag: old}]\n",
		"a base":              "resources: [base]\n",
		"no list at all":      "resources: [d.yaml]\nimages:\n",
	} {
		t.Run(name, func(t *testing.T) {
			tree := files(map[string]string{"kustomization.yaml": kustomization, "d.yaml": deployment, "image-tag.yaml": imageTag,
				"base/kustomization.yaml": "resources: [d.yaml]\nimages: [{name: ghcr.io/myorg/api, newTag: base}]\n", "base/d.yaml": deployment})
			result := override(t, tree, render.Overrides{Images: []string{"ghcr.io/myorg/api:mine"}, Replicas: []string{"api=7"}, NamePrefix: "a-", NameSuffix: "-z"})
			stream, err := manifest.YAML(result.Objects)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.NewReplacer("latest", "mine", "  name: api\nspec:\n", "  name: a-api-z\nspec:\n  replicas: 7\n").Replace(deployment)
			wantEqual(t, string(stream), want)
		})
	}
}

func TestAnOverrideThatChangesNothingIsWarnedOf(t *testing.T) {
	tree := files(map[string]string{"kustomization.yaml": "resources: [d.yaml]\ncomponents: [c.yaml]\n", "d.yaml": deployment, "c.yaml": "images: [{name: ghcr.io/myorg/api, newName: renamed}]\n"})
	for given, want := range map[string]string{
		"ghcr.io/myorg/web:2": `image override "ghcr.io/myorg/web:2" changes nothing: no object has an image named ghcr.io/myorg/web`,
		"api:2":               `image override "api:2" changes nothing: no object has an image named api`,
		"ghcr.io/myorg/api:2": `image override "ghcr.io/myorg/api:2" changes nothing: no object has an image named ghcr.io/myorg/api`, // a component renamed it
		"renamed:2":           "",
	} {
		result := override(t, tree, render.Overrides{Images: []string{given}})
		wantEqual(t, strings.Join(result.Warnings, "\n"), want)
	}
}

func TestAnOverrideThatCannotBeReadIsRefused(t *testing.T) {
	for _, test := range []struct {
		name      string
		overrides render.Overrides
		want      string
	}{
		{"image without anything", render.Overrides{Images: []string{"api"}}, `image override "api": want NAME=NEWNAME, NAME:TAG or NAME@DIGEST`},
		{"image without a name", render.Overrides{Images: []string{"=api"}}, `image override "=api": want NAME=NEWNAME, NAME:TAG or NAME@DIGEST`},
		{"image without a new name", render.Overrides{Images: []string{"api="}}, `image override "api=": want NAME=NEWNAME, NAME:TAG or NAME@DIGEST`},
		{"an empty image", render.Overrides{Images: []string{""}}, `image override "": want NAME=NEWNAME, NAME:TAG or NAME@DIGEST`},
		{"an image at which kustomize panics", render.Overrides{Images: []string{"a(=b"}}, `image override "a(=b": kustomize takes the name for a regular expression: ` + "error parsing regexp: missing closing ): `^a(`"},
		{"replicas without a count", render.Overrides{Replicas: []string{"api"}}, `replicas override "api": want NAME=COUNT`},
		{"replicas below zero", render.Overrides{Replicas: []string{"api=-1"}}, `replicas override "api=-1": want NAME=COUNT`},
		{"more replicas than there can be", render.Overrides{Replicas: []string{"api=9999999999"}}, `replicas override "api=9999999999": want NAME=COUNT`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.overrides.Check()
			if err == nil {
				t.Fatal("it was accepted")
			}
			wantEqual(t, err.Error(), test.want)
			tree := files(map[string]string{"kustomization.yaml": "resources: [d.yaml]\n", "d.yaml": deployment})
			_, err = render.New().Render(context.Background(), render.Request{Tree: tree, Dir: ".", Overrides: test.overrides})
			if err == nil || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
