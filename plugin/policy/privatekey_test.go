package policy_test

import (
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/policy"
)

func TestAPrivateKeyInAConfigMapIsNotRendered(t *testing.T) {
	base64 := strings.Repeat("Ab1+", 16)
	for _, test := range []struct {
		name, value string
		refused     bool
	}{
		{"PKCS 8", "-----BEGIN PRIVATE KEY-----\n" + base64, true},
		{"RSA, after a certificate", "-----BEGIN CERTIFICATE-----\n" + base64 + "\n-----END CERTIFICATE-----\n-----BEGIN RSA PRIVATE KEY-----\r\n" + base64, true},
		{"OpenSSH, indented in a script", "cat <<E\n  -----BEGIN OPENSSH PRIVATE KEY-----\n  " + base64 + "\nE", true},
		{"encrypted", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + base64, true},
		{"encrypted, the old way", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + base64, true},
		{"certificate", "-----BEGIN CERTIFICATE-----\n" + base64, false},
		{"public key", "-----BEGIN PUBLIC KEY-----\n" + base64, false},
		{"placeholder", "-----BEGIN PRIVATE KEY-----\n{{ .key }}\n-----END PRIVATE KEY-----", false},
		{"an ellipsis in documentation", "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----", false},
		{"a pattern that looks for keys", "grep -e '-----BEGIN [A-Z ]*PRIVATE KEY-----'", false},
		{"cut off", "-----BEGIN PRIVATE KEY", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := objects(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {}}")
			in[0]["data"] = map[string]any{"k": test.value, "other": 7}
			findings := policy.Check(in, policy.Options{})
			if refused := len(findings) == 1 && findings[0].Check == "private-key"; refused != test.refused {
				t.Errorf("got %v", findings)
			}
		})
	}
}
