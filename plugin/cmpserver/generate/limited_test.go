package generate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
)

// leaving is the context of a client that goes away when it has been looked at once: as it enters the queue.
type leaving struct {
	context.Context
	looked bool
}

func (l *leaving) Err() error {
	if l.looked {
		return context.Canceled
	}
	l.looked = true
	return nil
}

// asked is a generator that counts how often it was asked.
type asked int

func (a *asked) Generate(context.Context, generate.Request) (generate.Result, error) {
	*a++
	return generate.Result{}, nil
}

func TestNothingIsRenderedForAClientThatWentAwayWhileItWaited(t *testing.T) {
	var next asked
	limited := &generate.Limited{Next: &next, Queue: generate.NewQueue(1)}
	_, err := limited.Generate(&leaving{Context: t.Context()}, generate.Request{})
	if !errors.Is(err, context.Canceled) || next != 0 {
		t.Errorf("got %v; %d renders were begun", err, next)
	}
	// Its place is free again.
	if _, err := limited.Generate(t.Context(), generate.Request{}); err != nil || next != 1 {
		t.Errorf("the next one got %v; %d renders were begun", err, next)
	}
	if all, _ := limited.Running(); all != 0 {
		t.Errorf("%d run", all)
	}
}

// endless is a generator that answers when it is stopped, or at once where the folder says so.
type endless struct{ begun chan string }

func (e endless) Generate(ctx context.Context, request generate.Request) (generate.Result, error) {
	e.begun <- request.Asker
	if request.Dir == "quick" {
		return generate.Result{}, nil
	}
	if after, ok := strings.CutPrefix(request.Dir, "fails after "); ok {
		wait, err := time.ParseDuration(after)
		time.Sleep(wait) // the bubble's clock
		return generate.Result{}, errors.Join(err, errors.New("a mistake in the files"))
	}
	<-ctx.Done()
	return generate.Result{}, ctx.Err()
}

func TestWhoDidNotComeToAnEndBeforeGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := endless{make(chan string, 20)}
		limited := &generate.Limited{Next: next, Queue: generate.NewQueue(1), Patience: 10 * time.Second}
		errs := make(chan error, 20)
		ask := func(app, dir string, deadline time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			go func() {
				defer cancel()
				_, err := limited.Generate(ctx, generate.Request{Tenant: "one", Asker: app, Dir: dir})
				errs <- err
			}()
			synctest.Wait()
		}
		ended := func() error { synctest.Wait(); return <-errs }
		// Alone, or for the first time, it has all the time that there is.
		ask("slow", "endless", time.Minute)
		ask("other", "quick", 2*time.Minute)
		if err := ended(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the first time it got %v", err)
		}
		if err := ended(); err != nil {
			t.Error(err)
		}
		begun := time.Now()
		ask("slow", "endless", time.Minute)
		if err := ended(); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Minute {
			t.Errorf("while nobody waited it got %v after %v", err, time.Since(begun))
		}
		// Then it keeps nobody waiting, also not those who come after it. All times are of the bubble's clock.
		begun = time.Now()
		ask("slow", "endless", time.Minute)
		ask("slow", "endless", time.Minute)
		ask("other", "quick", time.Minute)
		var gaveWay *generate.GaveWayError
		if err := ended(); !errors.As(err, &gaveWay) || time.Since(begun) > 11*time.Second || !strings.HasPrefix(err.Error(), "endless: rendering was stopped") {
			t.Errorf("while others waited it got %v after %v", err, time.Since(begun))
		}
		if err := ended(); err != nil {
			t.Error(err)
		}
		if err := ended(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while nobody waited any more it got %v", err)
		}
		close(next.begun)
		var order []string
		for app := range next.begun {
			order = append(order, app)
		}
		if want := []string{"slow", "other", "slow", "slow", "other", "slow"}; !slices.Equal(order, want) {
			t.Errorf("they were begun in the order %v, want %v", order, want)
		}
	})
}

func TestWhoCameToAnEndIsNotTakenForSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := endless{make(chan string, 20)}
		limited := &generate.Limited{Next: next, Queue: generate.NewQueue(1), Patience: time.Second}
		ask := func(dir string, deadline time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			_, err := limited.Generate(ctx, generate.Request{Tenant: "one", Asker: "app", Dir: dir})
			return err
		}
		// It failed at once, or late for what is wrong with its files, or came to an end after all.
		for _, before := range []func() error{
			func() error { return ask("endless", time.Millisecond) },
			func() error { return ask("fails after 20s", time.Minute) },
			func() error { return errors.Join(ask("endless", time.Minute), ask("quick", time.Minute)) },
		} {
			_ = before()
			waits := make(chan error)
			go func() { waits <- ask("endless", time.Minute) }()
			synctest.Wait()
			other := make(chan error)
			go func() {
				_, err := limited.Generate(t.Context(), generate.Request{Tenant: "two", Dir: "quick"})
				other <- err
			}()
			begun := time.Now()
			if err := <-waits; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it got %v after %v", err, time.Since(begun))
			}
			if err := <-other; err != nil {
				t.Error(err)
			}
			if err := ask("quick", time.Minute); err != nil {
				t.Error(err)
			}
		}
	})
}

