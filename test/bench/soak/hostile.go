package main

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// threat is what one who means harm sends, and what the server says of it.
type threat struct {
	files []file
	says  string
	// archive is the files packed, once: it takes longer than some rounds do.
	archive []byte
}

// zeros are few bytes in an archive, and just fewer than a file may have that is kept.
var zeros = strings.Repeat("\x00", 15<<20)

// threats take memory, room or paths that are not theirs.
func threats(load Load) ([]threat, error) {
	room := cmpserver.Divide(int64(load.Memory) << 20).Tree
	all := []threat{
		{files: many(room/int64(len(zeros))+1, zeros), says: "unpacks to more than"},
		{files: []file{{hostileDir + "/kustomization.yaml", greedy(40)}, {hostileDir + "/settings.yaml", settings}}, says: "rendering was stopped, it needed more than"},
		{files: []file{{hostileDir + "/kustomization.yaml", "resources: [../../../../../etc/passwd]\n"}}, says: "passwd"},
		{files: []file{{hostileDir + "/kustomization.yaml", "resources: [settings.yaml]\n"}, {hostileDir + "/settings.yaml", laughs(9)}}, says: "alias"},
		{files: []file{{hostileDir + "/kustomization.yaml", "resources: [" + strings.Repeat("[", 100_000) + "\n"}}, says: "kustomization.yaml"},
	}
	for i, threat := range all {
		var err error
		if all[i].archive, err = pack(threat.files, 0); err != nil {
			return nil, err
		}
	}
	return all, nil
}

const (
	hostileDir = "services/hostile/overlay"
	settings   = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: a}\n"
)

// attackers is how many requests a hostile tenant always has under way.
const attackers = 4

// attacks sends all threats, one after the other, again and again, until it is to end.
func (s *soak) attacks(ctx context.Context, end <-chan struct{}, client protocol.ConfigManagementPluginServiceClient) error {
	group, ctx := errgroup.WithContext(ctx)
	for first := range attackers {
		group.Go(func() error {
			for n := first; ; n++ {
				if err := s.attack(ctx, client, s.threats[n%len(s.threats)]); err != nil {
					return err
				}
				select {
				case <-end:
					return nil
				default:
				}
			}
		})
	}
	return group.Wait()
}

// attack sends a threat, and wants it refused for what it is.
func (s *soak) attack(ctx context.Context, client protocol.ConfigManagementPluginServiceClient, threat threat) error {
	limited, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	manifests, err := send(limited, client, request{messages: messages(threat.archive, hostileDir, "hostile", "https://example.com/hostile")}, false)
	if err == nil || !strings.Contains(err.Error(), threat.says) {
		return fmt.Errorf("a hostile tenant got %.300q, %.1000v, want an error about %q", manifests, err, threat.says)
	}
	return s.add(repelled)
}

// many are so many files of the same content.
func many(n int64, content string) []file {
	out := make([]file, n)
	for i := range out {
		out[i] = file{fmt.Sprint(i), content}
	}
	return out
}

// greedy is a kustomization that doubles what it has, again and again.
func greedy(times int) string {
	out := "resources: [settings.yaml]\nreplacements:\n"
	for i := range times {
		out += fmt.Sprintf("- source: {kind: ConfigMap, name: settings, fieldPath: data}\n"+
			"  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.k%d], options: {create: true}}]\n", i)
	}
	return out
}

// laughs is an object of few bytes that its aliases make ten times larger with each line.
func laughs(lines int) string {
	out := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: laughs}\nx0: &x0 [ha]\n"
	for i := range lines {
		out += fmt.Sprintf("x%d: &x%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i), 10), ", "))
	}
	return out
}
