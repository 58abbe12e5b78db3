package admission_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
)

// simulation is a repository, a fleet and an Argo CD, to which anything may happen. What may be removed is told from what has
// happened, not from what was decided.
type simulation struct {
	*argocd
	now time.Time
	// overlays of service/environment, clusters by name with what became of them, what tidegate.yaml and the input say.
	overlays map[string]bool
	clusters map[string]string
	names    string
	services []string
	unknown  bool
	policy   admission.Policy
	// acknowledged are the removals that digests stand for: causes by UID.
	acknowledged map[string]map[string]string
	// tooMany are the UIDs of what was too many at once, and has neither gone nor come back since.
	tooMany map[string]bool
	// old is what a replica knows of the repository that does not read it any more; behind says that it is the one that is asked.
	old    *oldView
	behind bool
	// readOnly says that nothing can be written into annotations of the ApplicationSet.
	readOnly bool
	// controller is Argo CD's own, which then gets what the simulated one gets; nil in most sequences.
	controller *controller
}

// oldView is a repository as it was seen some time ago.
type oldView struct {
	overlays map[string]bool
	names    string
	seen     time.Time
}

// view is what the replica that is asked knows of the repository.
func (s *simulation) view() oldView {
	if s.behind && s.old != nil {
		return *s.old
	}
	return oldView{s.overlays, s.names, alwaysConfirmed}
}

const (
	asBefore   = ""
	gone       = "gone"
	relabelled = "relabelled"
)

func (s *simulation) scene() scene {
	view := s.view()
	out := scene{input: params.Input{Kind: params.Services, Services: s.services}, platform: withAutomatedStaging, delivers: delivers}
	if view.names != "" {
		out.platform = strings.ReplaceAll(withAutomatedStaging, "{cluster}", view.names)
	}
	out.overlays = strings.Join(slices.Sorted(maps.Keys(view.overlays)), " ")
	for _, name := range slices.Sorted(maps.Keys(s.clusters)) {
		switch s.clusters[name] {
		case asBefore:
			out.clusters += fmt.Sprintf(" %s:tier=%s", name, tier(name))
		case relabelled:
			out.clusters += fmt.Sprintf(" %s:tier=none", name)
		}
	}
	return out
}

// delivers is what an overlay renders to: the same, whatever its folder is called, by the first letter of its service.
func delivers(overlay string) []uint64 {
	hash := fnv.New64a()
	_, environment, _ := strings.Cut(overlay, "/")
	hash.Write([]byte(overlay[:1] + "/" + environment))
	return []uint64{hash.Sum64()}
}

// overlayOf is the overlay at a path.
func overlayOf(path string) string {
	parts := strings.Split(path, "/")
	return parts[1] + "/" + parts[3]
}

// sync is that Argo CD delivers.
func (app *application) sync() {
	app.Reconciled, app.OperationRunning, app.Sync, app.Health = true, false, "Synced", "Healthy"
	app.Resources = delivers(overlayOf(app.Path))
}

// tier is told by the first letter of a cluster's name.
func tier(cluster string) string {
	if cluster[0] == 'p' {
		return "production"
	}
	return "staging"
}

const withAutomatedStaging = `apiVersion: tidegate.dev/v1alpha1
kind: Platform
defaults: {project: team, repoURL: https://example.com/repo, targetRevision: main}
environments:
  - name: staging
    clusterSelector: {matchLabels: {tier: staging}}
    applicationName: "{service}-{environment}-{cluster}"
    syncPolicy: {automated: {}}
  - name: production
    clusterSelector: {matchLabels: {tier: production}}
    applicationName: "{service}-{environment}-{cluster}"
`

// otherNames is what the names of Applications may be changed to.
const otherNames = "{cluster}-new"

func (s *simulation) world() admission.World {
	world := s.argocd.now(s.scene())
	world.Now, world.Policy = s.now, s.policy
	world.Ground.Confirmed = s.view().seen
	if s.unknown {
		world.Desired, world.Unknown = nil, "the repository cannot be read"
	}
	return world
}

func desiredOf(world admission.World) map[string]*params.Set {
	out := map[string]*params.Set{}
	for i := range world.Desired {
		out[world.Desired[i].Name] = &world.Desired[i]
	}
	return out
}

func (s *simulation) desired() map[string]*params.Set { return desiredOf(s.world()) }

