package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/policy"
)

const identityWays = "; keep one, or tell them apart by name or namespace (duplicate-object)"

func TestAnObjectThatWouldReplaceAnotherIsNotRendered(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{
			"the same object", "{apiVersion: v1, kind: A, metadata: {name: a}}\n---\n{apiVersion: v1, kind: A, metadata: {name: a}}",
			"A a: is rendered 2 times" + identityWays,
		},
		{
			"versions of one API", "{apiVersion: x/v1, kind: A, metadata: {name: a}}\n---\n{apiVersion: x/v1beta1, kind: A, metadata: {name: a}}\n---\n{apiVersion: x/v1, kind: A, metadata: {name: a}}",
			"A.x a: is rendered 3 times, as x/v1, x/v1beta1" + identityWays,
		},
		{
			"without a namespace and with the destination's", "{apiVersion: v1, kind: A, metadata: {name: a}}\n---\n{apiVersion: v1, kind: A, metadata: {name: a, namespace: staging}}",
			"A a: is rendered 2 times" + identityWays,
		},
		{"other namespace", "{apiVersion: v1, kind: A, metadata: {name: a}}\n---\n{apiVersion: v1, kind: A, metadata: {name: a, namespace: other}}", ""},
		{"other group", "{apiVersion: v1, kind: A, metadata: {name: a}}\n---\n{apiVersion: x/v1, kind: A, metadata: {name: a}}", ""},
		{"other kind", "{apiVersion: v1, kind: A, metadata: {name: a}}\n---\n{apiVersion: v1, kind: B, metadata: {name: a}}", ""},
		{"names that are generated", "{apiVersion: v1, kind: A, metadata: {generateName: a-}}\n---\n{apiVersion: v1, kind: A, metadata: {generateName: a-}}", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := policy.Check(objects(t, test.in), policy.Options{Namespace: "staging"}).Err(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnObjectThatSaysTooLittleIsNotRendered(t *testing.T) {
	const ways = "; complete it, or take the file out of the kustomization's resources if it is no Kubernetes object (nameless-object)"
	for _, test := range []struct{ name, in, want string }{
		{"no name", "{apiVersion: v1, kind: A}", "A: object 1 of the render has no metadata.name" + ways},
		{"no kind", "{apiVersion: v1, metadata: {name: a}}", "a: object 1 of the render has no kind" + ways},
		{"no version", "{kind: A, metadata: {name: a}}", "A a: object 1 of the render has no apiVersion" + ways},
		{"nothing", "{apiVersion: v1, kind: A, metadata: {name: a}}\n---\n{}", "object 2 of the render has no apiVersion, no kind, no metadata.name" + ways},
		{"null", "null", "object 1 of the render has no apiVersion, no kind, no metadata.name" + ways},
		{"blanks", "{apiVersion: ' ', kind: A, metadata: {name: a}}", "A a: object 1 of the render has no apiVersion" + ways},
		{"numbers", "{apiVersion: v1, kind: A, metadata: {name: 7}}", "A: object 1 of the render has no metadata.name" + ways},
		{"generated name", "{apiVersion: v1, kind: A, metadata: {generateName: a-}}", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := policy.Check(objects(t, test.in), policy.Options{}).Err(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
