package controlplane

import (
	"context"
	"errors"
	"net/http"
	"os"
)

// LoseGenerator ends the generator, and with it what it has of the repository, as an emptyDir goes with its Pod.
func (t *Tidegate) LoseGenerator(ctx context.Context) error {
	t.Generator.Stop(ctx, stopGrace)
	return os.RemoveAll(t.stack.mirror())
}

// StartUnreadGenerator starts the generator where it cannot read the repository, and waits until it answers: it is not
// ready, and a Service would send it nothing, unless every replica is so.
func (t *Tidegate) StartUnreadGenerator(ctx context.Context) error {
	if err := t.launchGenerator(); err != nil {
		return err
	}
	return t.run.until(ctx, "the generator answers", func(ctx context.Context) error {
		if err := get(ctx, http.DefaultClient, t.GeneratorURL+"/healthz"); err != nil {
			return err
		}
		if get(ctx, http.DefaultClient, t.GeneratorURL+"/readyz") == nil {
			return Never(errors.New("it has read the repository"))
		}
		return nil
	})
}
