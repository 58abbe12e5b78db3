package simulate

import "fmt"

// EgressConfig is the file for the API server's flag --egress-selector-config-file that makes it reach Services through
// Options.EgressSocket.
func EgressConfig(socket string) []byte {
	return fmt.Appendf(nil, `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport: {uds: {udsName: %q}}
`, socket)
}
