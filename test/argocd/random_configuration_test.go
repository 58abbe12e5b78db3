package argocd

func (g *generator) configMap() { g.add("v1", "ConfigMap", g.namespace(), "config", nil) }

func (g *generator) serviceAccount() {
	namespace := g.namespace()
	account := g.add("v1", "ServiceAccount", namespace, "account", nil)
	if pull := g.any("made Secret", namespace); pull != "" && g.chance(4) {
		g.objects[len(g.objects)-1]["imagePullSecrets"] = []any{fields{"name": pull}}
	}
	if !g.chance(2) {
		return
	}
	role := g.add("rbac.authorization.k8s.io/v1", "Role", namespace, "role", fields{"rules": []any{}})
	subject := fields{"kind": "ServiceAccount", "name": account}
	if g.chance(2) {
		subject["namespace"] = real(namespace)
	}
	g.add("rbac.authorization.k8s.io/v1", "RoleBinding", namespace, "binding", fields{
		"roleRef": fields{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}, "subjects": []any{subject}})
}

// secret is a Secret that an operator makes; g.in["made Secret"] has its name.
func (g *generator) secret() {
	namespace := g.namespace()
	var secret string
	switch g.IntN(3) {
	case 0:
		secret = g.add("bitnami.com/v1alpha1", "SealedSecret", namespace, "sealed", fields{"spec": fields{"encryptedData": fields{"key": "AgB"}}})
	case 1:
		secret = g.externalSecret(namespace)
	case 2:
		g.certificate(namespace)
		return
	}
	at := "made Secret " + real(namespace)
	g.in[at] = append(g.in[at], secret)
}

func (g *generator) externalSecret(namespace string) string {
	store := fields{"name": "elsewhere"}
	switch g.IntN(4) {
	case 0:
		store["name"] = g.add("external-secrets.io/v1", "SecretStore", namespace, "store", fields{"spec": fields{"provider": g.provider(namespace)}})
	case 1:
		store["kind"] = "ClusterSecretStore"
		store["name"] = g.add("external-secrets.io/v1", "ClusterSecretStore", "", "store", fields{"spec": fields{"provider": g.clusterProvider(namespace)}})
	case 2:
		if name := g.any("SecretStore", namespace); name != "" {
			store["name"] = name
		}
	}
	spec := fields{"secretStoreRef": store}
	secret := g.add("external-secrets.io/v1", "ExternalSecret", namespace, "external", fields{"spec": spec})
	if g.chance(2) {
		secret = g.name("secret")
		spec["target"] = fields{"name": secret}
	}
	return secret
}

// provider is where a store gets its Secrets from, with or without credentials of the set.
func (g *generator) provider(namespace string) fields {
	auth := fields{}
	if account := g.any("ServiceAccount", namespace); account != "" && g.chance(2) {
		auth["kubernetes"] = fields{"role": "reader", "serviceAccountRef": fields{"name": account}}
	} else if secret := g.any("made Secret", namespace); secret != "" && g.chance(2) {
		auth["tokenSecretRef"] = fields{"name": secret, "key": "token"}
	}
	return fields{"vault": fields{"server": "https://vault", "auth": auth}}
}

// clusterProvider says in which namespace its credentials are.
func (g *generator) clusterProvider(namespace string) fields {
	provider := g.provider(namespace)
	for _, reference := range provider["vault"].(fields)["auth"].(fields) {
		in := reference.(fields)
		if account, ok := in["serviceAccountRef"].(fields); ok {
			in = account
		}
		in["namespace"] = real(namespace)
	}
	return provider
}

func (g *generator) certificate(namespace string) {
	issuer := fields{"name": "elsewhere", "kind": "ClusterIssuer"}
	switch g.IntN(4) {
	case 0:
		issuer = fields{"name": g.add("cert-manager.io/v1", "Issuer", namespace, "issuer", fields{"spec": g.signer(namespace)})}
	case 1:
		issuer["name"] = g.add("cert-manager.io/v1", "ClusterIssuer", "", "issuer", fields{"spec": g.signer(g.certManager())})
	case 2:
		if name := g.any("Issuer", namespace); name != "" {
			issuer = fields{"name": name, "kind": "Issuer"}
		}
	}
	if g.chance(6) {
		namespace = g.certManager() // an authority for ClusterIssuers
		if issuer["kind"] != "ClusterIssuer" {
			issuer = fields{"name": "elsewhere", "kind": "ClusterIssuer"}
		}
	}
	secret := g.name("tls")
	g.add("cert-manager.io/v1", "Certificate", namespace, "certificate", fields{"spec": fields{"secretName": secret, "issuerRef": issuer}})
	for _, list := range []string{"certified Secret ", "made Secret "} {
		g.in[list+real(namespace)] = append(g.in[list+real(namespace)], secret)
	}
}

// signer is what an issuer signs with: itself, an authority of its own, or a key that another Certificate of the set made.
func (g *generator) signer(namespace string) fields {
	if secret := g.any("certified Secret", namespace); secret != "" && g.chance(2) {
		return fields{"ca": fields{"secretName": secret}}
	}
	return fields{"selfSigned": fields{}}
}

// certManager is the namespace in which cert-manager keeps the Secrets of ClusterIssuers: its own.
func (g *generator) certManager() string {
	if namespaces := g.in["namespace of cert-manager.io"]; len(namespaces) > 0 {
		return namespaces[0]
	}
	return "cert-manager"
}

func (g *generator) claim() {
	spec := fields{"accessModes": []any{"ReadWriteOnce"}}
	if class := g.any("StorageClass", ""); class != "" && g.chance(2) {
		spec["storageClassName"] = class
	}
	if g.chance(6) {
		spec["volumeName"] = g.add("v1", "PersistentVolume", "", "volume", fields{"spec": fields{}})
	}
	g.add("v1", "PersistentVolumeClaim", g.namespace(), "claim", fields{"spec": spec})
}

// certificateThroughIngress is issued by a challenge that an Ingress of the set answers; the Ingress serves with it.
func (g *generator) certificateThroughIngress() {
	namespace := g.namespace()
	ingress := g.any("Ingress", namespace)
	if ingress == "" {
		return
	}
	issuer := g.add("cert-manager.io/v1", "Issuer", namespace, "acme", fields{"spec": fields{"acme": fields{
		"server": "https://acme", "solvers": []any{fields{"http01": fields{"ingress": fields{"name": ingress}}}}}}})
	g.add("cert-manager.io/v1", "Certificate", namespace, "public", fields{"spec": fields{
		"secretName": g.name("public-tls"), "issuerRef": fields{"name": issuer}}})
}
