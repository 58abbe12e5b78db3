package admission_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
)

func decide(t *testing.T, world admission.World) *admission.Decision {
	t.Helper()
	decision, err := admission.Decide(world)
	if err != nil {
		t.Fatal(err)
	}
	return decision
}

func TestAnAcknowledgementReleasesWhatWasHeldAndNothingElse(t *testing.T) {
	before := scene{overlays: both, clusters: two}
	after := scene{overlays: "api/staging api/production web/staging", clusters: two}
	further := scene{overlays: "api/staging web/staging", clusters: two}
	digest := decide(t, installed(t, before).now(after)).Digest
	for _, test := range []struct {
		name, given string
		scene       scene
		want        string
	}{
		{"exactly that", digest, after, `answer api-staging api-production web-staging
released web-production overlay-gone acknowledged
acknowledgement used`},
		{"among others", "0, " + digest, after, `answer api-staging api-production web-staging
released web-production overlay-gone acknowledged
acknowledgement used`},
		{"on lines", "0\n" + digest + "\n1", after, `answer api-staging api-production web-staging
released web-production overlay-gone acknowledged
acknowledgement used`},
		{"with commas alone", "0," + digest + ",1", after, `answer api-staging api-production web-staging
released web-production overlay-gone acknowledged
acknowledgement used`},
		{"another commit came in between", digest, scene{overlays: after.overlays, clusters: two, revision: "r2"}, `answer api-staging api-production web-staging
released web-production overlay-gone acknowledged
acknowledgement used`},
		{"one more would go", digest, further, `answer api-staging web-staging api-production web-production
held api-production overlay-gone protected
held web-production overlay-gone protected
acknowledgement spent`},
		{"it would go for another cause", digest, scene{overlays: after.overlays, clusters: two, input: inputOf("api")}, `answer api-staging api-production web-production web-staging
held web-production input-narrowed not-shown-by-git
held web-staging input-narrowed not-shown-by-git
acknowledgement spent`},
		{"nothing would go", digest, before, `answer api-staging api-production web-staging web-production
acknowledgement spent`},
		{"a guess", "yes", after, `answer api-staging api-production web-staging web-production
held web-production overlay-gone protected
acknowledgement spent`},
		{"while nothing is known", digest, scene{overlays: after.overlays, clusters: "s:tier=staging"}, `answer api-production api-staging web-production web-staging
doubt`},
	} {
		t.Run(test.name, func(t *testing.T) {
			argo := installed(t, before)
			argo.annotate(admission.AcknowledgeAnnotation, test.given)
			decision, err := admission.Decide(argo.now(test.scene))
			if diff := cmp.Diff(test.want, said(decision, err)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOneOfManyCanBeAcknowledgedAlone(t *testing.T) {
	argo := installed(t, scene{overlays: both, clusters: two})
	after := scene{overlays: "api/staging web/staging", clusters: two}
	held := decide(t, argo.now(after)).Held
	argo.annotate(admission.AcknowledgeAnnotation, held[0].Digest)
	decision, err := admission.Decide(argo.now(after))
	want := `answer api-staging web-staging web-production
held web-production overlay-gone protected
released api-production overlay-gone acknowledged
acknowledgement used`
	if diff := cmp.Diff(want, said(decision, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatWasTooMuchAtOnceDoesNotTrickleAway(t *testing.T) {
	argo := installed(t, scene{overlays: "a/staging b/staging c/staging d/staging", clusters: two})
	after := scene{overlays: "a/staging", clusters: two}
	decision := decide(t, argo.now(after))
	argo.annotate(admission.OverLimitAnnotation, decision.OverLimit)
	// Two of the three are acknowledged; what is left is no more than the limit.
	argo.annotate(admission.AcknowledgeAnnotation, decision.Held[0].Digest+","+decision.Held[1].Digest)
	argo.apply(decide(t, argo.now(after)), noon)
	delete(argo.apps, "b-staging")
	delete(argo.apps, "c-staging")
	argo.annotate(admission.AcknowledgeAnnotation, "")
	for _, step := range []struct {
		name  string
		scene scene
		want  string
	}{
		{"the rest of it", after, "answer a-staging d-staging\nheld d-staging overlay-gone limit"},
		{"its cluster is away meanwhile", scene{overlays: "a/staging", clusters: two, input: inputOf("a")}, "answer a-staging d-staging\nheld d-staging input-narrowed not-shown-by-git"},
		{"another one goes by itself", scene{overlays: "x/staging", clusters: two}, "answer x-staging d-staging\nheld d-staging overlay-gone limit\nreleased a-staging overlay-gone shown-by-git"},
		{"both come back", scene{overlays: "a/staging d/staging", clusters: two}, "answer a-staging d-staging"},
		{"it goes by itself after that", after, "answer a-staging\nreleased d-staging overlay-gone shown-by-git"},
	} {
		decision, err := admission.Decide(argo.now(step.scene))
		if diff := cmp.Diff(step.want, said(decision, err)); diff != "" {
			t.Errorf("%s, -want +got:\n%s", step.name, diff)
		}
		argo.annotate(admission.OverLimitAnnotation, decision.OverLimit)
	}
}

func TestWhatIsLetInAndNeverComesDoesNotKeepItsPlace(t *testing.T) {
	argo := installed(t, scene{overlays: "x/staging", clusters: two})
	after := scene{overlays: "a/staging b/staging c/staging x/staging", clusters: two}
	let := map[string]bool{}
	world := argo.now(after)
	world.Policy.Ramp = 1
	for range 4 {
		decision := decide(t, world)
		if len(decision.Admitted) != 1 || !decision.Next.After(world.Now) || decision.Next.Sub(world.Now) > world.Policy.SettleTimeout {
			t.Errorf("%v come, and again at %v", decision.Admitted, decision.Next)
		}
		let[decision.Admitted[0]] = true
		world.Now = decision.Next
	}
	if len(let) != 3 {
		t.Errorf("only these ever come: %v", let)
	}
}

func TestOneRemovalAfterTheOtherIsNotTooMany(t *testing.T) {
	argo := installed(t, scene{overlays: "a/staging b/staging c/staging", clusters: two})
	argo.apps["b-staging"].Deleting = true
	after := scene{overlays: "a/staging", clusters: two}
	decision := decide(t, argo.now(after))
	if diff := cmp.Diff("answer a-staging c-staging\nheld c-staging overlay-gone limit\ngoing b-staging", said(decision, nil)); diff != "" || decision.OverLimit != "" {
		t.Errorf("remembered %q, -want +got:\n%s", decision.OverLimit, diff)
	}
	delete(argo.apps, "b-staging")
	decision, err := admission.Decide(argo.now(after))
	if diff := cmp.Diff("answer a-staging\nreleased c-staging overlay-gone shown-by-git", said(decision, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAnAcknowledgementIsUselessOnceItsApplicationsAreGone(t *testing.T) {
	argo := installed(t, scene{overlays: both, clusters: two})
	after := scene{overlays: "api/staging api/production web/staging", clusters: two}
	argo.annotate(admission.AcknowledgeAnnotation, decide(t, argo.now(after)).Digest)
	argo.apply(decide(t, argo.now(after)), noon)
	for _, step := range []struct{ name, want string }{
		{"being deleted", "answer api-staging api-production web-staging\ngoing web-production\nacknowledgement spent"},
		{"deleted", "answer api-staging api-production web-staging\nacknowledgement spent"},
	} {
		decision, err := admission.Decide(argo.now(after))
		if diff := cmp.Diff(step.want, said(decision, err)); diff != "" {
			t.Errorf("%s, -want +got:\n%s", step.name, diff)
		}
		delete(argo.apps, "web-production")
	}
	argo.apply(decide(t, argo.now(scene{overlays: both, clusters: two})), noon)
	decision, err := admission.Decide(argo.now(after))
	want := `answer api-staging api-production web-staging web-production
held web-production overlay-gone protected
acknowledgement spent`
	if diff := cmp.Diff(want, said(decision, err)); diff != "" {
		t.Errorf("after it came back, -want +got:\n%s", diff)
	}
}

func TestADigestDoesNotDependOnOrder(t *testing.T) {
	world := installed(t, scene{overlays: both, clusters: two}).now(scene{overlays: both, clusters: two, platform: renamed})
	// Two take the place of one.
	more := world.Desired[slices.IndexFunc(world.Desired, func(s params.Set) bool { return s.Name == "api-staging-s" })]
	more.Name = "api-staging-t"
	world.Desired = append(world.Desired, more)
	first := decide(t, world)
	slices.Reverse(world.Live)
	slices.Reverse(world.Desired)
	if again := decide(t, world); again.Digest != first.Digest || !slices.Equal(again.Held, first.Held) {
		t.Errorf("%s %v, then %s %v", first.Digest, first.Held, again.Digest, again.Held)
	}
}

func TestWhatIsAcknowledgedStaysWhereTheAnswerWouldBeEmpty(t *testing.T) {
	before := scene{overlays: "api/staging", clusters: two}
	after := scene{overlays: "api/staging", clusters: two, platform: renamed}
	argo := installed(t, before)
	argo.annotate(admission.AcknowledgeAnnotation, decide(t, argo.now(after)).Digest)
	decision, err := admission.Decide(argo.now(after))
	want := `answer api-staging
held api-staging renamed empties
waiting api-staging-s predecessor api-staging
acknowledgement used`
	if diff := cmp.Diff(want, said(decision, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatIsNotAcknowledgedKeepsTheAnswerFromBeingEmpty(t *testing.T) {
	argo := installed(t, scene{overlays: "api/staging web/staging", clusters: two})
	after := scene{overlays: "api/staging web/staging", clusters: two, platform: renamed}
	argo.annotate(admission.AcknowledgeAnnotation, decide(t, argo.now(after)).Held[0].Digest)
	decision, err := admission.Decide(argo.now(after))
	want := `answer web-staging
held web-staging renamed not-shown-by-git
released api-staging renamed acknowledged
waiting api-staging-s predecessor api-staging
waiting web-staging-s predecessor web-staging
acknowledgement used`
	if diff := cmp.Diff(want, said(decision, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatLooksLikeAnotherRepositoryCanBeAcknowledged(t *testing.T) {
	argo := installed(t, scene{overlays: "web/staging", clusters: two})
	after := scene{overlays: "api/staging", clusters: two}
	argo.annotate(admission.AcknowledgeAnnotation, decide(t, argo.now(after)).Digest)
	decision, err := admission.Decide(argo.now(after))
	want := `answer api-staging
released web-staging overlay-gone acknowledged
acknowledgement used`
	if diff := cmp.Diff(want, said(decision, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAnAcknowledgementDoesNotLetAllElseGoByItself(t *testing.T) {
	argo := installed(t, scene{overlays: "web/staging web/production", clusters: two})
	after := scene{overlays: "api/staging", clusters: two}
	argo.annotate(admission.AcknowledgeAnnotation, decide(t, argo.now(after)).Digest)
	decision, err := admission.Decide(argo.now(after))
	want := `answer api-staging web-staging
held web-staging overlay-gone empties
released web-production overlay-gone acknowledged
acknowledgement used`
	if diff := cmp.Diff(want, said(decision, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAnAcknowledgementIsForOneSuccessorAndOneApplicationSet(t *testing.T) {
	argo := installed(t, scene{overlays: both, clusters: two})
	after := scene{overlays: both, clusters: two, platform: renamed}
	first := decide(t, argo.now(after))
	after.platform = strings.Replace(renamed, "-{cluster}", "-{cluster}-new", 1)
	if second := decide(t, argo.now(after)); second.Digest == first.Digest || second.Held[0].Digest == first.Held[0].Digest {
		t.Error("a rename to another name has the same digest")
	}
	after.platform = renamed
	argo.set.UID = "another"
	if second := decide(t, argo.now(after)); second.Digest == first.Digest || second.Held[0].Digest == first.Held[0].Digest {
		t.Error("a removal from another ApplicationSet has the same digest")
	}
}

// TestWhatAnEarlierVersionHasWrittenCanBeHeldByATemplateOfThisOne has a template that fails on any key that is missing.
func TestWhatAnEarlierVersionHasWrittenCanBeHeldByATemplateOfThisOne(t *testing.T) {
	after := scene{overlays: "api/staging api/production web/staging", clusters: two}
	full := marshalled(params.Set{Name: "web-production"})
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(full), &all); err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if slices.Contains([]string{"name", "project", "kind", "path", "cluster"}, key) {
			continue
		}
		t.Run(key, func(t *testing.T) {
			argo := installed(t, scene{overlays: both, clusters: two})
			app := argo.apps["web-production"]
			app.Parameters = without(t, app.Parameters, key)
			decision := decide(t, argo.now(after))
			held := string(decision.Parameters[len(decision.Parameters)-1])
			if !strings.HasPrefix(held, strings.TrimSuffix(app.Parameters, "}")+`,"`+key+`":`) {
				t.Errorf("more than %s is another than in\n%s\nanswered\n%s", key, app.Parameters, held)
			}
			if text := emptyTexts[key]; text != "" && !strings.Contains(held, `"`+key+`":`+text) {
				t.Errorf("%s is not %s in\n%s", key, text, held)
			}
			// Argo CD's own code makes an Application of it.
			if made := generated(held); made.Name != "web-production" {
				t.Errorf("%s", made.Name)
			}
			world := argo.now(after)
			world.Unknown = "never read"
			if doubtful := decide(t, world); !slices.ContainsFunc(doubtful.Parameters, func(p json.RawMessage) bool { return string(p) == held }) {
				t.Error("in doubt it is another")
			}
		})
	}
	t.Run("in the cluster", func(t *testing.T) {
		argo := installed(t, scene{overlays: both, clusters: two})
		app := argo.apps["web-production"]
		app.Parameters = strings.Replace(app.Parameters, `"labels":{"tier":"production"},`, "", 1)
		if !strings.Contains(app.Parameters, `"cluster":{"name":"eu","server":"https://eu"}`) {
			app.Parameters = strings.Replace(app.Parameters, `{"labels":{"tier":"production"},"name":"eu"`, `{"name":"eu"`, 1)
		}
		decision := decide(t, argo.now(after))
		held := string(decision.Parameters[len(decision.Parameters)-1])
		if !strings.Contains(held, `"cluster":{"name":"eu","server":"https://eu","labels":{}}`) {
			t.Errorf("of %s\nanswered\n%s", app.Parameters, held)
		}
	})
}

// emptyTexts are the values of which a templatePatch makes something only where they are JSON.
var emptyTexts = map[string]string{"pluginParameters": `"[]"`, "syncPolicy": `"{}"`, "ignoreDifferences": `"[]"`}

// without is an object without one of its keys.
func without(t *testing.T, object, key string) string {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &all); err != nil {
		t.Fatal(err)
	}
	if _, has := all[key]; !has {
		t.Fatalf("%s has no %s", object, key)
	}
	delete(all, key)
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAnUnreadableApplicationCanBeAcknowledged(t *testing.T) {
	argo := installed(t, scene{overlays: both, clusters: two})
	argo.apps["web-staging"].Parameters = "{"
	after := scene{overlays: "api/staging api/production web/production", clusters: two}
	_, err := admission.Decide(argo.now(after))
	refusal := err.(*admission.Refusal)
	if !strings.Contains(refusal.Message, refusal.Digest) || refusal.Digest == "" {
		t.Errorf("%q does not name the acknowledgement %q", refusal.Message, refusal.Digest)
	}
	argo.annotate(admission.AcknowledgeAnnotation, refusal.Digest)
	decision, err := admission.Decide(argo.now(after))
	want := `answer api-staging api-production web-production
released web-staging unreadable-annotation acknowledged
acknowledgement used`
	if diff := cmp.Diff(want, said(decision, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatIsHeldIsAnsweredByteForByte(t *testing.T) {
	world := installed(t, scene{overlays: both, clusters: two}).now(scene{overlays: "api/staging api/production web/staging", clusters: two})
	at := slices.IndexFunc(world.Live, func(a live.Application) bool { return a.Name == "web-production" })
	world.Live[at].Parameters = " " + strings.Replace(world.Live[at].Parameters, `"kind"`, `"later": {"a": [1, "}"]}, "kind"`, 1)
	decision := decide(t, world)
	if got := string(decision.Parameters[len(decision.Parameters)-1]); got != world.Live[at].Parameters {
		t.Errorf("answered\n%s\nfor\n%s", got, world.Live[at].Parameters)
	}
}

func TestAnEditedAnnotationCannotMoveAnApplicationToAnotherProject(t *testing.T) {
	for _, test := range []struct{ name, from, to string }{
		{"another project", `"project":"team"`, `"project":"admin"`},
		{"another project, in capitals", `"project":"team"`, `"project":"admin","PROJECT":"team"`},
		{"twice", `"project":"team"`, `"project":"admin","project":"team"`},
		{"escaped", `"project":"team"`, `"project":"admin","pro\u006aect":"team"`},
		{"a letter that folds", `"kind":"services"`, `"\u212aind":"services","kind":"cluster-config"`},
		{"the cluster, in capitals", `"server":`, `"SERVER":"https://other","server":`},
		{"null", `"namespace":"web-production"`, `"namespace":null`},
		{"a list", `"project":"team"`, `"project":["team"]`},
		{"no path", `"path":"services/web/overlays/production"`, `"path":""`},
		{"cut off", `"repoURL"`, `}`},
		{"a quote left open", `{"annotations":`, `{"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			after := scene{overlays: "api/staging api/production web/staging", clusters: two}
			world := installed(t, scene{overlays: both, clusters: two}).now(after)
			at := slices.IndexFunc(world.Live, func(a live.Application) bool { return a.Name == "web-production" })
			edited := strings.Replace(world.Live[at].Parameters, test.from, test.to, 1)
			if edited == world.Live[at].Parameters {
				t.Fatalf("%s has no %s", edited, test.from)
			}
			world.Live[at].Parameters = edited
			if got := said(admission.Decide(world)); got != "refused unreadable 409" {
				t.Error(got)
			}
			world.Unknown = "the repository cannot be read"
			if got := said(admission.Decide(world)); got != "refused unreadable 409" {
				t.Error(got)
			}
		})
	}
}
