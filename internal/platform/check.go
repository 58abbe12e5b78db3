package platform

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tidegate/tidegate/internal/strict"
)

// check looks for what the types of a document cannot tell.
type check struct{ *strict.Document }

func (c check) platform(p *Platform) {
	c.application("defaults", p.Defaults)
	if len(p.Environments) == 0 {
		c.Add("environments", "has no environment; without one there are no Applications")
	}
	first := map[string]int{}
	for i, environment := range p.Environments {
		at := fmt.Sprintf("environments[%d]", i)
		c.environment(at, environment, p.Defaults)
		if line, again := first[environment.Name]; again {
			c.Add(at+".name", "%s is in line %d already", environment.Name, line)
			continue
		}
		first[environment.Name] = c.Line(at + ".name")
	}
	if p.ClusterConfig != nil {
		c.clusterConfig(*p.ClusterConfig, p.Defaults)
	}
	c.sharedFolders("sharedFolders", p.SharedFolders, nil)
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		c.service("services."+name, name, p)
	}
}

func (c check) environment(at string, e Environment, defaults Application) {
	c.label(at+".name", e.Name)
	if !c.Has(at + ".clusterSelector") {
		c.Add(at, "clusterSelector is missing; {} picks every cluster")
	}
	c.selector(at+".clusterSelector", &e.ClusterSelector)
	c.rule(at+".applicationName", e.ApplicationName, "{service}", "{environment}", "{cluster}")
	c.batches(at+".batches", e.Batches)
	c.application(at, e.Application)
	c.source(at, merge(defaults, e.Application))
}

func (c check) clusterConfig(config ClusterConfig, defaults Application) {
	c.rule("clusterConfig.applicationName", config.ApplicationName, "{cluster}")
	c.application("clusterConfig", config.Application)
	merged := merge(defaults, config.Application)
	c.source("clusterConfig", merged)
	if merged.Project == "" {
		c.Add("clusterConfig", "project is missing; say it here or in defaults")
	}
}

// source looks for what Argo CD cannot do without.
func (c check) source(at string, a Application) {
	if a.RepoURL == "" {
		c.Add(at, "repoURL is missing; say it here or in defaults")
	}
	if a.TargetRevision == "" {
		c.Add(at, "targetRevision is missing; say it here or in defaults")
	}
}

func (c check) service(at, name string, p *Platform) {
	service := p.Services[name]
	c.label(at, name)
	c.sharedFolders(at+".sharedFolders", service.SharedFolders, p.SharedFolders)
	c.application(at, service.Application)
	for _, environment := range slices.Sorted(maps.Keys(service.Environments)) {
		inside := at + ".environments." + environment
		if p.Environment(environment) == nil {
			c.Add(inside, "there is no such environment; %s", strict.Hint(environment, p.environmentNames()))
		}
		c.application(inside, service.Environments[environment])
	}
}

// label checks what becomes part of the name of an Application, and a label's value.
func (c check) label(field, name string) {
	for _, problem := range validation.IsDNS1123Label(name) {
		c.Add(field, "%q cannot be used: %s", name, problem)
	}
}

func (c check) selector(field string, selector *metav1.LabelSelector) {
	if _, err := metav1.LabelSelectorAsSelector(selector); err != nil {
		c.Add(field, "%v", err)
	}
}

// rule checks a naming rule: it must contain the first placeholder and no other than these.
func (c check) rule(field, rule string, placeholders ...string) {
	if rule == "" {
		return
	}
	rest := rule
	for _, placeholder := range placeholders {
		rest = strings.ReplaceAll(rest, placeholder, "x")
	}
	if start := strings.IndexAny(rest, "{}"); start >= 0 {
		unknown, _, _ := strings.Cut(rest[start:], "}")
		c.Add(field, "there is no placeholder %s; %s", unknown+"}", strict.Hint(unknown+"}", placeholders))
		return
	}
	if !strings.Contains(rule, placeholders[0]) {
		c.Add(field, "must contain %s, or all Applications would have the same name", placeholders[0])
		return
	}
	for _, problem := range validation.IsDNS1123Subdomain(rest) {
		c.Add(field, "makes no name of an Application: %s", problem)
	}
}

func (c check) batches(field string, batches []Batch) {
	first, shares := map[string]bool{}, 0
	for i, batch := range batches {
		at := fmt.Sprintf("%s[%d]", field, i)
		c.label(at+".name", batch.Name)
		if first[batch.Name] {
			c.Add(at+".name", "there are two batches %s", batch.Name)
		}
		first[batch.Name] = true
		rest := batch.ClusterSelector == nil && batch.Share == ""
		switch last := i == len(batches)-1; {
		case batch.ClusterSelector != nil && batch.Share != "":
			c.Add(at, "has a clusterSelector and a share; make it two batches")
		case last && !rest:
			c.Add(at, "is the last batch and takes what is left: without clusterSelector, without share")
		case rest && !last:
			c.Add(at, "takes all, and leaves nothing to those after it: give it a clusterSelector or a share")
		}
		if batch.ClusterSelector != nil {
			c.selector(at+".clusterSelector", batch.ClusterSelector)
		}
		if batch.MaxUpdate != "" && !maxUpdate.MatchString(batch.MaxUpdate) {
			c.Add(at+".maxUpdate", "want a number or a share, such as 2 or 25%%, not %q", batch.MaxUpdate)
		}
		if batch.Share != "" {
			percent, err := Percent(batch.Share)
			if err != nil {
				c.Add(at+".share", "%v", err)
			}
			shares += percent
		}
	}
	if shares > 100 {
		c.Add(field, "the shares add up to %d%%", shares)
	}
}

// maxUpdate is what a batch's maxUpdate looks like.
var maxUpdate = regexp.MustCompile(`^[0-9]+$|^([0-9]|[1-9][0-9]|100)%$`)

// Percent reads a share: 10%.
func Percent(share string) (int, error) {
	digits, found := strings.CutSuffix(share, "%")
	percent, err := strconv.Atoi(digits)
	if err != nil || !found || percent < 1 || percent > 100 {
		return 0, fmt.Errorf("want a share from 1%% to 100%%, not %q", share)
	}
	return percent, nil
}

// sharedFolders checks that no folder holds another, nor a service: an Application would name one of them twice.
func (c check) sharedFolders(field string, folders, others []string) {
	known := slices.Clone(others)
	for i, folder := range folders {
		at := fmt.Sprintf("%s[%d]", field, i)
		switch clean := path.Clean(folder); {
		case clean != folder || folder == "." || path.IsAbs(folder) || strings.HasPrefix(folder, "../") || folder == "..":
			c.Add(at, "%q is not a folder of the repository; write it relative to the root: components/common", folder)
		case strings.ContainsAny(folder, ";\n*?[\\"):
			c.Add(at, "%q: Argo CD's annotation manifest-generate-paths cannot hold ; or a pattern", folder)
		case folder == ServicesFolder || within(folder, ServicesFolder):
			c.Add(at, "%q: every folder below %s is a service; a shared one lies elsewhere", folder, ServicesFolder)
		}
		for _, other := range known {
			if folder == other || within(folder, other) || within(other, folder) {
				c.Add(at, "%q and %q lie in one another; name the outer one", folder, other)
			}
		}
		known = append(known, folder)
	}
}

func within(inner, outer string) bool { return strings.HasPrefix(inner, outer+"/") }