// cause is what has happened to an Application that nothing desires, as far as the replica can know that is asked.
func (s *simulation) cause(app *application, desired map[string]*params.Set) string {
	if app.edited == unreadable {
		return string(unreadable)
	}
	// What it was made from: what it says of that may be misleading.
	set, err := params.ParseAnnotation(app.generated.Annotations[params.Annotation])
	if err != nil {
		panic(err)
	}
	for _, name := range slices.Sorted(maps.Keys(desired)) {
		if app.isAt(desired[name]) || s.moves(&app.Application, desired[name], desired) {
			return "renamed to " + name
		}
	}
	view := s.view()
	switch state := s.clusters[set.Cluster.Name]; {
	case state != asBefore && s.services != nil && !slices.Contains(s.services, set.Service) && state == relabelled:
		return "narrowed"
	case state != asBefore:
		return state
	case s.services != nil && !slices.Contains(s.services, set.Service):
		return "narrowed"
	case view.overlays[set.Service+"/"+set.Environment]:
		return "none"
	case !app.Created.Add(s.policy.Confirmation).Before(view.seen):
		return "younger"
	}
	return "overlay gone"
}

// isAt tells whether an Application was made from the folder of a parameter set, or for its service and environment, on its
// cluster.
func (app *application) isAt(set *params.Set) bool {
	made := app.generated
	return made.Spec.Destination.Server == set.Cluster.Server && (made.Spec.Source.Path == set.Path ||
		made.Labels[params.ServiceLabel] == set.Service && made.Labels[params.EnvironmentLabel] == set.Environment)
}

// moves tells whether an Application that is desired and not live would deliver what one has delivered that nothing desires, and
// that none has delivered which stays.
func (s *simulation) moves(app *live.Application, to *params.Set, desired map[string]*params.Set) bool {
	if s.apps[to.Name] != nil || desired[app.Name] != nil || !sameResources(app, to) {
		return false
	}
	for name, other := range s.apps {
		if desired[name] != nil && !other.Deleting && sameResources(&other.Application, to) {
			return false
		}
	}
	return true
}

// sameResources tells whether an Application has delivered what a parameter set would deliver.
func sameResources(app *live.Application, set *params.Set) bool {
	return app.DestinationServer == set.Cluster.Server && slices.Equal(app.Resources, delivers(overlayOf(set.Path)))
}

// poll is one answer and what Argo CD makes of it. The error says what went wrong.
func (s *simulation) poll() error {
	world := s.world()
	desired := desiredOf(world)
	decision, err := admission.Decide(world)
	if err != nil {
		return s.refused(err, world, desired)
	}
	tooMany := s.tooMany
	allowed := s.allowed(world, desired)
	if err := s.answers(decision, world, desired); err != nil {
		return err
	}
	if len(decision.Held) > 0 {
		s.remember(decision, desired)
	}
	before := map[string]application{}
	for name, app := range s.apps {
		before[name] = *app
	}
	places := s.predecessors(desired)
	created, deleted, err := s.applied(decision)
	if err != nil {
		return err
	}
	if err := s.loses(deleted, allowed); err != nil {
		return err
	}
	if err := s.keeps(before, world.Unknown == "", desired); err != nil {
		return err
	}
	if s.readOnly {
		s.tooMany = tooMany
		return s.admits(created, before, desired, places)
	}
	if decision.Acknowledgement == admission.Spent {
		s.annotate(admission.AcknowledgeAnnotation, "")
	}
	if world.Unknown == "" {
		s.annotate(admission.OverLimitAnnotation, decision.OverLimit)
	}
	return s.admits(created, before, desired, places)
}

// applied is what Argo CD creates and deletes when it is answered.
func (s *simulation) applied(decision *admission.Decision) (created, deleted []string, err error) {
	s.miss()
	if s.controller != nil {
		return s.controller.answered(s.argocd, decision, s.now)
	}
	created, deleted = s.apply(decision, s.now)
	return created, deleted, nil
}

// miss tells Argo CD which clusters there are not.
func (s *simulation) miss() {
	s.missing = map[string]bool{}
	for name, state := range s.clusters {
		s.missing["https://"+name] = state == gone
	}
}

// refused checks that an error was needed: Argo CD then does nothing.
func (s *simulation) refused(err error, world admission.World, desired map[string]*params.Set) error {
	var refusal *admission.Refusal
	if !errors.As(err, &refusal) {
		return fmt.Errorf("%w is no Refusal", err)
	}
	if s.controller != nil {
		s.miss()
		if err := s.controller.refused(s.argocd, refusal); err != nil {
			return err
		}
	}
	if refusal.Kind == admission.Unreadable {
		for _, app := range s.apps {
			if app.edited == unreadable && !app.Deleting && (world.Unknown != "" || desired[app.Name] == nil) {
				return nil
			}
		}
	}
	for _, app := range s.apps {
		if !app.Deleting {
			return fmt.Errorf("refused although %s could be held: %w", app.Name, err)
		}
	}
	return nil
}