// timed is a generator that takes so long, and none where it knows the answer.
type timed struct {
	took *time.Duration
	from generate.Source
}

func (g timed) Generate(context.Context, generate.Request) (generate.Result, error) {
	time.Sleep(*g.took) // the bubble's clock
	if *g.took == 0 {
		return generate.Result{From: generate.FromCache}, nil
	}
	return generate.Result{From: g.from}, nil
}

func TestWhoWasOverdueIsRenderedInAnotherProcessUntilThatIsQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took time.Duration
		here := &generate.Limited{Next: timed{&took, generate.FromRender}, Queue: generate.NewQueue(1), Hold: 10 * time.Second, MaxOverdue: 2}
		child := &generate.Limited{
			Next: timed{&took, generate.FromChild}, Queue: generate.NewQueue(1), Patience: 10 * time.Second, Quick: here.Forget,
		}
		e := generate.Escalating{InProcess: here, InChild: child}
		slow := generate.Request{Tenant: "one", Asker: "slow"}
		for i, step := range []struct {
			request generate.Request
			took    time.Duration
			want    generate.Source
		}{
			{slow, 11 * time.Second, generate.FromRender}, // nobody knows it yet
			{generate.Request{Tenant: "one", Asker: "other"}, time.Second, generate.FromRender},
			{generate.Request{Tenant: "two", Asker: "slow"}, time.Second, generate.FromRender},
			{slow, 11 * time.Second, generate.FromChild},
			{slow, 0, generate.FromCache}, // which says nothing of a render
			{slow, 9 * time.Second, generate.FromChild},
			{slow, 9 * time.Second, generate.FromRender}, // it was quick
			{slow, 11 * time.Second, generate.FromRender},
		} {
			took = step.took
			if got, err := e.Generate(t.Context(), step.request); err != nil || got.From != step.want {
				t.Errorf("request %d came from %s, %v, want %s", i, got.From, err, step.want)
			}
		}
		if _, err := here.Generate(t.Context(), slow); !errors.Is(err, generate.ErrTooMuch) || !strings.Contains(err.Error(), "it took more than 10s before") {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhoIsSlowGivesWayToNobodyWhoIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := endless{make(chan string, 20)}
		limited := &generate.Limited{Next: next, Queue: generate.NewQueue(1), Patience: 10 * time.Second}
		ask := func(app string) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := limited.Generate(ctx, generate.Request{Tenant: "one", Asker: app, Dir: "endless"})
			return err
		}
		_, _ = ask("a"), ask("b")
		begun, first := time.Now(), make(chan error)
		go func() { first <- ask("a") }()
		synctest.Wait()
		go func() { _ = ask("b") }()
		if err := <-first; !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Minute {
			t.Errorf("it got %v after %v", err, time.Since(begun))
		}
	})
}

// TestATreeIsHeldWhileItIsRendered: a render in this process may go on for a while after everybody has left.
func TestATreeIsHeldWhileItIsRendered(t *testing.T) {
	same := tree(t, files)
	synctest.Test(t, func(t *testing.T) {
		goesOn := make(chan struct{})
		shared := generate.NewShared(stubborn(goesOn))
		holds, released := 0, 0
		r := request(same, "app")
		r.Hold = func() func() {
			holds++
			return func() { released++ }
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := shared.Generate(ctx, r); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := fmt.Sprint(holds, released); got != "1 0" {
			t.Errorf("held and released while it goes on: %s", got)
		}
		close(goesOn)
		synctest.Wait()
		if got := fmt.Sprint(holds, released); got != "1 1" {
			t.Errorf("held and released when it is over: %s", got)
		}
	})
}

func TestARenderThatDoesNotEndIsToldWhenNobodyWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goesOn := make(stubborn)
		l := &generate.Limited{Next: goesOn, Queue: generate.NewQueue(1), Hold: 10 * time.Second, MaxOverdue: 2}
		begin := time.Now()
		ctx, leave := context.WithCancel(t.Context())
		for _, dir := range []string{"first", "second"} {
			go func() {
				if _, err := l.Generate(ctx, generate.Request{Tenant: dir, Asker: "argocd/" + dir, Dir: dir}); err != nil {
					t.Error(err)
				}
			}()
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		if _, overdue := l.Running(); overdue != 2 {
			t.Errorf("%d are overdue", overdue)
		}
		if endless := l.Endless(0); endless != nil {
			t.Errorf("while somebody waits for it: %v", endless)
		}
		leave()
		if endless := l.Endless(2*time.Minute + time.Second); endless != nil {
			t.Errorf("too soon: %v", endless)
		}
		if got := l.Endless(2 * time.Minute); got == nil || *got != (generate.EndlessError{Asker: "argocd/first", Dir: "first", Since: begin}) {
			t.Errorf("got %+v", got)
		}
		close(goesOn)
		synctest.Wait()
		if _, overdue := l.Running(); overdue != 0 || l.Endless(0) != nil {
			t.Errorf("when all is over %d are overdue, and %v", overdue, l.Endless(0))
		}
	})
}

// stubborn is a generator that does not look at its context.
type stubborn chan struct{}

func (s stubborn) Generate(context.Context, generate.Request) (generate.Result, error) {
	<-s
	return generate.Result{}, nil
}
