package policy

// Row is one check, as data. docs/checks.md is made from the rows; testdata holds what each of them refuses and accepts.
type Row struct {
	// Name is what findings and documents call the check; it never changes.
	Name string
	// Severity is that of its findings when the policy is enforced.
	Severity Severity
	// FloatingImages lets Options.FloatingImages replace the severity.
	FloatingImages bool
	// Title says in a few words what is wrong.
	Title string
	// Message is what a finding says, with {placeholders}.
	Message string
	// Why says what would happen if it were rendered.
	Why string
	// WayOut says what to do instead. It follows the message.
	WayOut string
	// Detail is what the documentation adds: what exactly counts and what does not.
	Detail string

	find func(*run)
}

// Rows returns the table, for documentation.
func Rows() []Row { return append([]Row(nil), table...) }

func (r *Row) severity(opts Options) Severity {
	switch {
	case opts.Level == Warn:
		return Warning
	case r.FloatingImages:
		return Graver(opts.FloatingImages, Warning)
	default:
		return r.Severity
	}
}

var table = []Row{
	{
		Name:     "plain-secret",
		Severity: Error,
		Title:    "Plain Secret",
		Message:  "holds plain secret data ({keys}){refused}",
		Why: "What is in Git is read by everyone who reads the repository, now and in its history; base64 hides nothing. " +
			"Argo CD and its caches would hold it too.",
		WayOut: "let an ExternalSecret or a SealedSecret make it, or say with the annotation " + AllowPlainSecret + `: "<reason>" why it may be plain`,
		Detail: "A `Secret` of the core group with a value in `data` or `stringData`, from a file or a generator, or with one in its " +
			"`kubectl.kubernetes.io/last-applied-configuration` annotation. A Secret without data, or whose values are all empty, is fine: " +
			"a controller fills it (a service account token, for example). The annotation `" + AllowPlainSecret + "` exempts a Secret if it gives a reason; " +
			"an empty one, or a mere `\"true\"`, is none. Secrets in a `List` are found; Secrets in the templates of other kinds are not looked for.",
		find: plainSecrets,
	},
	{
		Name:     "private-key",
		Severity: Error,
		Title:    "Private key in a ConfigMap",
		Message:  "holds a PEM private key{refused}",
		Why:      "A private key in a ConfigMap is a plain Secret under another name, and fewer access rules protect it.",
		WayOut: "keep it in a Secret that an ExternalSecret or a SealedSecret makes, or say with the annotation " + AllowPlainSecret +
			`: "<reason>" why it may be plain`,
		Detail: "A value in `data` with a `-----BEGIN … PRIVATE KEY-----` line that base64 follows. A template, with a placeholder in the place of the key, is fine.",
		find:   privateKeys,
	},
	{
		Name:     "empty-result",
		Severity: Error,
		Title:    "Empty result",
		Message:  "the render holds no object at all",
		Why: "Argo CD deletes what it no longer finds: the next sync with pruning deletes every resource of the Application. Only automated " +
			"syncs without `allowEmpty` are held back, and those then stand still.",
		WayOut: "add a resource to the kustomization, or delete the Application if nothing is to be left of it",
		Detail: "Lists count for what is in them.",
		find:   emptyResult,
	},
	{
		Name:           "floating-image",
		Severity:       Warning,
		FloatingImages: true,
		Title:          "Floating image",
		Message:        "{image} {floats}",
		Why: "What runs then depends on when a node pulled it: pods of one Deployment differ, a rollback brings nothing back, and Argo CD " +
			"sees no change to sync.",
		WayOut: "name a version in the overlay's images, as newTag or digest",
		Detail: "The tag `latest`, or neither tag nor digest, in the containers, init containers, ephemeral containers and image volumes of " +
			"Pod, PodTemplate, ReplicationController, Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob and Argo's Rollout. A digest " +
			"pins an image whatever its tag. `image: auto` of a container named `istio-proxy` is Istio's placeholder and fine. " +
			"It is a warning unless the environment refuses floating images.",
		find: floatingImages,
	},
	{
		Name:     "bad-sync-wave",
		Severity: Warning,
		Title:    "Sync wave that is no integer",
		Message:  "{value} is no integer, and Argo CD silently reads wave {wave}",
		Why:      "The resource is applied in another wave than the one meant, without a word: Argo CD drops what Go's strconv.Atoi does not take.",
		WayOut:   `write a whole number in quotes, such as "5" or "-5"`,
		Detail: "The annotations `argocd.argoproj.io/sync-wave` and, where Argo CD falls back to it, `helm.sh/hook-weight`. " +
			"A number without quotes is no annotation value at all: Argo CD then reads none of the object's annotations.",
		find: badSyncWaves,
	},
	{
		Name:     "duplicate-object",
		Severity: Error,
		Title:    "Two objects of one identity",
		Message:  "is rendered {count} times{versions}",
		Why:      "Only one of them can exist. Argo CD drops all but the last, and a warning in the Application's conditions is all that it says.",
		WayOut:   "keep one, or tell them apart by name or namespace",
		Detail: "Group, kind, namespace and name; the version of the API does not tell objects apart, and an object without a namespace is " +
			"in the destination's.",
		find: duplicateObjects,
	},
	{
		Name:     "nameless-object",
		Severity: Error,
		Title:    "Object without apiVersion, kind or name",
		Message:  "object {number} of the render has no {missing}",
		Why:      "Nothing can be applied that says neither what it is nor what it is called; Argo CD fails the whole Application for it.",
		WayOut:   "complete it, or take the file out of the kustomization's resources if it is no Kubernetes object",
		Detail:   "`metadata.generateName` will do in the place of a name.",
		find:     namelessObjects,
	},
}
