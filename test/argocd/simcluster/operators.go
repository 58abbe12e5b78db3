package simcluster

// operated says whether the controller of this API group is at work. One that the set does not bring always is; one
// that it brings must be ready, and keep the rights it was given.
func (c *Cluster) operated(group string) bool {
	workload, brought := c.set.operators[group]
	if !brought {
		return true
	}
	obj, live := c.live[workload]
	if !live || !c.ready[workload] {
		return false
	}
	pods, _ := podsOf(obj)
	return c.unauthorized(workload, pods) == ""
}
