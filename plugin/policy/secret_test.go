package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/policy"
)

func TestAPlainSecretIsNotRendered(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     []string
	}{
		{"data", "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: YQ==}}", []string{"error plain-secret Secret s data"}},
		{"stringData", "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {a: b}}", []string{"error plain-secret Secret s stringData"}},
		{
			"both", "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: YQ==}, stringData: {a: b}}",
			[]string{"error plain-secret Secret s data", "error plain-secret Secret s stringData"},
		},
		{"generated, with a hash", "{apiVersion: v1, kind: Secret, metadata: {name: s-8m5b6t2k4f}, data: {a: YQ==}}", []string{"error plain-secret Secret s-8m5b6t2k4f data"}},
		{"TLS", "{apiVersion: v1, kind: Secret, metadata: {name: s}, type: kubernetes.io/tls, data: {tls.key: YQ==, tls.crt: ''}}", []string{"error plain-secret Secret s data"}},
		{"a value that is no text", "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {pin: 1234}}", []string{"error plain-secret Secret s stringData"}},
		{"data that is no map", "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: hunter2}", []string{"error plain-secret Secret s data"}},
		{"a copy that kubectl left", `
apiVersion: v1
kind: Secret
metadata:
  name: s
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"data":{"a":"YQ=="}}'}`,
			[]string{`error plain-secret Secret s metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"]`}},
		{"a copy that cannot be read", `
apiVersion: v1
kind: Secret
metadata: {name: s, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"data":{"a'}}`,
			[]string{`error plain-secret Secret s metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"]`}},

		{"no data", "{apiVersion: v1, kind: Secret, metadata: {name: s}}", []string{}},
		{"a token that the cluster makes", "{apiVersion: v1, kind: Secret, metadata: {name: s}, type: kubernetes.io/service-account-token}", []string{}},
		{"empty data", "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {}, stringData: null}", []string{}},
		{"empty values, which a controller fills", "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {ca.crt: '', b: null}}", []string{}},
		{"a copy without data", `
apiVersion: v1
kind: Secret
metadata: {name: s, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"kind":"Secret"}'}}`, []string{}},
		{"another group's Secret", "{apiVersion: example.com/v1, kind: Secret, metadata: {name: s}, data: {a: b}}", []string{}},
		{"SealedSecret", "{apiVersion: bitnami.com/v1alpha1, kind: SealedSecret, metadata: {name: s}, spec: {encryptedData: {a: b}, template: {data: {a: b}}}}", []string{}},
		{"ConfigMap", "{apiVersion: v1, kind: ConfigMap, metadata: {name: s}, data: {a: b}}", []string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, found(policy.Check(objects(t, test.in), policy.Options{}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnExemptionNeedsAReason(t *testing.T) {
	for _, test := range []struct{ name, annotation, says string }{
		{"a reason", `"a demo token of the vendor's documentation"`, ""},
		{"nothing", `""`, "holds plain secret data (a), and its tidegate.dev/allow-plain-secret annotation gives no reason: it is empty; let"},
		{"blanks", `" \t\n "`, "gives no reason: it is empty; let"},
		{"blanks of other alphabets", `"\u00a0\u2003"`, "gives no reason: it is empty; let"},
		{"a mere yes", `"true"`, `gives no reason: it says "true"; let`},
		{"no text", `true`, "annotation is no text; let"},
		{"null", `null`, "annotation is no text; let"},
	} {
		for kind, data := range map[string]string{
			"Secret":    "YQ==",
			"ConfigMap": "-----BEGIN PRIVATE KEY-----\\n" + strings.Repeat("A", 64),
		} {
			t.Run(test.name+"/"+kind, func(t *testing.T) {
				in := objects(t, "apiVersion: v1\nkind: "+kind+"\nmetadata: {name: s, annotations: {"+
					policy.AllowPlainSecret+": "+test.annotation+"}}\ndata: {a: \""+data+"\"}")
				findings := policy.Check(in, policy.Options{})
				if test.says == "" {
					if len(findings) > 0 {
						t.Errorf("got %v", findings)
					}
					return
				}
				says := strings.Replace(strings.Replace(test.says, "holds plain secret data (a)", "", 1), "; let", ";", 1)
				if len(findings) != 1 || !strings.Contains(findings[0].Message, says) {
					t.Errorf("got %v, want it to say %q", findings, says)
				}
			})
		}
	}
}

func TestASecretsMessageNamesKeysAndNoValues(t *testing.T) {
	in := objects(t, `
apiVersion: v1
kind: Secret
metadata:
  name: s
  namespace: staging
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"stringData":{"c":"hunter2"}}'}
data: {b: hunter2, a: hunter2}
stringData: hunter2
---
apiVersion: v1
kind: ConfigMap
metadata: {name: k}
data:
  key.pem: |
    -----BEGIN RSA PRIVATE KEY-----
    hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2h`)
	const ways = `let an ExternalSecret or a SealedSecret make it, or say with the annotation tidegate.dev/allow-plain-secret: "<reason>" why it may be plain (plain-secret)`
	want := "Secret staging/s: data: holds plain secret data (a, b); " + ways + "\n" +
		"Secret staging/s: stringData: holds plain secret data (not a map); " + ways + "\n" +
		`Secret staging/s: metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"]: holds plain secret data (c); ` + ways + "\n" +
		`ConfigMap k: data["key.pem"]: holds a PEM private key; keep it in a Secret that an ExternalSecret or a SealedSecret makes, ` +
		`or say with the annotation tidegate.dev/allow-plain-secret: "<reason>" why it may be plain (private-key)`
	err := policy.Check(in, policy.Options{}).Err()
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	many := map[string]any{}
	for i := range 1000 {
		many[strings.Repeat("k", i+1)] = "hunter2"
	}
	in[0]["data"] = many
	message := policy.Check(in, policy.Options{})[0].Message
	if len(message) > 1000 || !strings.Contains(message, ", and 990 more)") {
		t.Errorf("got %s", message)
	}
}
