package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	shipped "github.com/tidegate/tidegate/manifests"
)

// apiServer answers what the generator asks of Argo CD's namespace. Its watches bring nothing.
type apiServer struct {
	*world
	// applications are JSON, in the order of their names.
	applications []string
	rows         []string
}

// rest is what an Application has besides what the generator made, after a few syncs: resources, history, managed fields.
var rest = func() string {
	var resources, history, fields []string
	for i := range 20 {
		resources = append(resources, fmt.Sprintf(`{"group":"apps","version":"v1","kind":"Deployment","namespace":"namespace","name":"name-%d","status":"Synced","health":{"status":"Healthy"}}`, i))
		history = append(history, fmt.Sprintf(`{"id":%d,"revision":"%s","deployedAt":"2026-01-01T00:00:00Z","source":{"repoURL":"https://github.com/myorg/gitops-platform","path":"services/service/overlays/production"}}`, i, strings.Repeat("a", 40)))
		fields = append(fields, fmt.Sprintf(`{"manager":"manager-%d","operation":"Update","fieldsV1":{"f:%s":{}}}`, i, strings.Repeat("m", 700)))
	}
	return `"managedFields":[` + strings.Join(fields, ",") + `]},"status":{"reconciledAt":"2026-01-01T00:00:00Z","sync":{"status":"Synced"},"health":{"status":"Healthy"},"resources":[` +
		strings.Join(resources, ",") + `],"history":[` + strings.Join(history, ",") + `]}`
}()

func newAPIServer(w *world) (*apiServer, error) {
	s := &apiServer{world: w}
	type named struct{ name, application string }
	var all []named
	for i, sets := range w.sets {
		for j := range sets {
			set := &sets[j]
			made, err := annotation(set)
			if err != nil {
				return nil, err
			}
			about, err := json.Marshal(map[string]any{"tidegate.dev/parameters": made})
			if err != nil {
				return nil, err
			}
			all = append(all, named{set.Name, fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"argocd","uid":"uid-%s","resourceVersion":"5","creationTimestamp":"2026-01-01T00:00:00Z","annotations":%s,`+
				`"ownerReferences":[{"apiVersion":"argoproj.io/v1alpha1","kind":"ApplicationSet","name":%q,"uid":"uid-%s","controller":true}],%s,`+
				`"spec":{"project":%q,"source":{"repoURL":%q,"path":%q},"destination":{"server":%q,"namespace":%q}}}`,
				set.Name, set.Name, about, w.names[i], w.names[i], rest, set.Project, set.RepoURL, set.Path, set.Cluster.Server, set.Namespace)})
		}
	}
	slices.SortFunc(all, func(a, b named) int { return strings.Compare(a.name, b.name) })
	for _, one := range all {
		s.applications = append(s.applications, one.application)
		s.rows = append(s.rows, fmt.Sprintf(`{"cells":[%q,"Synced","Healthy"],"object":null}`, one.name))
	}
	return s, nil
}

// ServeHTTP is http.Handler's.
func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Query().Get("watch") != "" {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	}
	folder, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/apis/argoproj.io/v1alpha1/namespaces/argocd/"), "/")
	switch {
	case folder == "applications" && strings.Contains(r.Header.Get("Accept"), "as=Table"):
		fmt.Fprintf(w, `{"kind":"Table","columnDefinitions":[{"name":"Name","format":"name"}],"rows":[%s]}`, strings.Join(s.rows, ","))
	case folder == "applications":
		s.page(w, r)
	case folder == "applicationsets" && name != "":
		send(w, s.applicationSet(slices.Index(s.names, name)))
	case folder == "applicationsets":
		list := v1alpha1.ApplicationSetList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}}
		for i := range s.names {
			list.Items = append(list.Items, *s.applicationSet(i))
		}
		send(w, list)
	case strings.HasSuffix(r.URL.Path, "/secrets"):
		send(w, s.secrets())
	case strings.HasSuffix(r.URL.Path, "/configmaps"):
		send(w, list(map[string]any{"metadata": map[string]any{"name": "argocd-cm", "namespace": "argocd", "resourceVersion": "1"},
			"data": map[string]string{"cluster.inClusterEnabled": "false"}}))
	default:
		send(w, list())
	}
}

func list(items ...any) map[string]any {
	return map[string]any{"metadata": map[string]any{"resourceVersion": "7"}, "items": items}
}

func send(w http.ResponseWriter, what any) {
	if err := json.NewEncoder(w).Encode(what); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func (s *apiServer) page(w http.ResponseWriter, r *http.Request) {
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	to, next := len(s.applications), ""
	if limit > 0 && from+limit < to {
		to = from + limit
		next = strconv.Itoa(to)
	}
	fmt.Fprintf(w, `{"metadata":{"resourceVersion":"7","continue":%q},"items":[%s]}`, next, strings.Join(s.applications[from:to], ","))
}

func (s *apiServer) applicationSet(at int) *v1alpha1.ApplicationSet {
	set := template()
	set.Name, set.Namespace, set.UID, set.ResourceVersion = s.names[at], "argocd", types.UID("uid-"+s.names[at]), "1"
	return set
}

// template is the ApplicationSet that is shipped.
func template() *v1alpha1.ApplicationSet {
	var set v1alpha1.ApplicationSet
	if err := yaml.UnmarshalStrict(shipped.Services, &set); err != nil {
		panic(err)
	}
	return &set
}

func (s *apiServer) secrets() any {
	var items []any
	text := base64.StdEncoding.EncodeToString
	for _, cluster := range s.clusters {
		labels := map[string]string{"argocd.argoproj.io/secret-type": "cluster"}
		for key, value := range cluster.Labels {
			labels[key] = value
		}
		items = append(items, map[string]any{
			"metadata": map[string]any{"name": cluster.Name, "namespace": "argocd", "resourceVersion": "1", "labels": labels},
			"data":     map[string]string{"name": text([]byte(cluster.Name)), "server": text([]byte(cluster.Server))},
		})
	}
	return list(items...)
}