// allowed are the Applications whose removal the policy allows, told from what has happened.
func (s *simulation) allowed(world admission.World, desired map[string]*params.Set) map[string]bool {
	out := map[string]bool{}
	if world.Unknown != "" {
		return out
	}
	would, going, stay := map[string]string{}, 0, 0
	for _, app := range s.apps {
		switch {
		case desired[app.Name] == nil && app.Deleting:
			going++
		case desired[app.Name] == nil:
			would[app.Name] = s.cause(app, desired)
		case !app.Deleting:
			stay++
		}
	}
	var free []string
	for name, cause := range would {
		if cause == "overlay gone" && s.apps[name].Labels[params.EnvironmentLabel] != "production" {
			free = append(free, name)
			continue
		}
		stay++
	}
	tooMany := map[string]bool{}
	for name := range would {
		if uid := s.apps[name].UID; s.tooMany[uid] {
			tooMany[uid] = true
		}
	}
	few := slices.DeleteFunc(free, func(name string) bool { return tooMany[s.apps[name].UID] })
	stay += len(free) - len(few)
	if limit := max(s.policy.RemovalCount, len(s.apps)*s.policy.RemovalShare/100); len(few)+going > limit {
		for _, name := range few {
			if len(few) > limit {
				tooMany[s.apps[name].UID] = true
			}
		}
		stay, few = stay+len(few), nil
	}
	s.tooMany = tooMany
	if stay > 0 {
		for _, name := range few {
			out[name] = true
		}
	}
	for _, digest := range strings.Fields(s.set.Annotations[admission.AcknowledgeAnnotation]) {
		removal, known := s.acknowledged[digest]
		for name, cause := range would {
			if known && removal[s.apps[name].UID] == cause {
				out[name] = true
			}
		}
	}
	return out
}

// answers checks the answer before Argo CD gets it.
func (s *simulation) answers(decision *admission.Decision, world admission.World, desired map[string]*params.Set) error {
	if len(decision.Parameters) == 0 {
		return errors.New("the answer is empty")
	}
	again, err := admission.Decide(world)
	if err != nil || !reflect.DeepEqual(decision, again) {
		return fmt.Errorf("the same world was answered in two ways: %v, %v and %v", err, decision, again)
	}
	names := namesOf(decision)
	for _, held := range decision.Held {
		if !slices.Contains(names, held.Application) {
			return fmt.Errorf("%s is said to be held, and is not in the answer", held.Application)
		}
		if held.Ruling == "" || held.Message() == "" {
			return fmt.Errorf("nothing says why %s is held", held.Application)
		}
		if held.Successor != "" && s.apps[held.Successor] == nil && slices.Contains(names, held.Successor) {
			return fmt.Errorf("%s and %s are both in the answer", held.Application, held.Successor)
		}
	}
	for _, released := range decision.Released {
		if slices.Contains(names, released.Application) {
			return fmt.Errorf("%s is said to go, and is in the answer", released.Application)
		}
	}
	for name := range desired {
		waits := slices.ContainsFunc(decision.Waiting, func(w admission.Waiting) bool { return w.Application == name })
		if slices.Contains(names, name) == waits {
			return fmt.Errorf("%s is desired: in the answer, or waiting: %v", name, waits)
		}
	}
	return nil
}

// remember keeps what the digests of a decision stand for.
func (s *simulation) remember(decision *admission.Decision, desired map[string]*params.Set) {
	all := map[string]string{}
	for _, held := range decision.Held {
		cause := s.cause(s.apps[held.Application], desired)
		all[held.UID] = cause
		s.acknowledged[held.Digest] = map[string]string{held.UID: cause}
	}
	s.acknowledged[decision.Digest] = all
}

// rememberRefused keeps what the digest of a refusal stands for: all that nothing desires and that may not go by itself.
func (s *simulation) rememberRefused(digest string, world admission.World) {
	desired, all := desiredOf(world), map[string]string{}
	as := *s
	as.argocd = &argocd{set: *s.set.DeepCopy(), apps: s.apps}
	as.annotate(admission.AcknowledgeAnnotation, "")
	free := as.allowed(world, desired)
	for name, app := range s.apps {
		if desired[name] == nil && !app.Deleting && !free[name] {
			all[app.UID] = s.cause(app, desired)
		}
	}
	s.acknowledged[digest] = all
}

// loses checks what Argo CD deletes.
func (s *simulation) loses(deleted []string, allowed map[string]bool) error {
	for _, name := range deleted {
		if !allowed[name] {
			return fmt.Errorf("Argo CD deletes %s", name)
		}
	}
	return nil
}

