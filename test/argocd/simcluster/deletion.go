package simcluster

import (
	"fmt"
	"maps"
	"slices"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	apierr "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Delete marks an object for deletion; it disappears when nothing holds it any more.
func (c *Cluster) Delete(key kube.ResourceKey) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	obj, ok := c.live[key]
	if !ok {
		return apierr.NewNotFound(schema.GroupResource{Group: key.Group, Resource: key.Kind}, key.Name)
	}
	c.mark(obj)
	return nil
}

func (c *Cluster) mark(obj *unstructured.Unstructured) {
	if obj.GetDeletionTimestamp() == nil {
		now := metav1.Unix(0, 0)
		obj.SetDeletionTimestamp(&now)
		c.moves++
	}
}

// finalize removes an object that is being deleted when its finalizers are done.
func (c *Cluster) finalize(key kube.ResourceKey, obj *unstructured.Unstructured) {
	c.ready[key] = false
	if c.held(key, obj) == "" {
		delete(c.live, key)
		delete(c.started, key)
		c.moves++
	}
}

// held says what keeps an object from going away, or "".
func (c *Cluster) held(key kube.ResourceKey, obj *unstructured.Unstructured) string {
	switch {
	case key.GroupKind() == crdKind:
		for _, kind := range defines(obj) {
			for _, other := range c.keys() {
				if other.GroupKind() == kind.gvk.GroupKind() {
					c.mark(c.live[other])
					return "customresourcecleanup: " + other.Name
				}
			}
		}
	case key.GroupKind() == schema.GroupKind{Kind: "Namespace"}:
		for _, other := range c.keys() {
			if other.Namespace == key.Name {
				c.mark(c.live[other])
				return "kubernetes: " + other.Name
			}
		}
	case key.GroupKind() == schema.GroupKind{Kind: "PersistentVolumeClaim"}:
		if c.mountedByPod(key) {
			return "pvc-protection: a pod uses it"
		}
	default:
		// A controller that comes with the set puts a finalizer on what it looks after, and takes it off itself.
		_, watched := controllers[key.GroupKind()]
		if _, brought := c.set.operators[key.Group]; brought && watched && !c.operated(key) {
			return "the controller of " + key.Group + " is gone"
		}
	}
	return ""
}

// Remaining lists what is being deleted and what holds it.
func (c *Cluster) Remaining() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, key := range c.keys() {
		if !c.applied[key] {
			continue
		}
		obj := c.live[key]
		why := "not being deleted"
		if obj.GetDeletionTimestamp() != nil {
			why = c.held(key, obj)
		}
		out = append(out, fmt.Sprintf("%s %s/%s: %s", key.Kind, key.Namespace, key.Name, why))
	}
	return out
}

// Live returns copies of what Argo CD would find by its tracking label.
func (c *Cluster) Live() []*unstructured.Unstructured {
	return slices.Collect(maps.Values(c.own()))
}

// Key is where the object is stored.
func (c *Cluster) Key(obj *unstructured.Unstructured) kube.ResourceKey {
	return keyOf(c.kinds, c.namespace, obj)
}

// Moves lets the controllers work once and says whether that changed anything.
func (c *Cluster) Moves() bool {
	before := c.moves
	c.Tick()
	return c.moves != before
}
