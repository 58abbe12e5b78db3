package platform

// For returns what the Applications of a service in an environment are given, with clusterValues, those of the cluster.
func (p *Platform) For(service, environment string, clusterValues map[string]string) Application {
	return Application{}
}