// keeps checks that what stays is as it was, or as it is desired.
func (s *simulation) keeps(before map[string]application, known bool, desired map[string]*params.Set) error {
	for name, app := range s.apps {
		old, was := before[name]
		switch set := desired[name]; {
		case !was || app.Deleting && !old.Deleting:
		case known && set != nil:
			if app.Parameters != generated(marshalled(*set)).Annotations[params.Annotation] {
				return fmt.Errorf("%s was not updated", name)
			}
		case old.edited == misleading:
			if old.Project != app.Project || old.Parameters != app.Parameters {
				return fmt.Errorf("%s was held, and is not what its annotation says:\n%v", name, app.generated)
			}
		case !reflect.DeepEqual(old.generated, app.generated) || old.Parameters != app.Parameters:
			return fmt.Errorf("%s was held, and is not what it was:\n%v\n%v", name, old.generated, app.generated)
		}
	}
	return nil
}

// predecessors are live Applications in the places of desired ones that are not live, by the names of these.
func (s *simulation) predecessors(desired map[string]*params.Set) map[string]string {
	out := map[string]string{}
	for name, set := range desired {
		for _, app := range s.apps {
			if app.Name != name && (app.isAt(set) || s.moves(&app.Application, set, desired)) {
				out[name] = app.Name
			}
		}
	}
	return out
}

// admits checks what Argo CD creates. The places of some were taken before.
func (s *simulation) admits(created []string, before map[string]application, desired map[string]*params.Set, places map[string]string) error {
	unsettled := map[string]int{}
	for _, name := range created {
		set := desired[name]
		if set == nil {
			return fmt.Errorf("%s is created, and nothing desires it", name)
		}
		if places[name] != "" {
			return fmt.Errorf("%s is created beside %s, with the same resources", name, places[name])
		}
		unsettled[set.Environment]++
		if set.Environment == "production" {
			for _, other := range desired {
				if other.Service == set.Service && other.Environment == "staging" && s.apps[other.Name] == nil && places[other.Name] == "" {
					return fmt.Errorf("%s is created before %s", name, other.Name)
				}
			}
		}
	}
	for _, app := range before {
		if !app.Deleting && !app.Reconciled && s.now.Before(app.Created.Add(s.policy.SettleTimeout)) {
			unsettled[app.Labels[params.EnvironmentLabel]]++
		}
	}
	for _, environment := range []string{"staging", "production"} {
		came := slices.ContainsFunc(created, func(name string) bool { return desired[name].Environment == environment })
		if came && s.policy.Ramp > 0 && unsettled[environment] > s.policy.Ramp {
			return fmt.Errorf("%d of %s are unsettled after %v came", unsettled[environment], environment, created)
		}
	}
	return nil
}

// settleAll is what happens when nothing goes wrong for a while.
func (s *simulation) settleAll() {
	for name, app := range s.apps {
		if app.Deleting {
			delete(s.apps, name)
			continue
		}
		app.settle()
		if app.Automated {
			app.sync()
		}
	}
}

// ends checks that, if nothing goes wrong any more and everything that is held is acknowledged, what is live becomes what is
// desired.
func (s *simulation) ends() error {
	s.unknown, s.services, s.behind, s.readOnly = false, nil, false, false
	for cluster := range s.clusters {
		s.clusters[cluster] = asBefore
	}
	for range 4 * (len(s.overlays)*len(s.clusters) + len(s.apps) + 4) {
		world := s.world()
		if world.Unknown != "" {
			return nil
		}
		decision, err := admission.Decide(world)
		if err == nil && len(decision.Held)+len(decision.Going)+len(decision.Released)+len(decision.Waiting)+len(decision.Admitted) == 0 {
			break
		}
		if err == nil && decision.Digest != "" {
			s.remember(decision, desiredOf(world))
			s.annotate(admission.AcknowledgeAnnotation, decision.Digest)
			if slices.ContainsFunc(decision.Held, func(r admission.Removal) bool { return r.Ruling == admission.ByEmptying }) {
				// As the message says: a human deletes the Applications.
				for _, held := range decision.Held {
					s.apps[held.Application].Deleting = true
				}
			}
		}
		var refusal *admission.Refusal
		if errors.As(err, &refusal) && refusal.Digest != "" {
			// Where to acknowledge does not help, since the answer would be empty, a human deletes what is unreadable.
			for _, app := range s.apps {
				app.Deleting = app.Deleting || app.edited == unreadable && s.set.Annotations[admission.AcknowledgeAnnotation] == refusal.Digest
			}
			s.rememberRefused(refusal.Digest, world)
			s.annotate(admission.AcknowledgeAnnotation, refusal.Digest)
		}
		if err := s.poll(); err != nil {
			return err
		}
		s.settleAll()
	}
	want := map[string]bool{}
	for _, set := range s.world().Desired {
		want[set.Name] = true
	}
	for name := range s.apps {
		if !want[name] {
			return fmt.Errorf("%s never goes", name)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		return fmt.Errorf("%v never come", slices.Sorted(maps.Keys(want)))
	}
	return nil
}
