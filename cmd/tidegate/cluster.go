package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidegate/tidegate/cmd/internal/cli"
	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/incluster"
	"github.com/tidegate/tidegate/generator/informer"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/mirror"
	"github.com/tidegate/tidegate/generator/mirror/credentials"
	"github.com/tidegate/tidegate/generator/server"
	"github.com/tidegate/tidegate/generator/supersede"
)

// clusterFlags are those of a generator beside Argo CD.
type clusterFlags struct {
	options    incluster.Options
	kubeconfig string
	supersede  bool
	grace      time.Duration
	never      []string
}

func (f *clusterFlags) register(command *cobra.Command) {
	flags, o, defaults := command.Flags(), &f.options, admission.DefaultPolicy()
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "how to reach the cluster of Argo CD (default: as a pod in it)")
	flags.StringVar(&o.Namespace, "namespace", "argocd", "Argo CD's namespace")
	flags.StringSliceVar(&o.ConfigMaps, "config-map", []string{live.DefaultConfigMap}, "the ConfigMap by which ApplicationSets refer to this generator; may be repeated")
	flags.DurationVar(&o.Stale, "stale-after", informer.DefaultLimit, "how long nothing may be heard from the API server before everything stays as it is")

	flags.IntVar(&o.Policy.RemovalCount, "removal-limit", defaults.RemovalCount, "how many Applications of an ApplicationSet may go at once without being acknowledged")
	flags.IntVar(&o.Policy.RemovalShare, "removal-share", defaults.RemovalShare, "the same as a percentage of its Applications; the larger one counts")
	flags.DurationVar(&o.Policy.Confirmation, "removal-confirmation", defaults.Confirmation, "how long after an Application was made the repository must have been seen at its newest to tell that its overlay is gone")
	flags.StringSliceVar(&o.Policy.Protected, "protected-environment", defaults.Protected, "the environment in which nothing goes without being acknowledged; may be repeated, and replaces the default; none protects nothing")
	flags.IntVar(&o.Policy.Ramp, "ramp", defaults.Ramp, "how many new Applications of an environment may be unsettled at once; 0 is any number")
	flags.DurationVar(&o.Policy.SettleTimeout, "settle-timeout", defaults.SettleTimeout, "how long a new Application may take to settle before others do not wait for it any more")

	flags.BoolVar(&o.Push, "push", true, "have Argo CD ask as soon as its answer would be another")
	flags.StringVar(&o.Mirror.URL, "repo-url", "", "the config repository, as Argo CD knows it, to be mirrored; without it --repo-dir is read")
	f.registerMirror(command)
}

// registerMirror registers what only a generator with a mirror of its own can do.
func (f *clusterFlags) registerMirror(command *cobra.Command) {
	flags, o := command.Flags(), &f.options
	flags.StringVar(&o.Mirror.Dir, "mirror-dir", "/var/lib/tidegate/mirror", "the folder of the mirror")
	flags.DurationVar(&o.Mirror.Interval, "fetch-interval", mirror.DefaultInterval, "how often the repository is fetched; a webhook has it fetched at once")
	flags.DurationVar(&o.Mirror.Timeout, "fetch-timeout", mirror.DefaultTimeout, "how long a fetch may take, the first one included")
	flags.Int64Var(&o.Mirror.SizeLimit, "mirror-max-bytes", mirror.DefaultSizeLimit, "how large the mirror may be")
	flags.BoolVar(&o.Mirror.AllowHTTP, "allow-http", false, "let the repository be read without TLS")
	flags.StringSliceVar(&o.Mirror.Accept, "accept-revision", nil, "a commit that is the truth although the branch was rewritten or emptied; may be repeated")
	flags.BoolVar(&o.VerifySignatures, "verify-signatures", false, "accept only commits signed with a key of argocd-gpg-keys-cm")
	flags.StringVar(&o.RepositoryProject, "repo-project", "", "the AppProject whose repository Secrets may be used besides those of none")

	flags.BoolVar(&f.supersede, "supersede", true, "end syncs that only wait for what a newer commit has replaced, and start the newer one's where Argo CD does not")
	flags.DurationVar(&f.grace, "supersede-grace", supersede.DefaultGrace, "how long a sync must have waited without progress to be ended")
	flags.StringSliceVar(&f.never, "supersede-never", nil, "an environment in which no sync is ended or started; may be repeated")
}

// given is a flag of those that are registered that was given, on the command line or by its variable; empty for none.
func given(command *cobra.Command, register func(*clusterFlags, *cobra.Command)) (name string) {
	own := &cobra.Command{}
	register(&clusterFlags{}, own)
	own.Flags().VisitAll(func(flag *pflag.Flag) {
		if set := command.Flags().Lookup(flag.Name); set != nil && set.Changed {
			name = "--" + flag.Name
		}
	})
	return name
}

// serveCluster serves beside Argo CD.
func (f *generatorFlags) serveCluster(ctx context.Context, c *cobra.Command, options server.Options) error {
	if unused := given(c, (*clusterFlags).registerMirror); unused != "" && f.cluster.options.Mirror.URL == "" {
		return cli.Usage(fmt.Errorf("%s needs a mirror: name the repository with --repo-url", unused))
	}
	o, err := f.cluster.complete(f.from)
	if err != nil {
		return err
	}
	o.Log, o.AnswerTime = options.Log, f.limits.Answer
	// What client-go complains of, an Event that may not be written among it, stands in the log with all else.
	klog.SetSlogLogger(o.Log)
	generator, err := incluster.New(o)
	if err != nil {
		return err
	}
	options.Answerer, options.Why, options.Doubts = generator.Guard, generator.Why, generator.Doubts
	options.Collectors = []prometheus.Collector{generator.Registry}
	if hook := generator.Webhook(); hook != nil {
		options.Webhook = hook
	}
	// What answers are made from is read until the last answer has been given.
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	serving, end := context.WithCancel(ctx)
	defer end()
	ran := make(chan error, 1)
	go func() {
		defer end()
		ran <- generator.Run(reading)
	}()
	err = f.serve(serving, options)
	stop()
	return errors.Join(err, <-ran, generator.Close())
}

// complete is what the flags say.
func (f *clusterFlags) complete(from sources) (incluster.Options, error) {
	o := f.options
	if err := o.Policy.Check(); err != nil {
		return o, cli.Usage(err)
	}
	var err error
	if o.Config, err = f.config(); err != nil {
		return o, cli.Usage(fmt.Errorf("which cluster is Argo CD in? Use --kubeconfig, or --clusters-file for none: %w", err))
	}
	if f.grace <= 0 {
		return o, cli.Usage(fmt.Errorf("--supersede-grace is %s: want more than 0, or every sync that waits is ended at once", f.grace))
	}
	if f.supersede {
		off := map[string]bool{}
		for _, environment := range f.never {
			off[environment] = true
		}
		o.Supersede = &supersede.Policy{Grace: f.grace, Off: off}
	}
	host, err := os.Hostname()
	if err != nil {
		return o, err
	}
	o.Identity = host + "_" + string(uuid.NewUUID())
	if o.Mirror.URL != "" {
		if from.repoDir != "." {
			return o, cli.Usage(fmt.Errorf("--repo-url has %s mirrored, and --repo-dir has %s read: leave one of them out", credentials.Shown(o.Mirror.URL), from.repoDir))
		}
		o.Mirror.Branch = from.revision
		return o, nil
	}
	if from.repoDir == "." {
		return o, cli.Usage(errors.New("--repo-url is missing: which repository is mirrored? --repo-dir reads a folder that somebody else keeps up to date"))
	}
	o.Source, err = catalog.Open(from.repoDir, from.revision)
	return o, cli.Usage(err)
}

func (f *clusterFlags) config() (*rest.Config, error) {
	if f.kubeconfig == "" {
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags("", f.kubeconfig)
}
