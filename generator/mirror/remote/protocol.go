package remote

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
)

// asked are the capabilities that are made use of, where the server has them. go-git's own client does without
// multi_ack_detailed, which Azure DevOps insists on.
var asked = []capability.Capability{capability.MultiACKDetailed, capability.Sideband64k, capability.OFSDelta, capability.NoProgress}

// request writes what is wanted and what is there in one go: it suits a stateless server, and needs no second round trip.
func request(refs *packp.AdvRefs, want plumbing.Hash, have []plumbing.Hash) ([]byte, error) {
	var out bytes.Buffer
	line := pktline.NewEncoder(&out)
	capabilities := []string{"agent=tidegate"}
	for _, c := range asked {
		if refs.Capabilities.Supports(c) {
			capabilities = append(capabilities, string(c))
		}
	}
	if err := line.Encodef("want %s %s\n", want, strings.Join(capabilities, " ")); err != nil {
		return nil, err
	}
	if err := line.Flush(); err != nil {
		return nil, err
	}
	for _, hash := range have {
		if err := line.Encodef("have %s\n", hash); err != nil {
			return nil, err
		}
	}
	err := line.EncodeString("done\n")
	return out.Bytes(), err
}

// response skips the acknowledgements, and returns the pack that follows.
func response(refs *packp.AdvRefs, from io.Reader) (io.Reader, error) {
	scanner := pktline.NewScanner(from)
	for scanner.Scan() {
		words := strings.Fields(string(scanner.Bytes()))
		switch {
		case len(words) == 1 && words[0] == "NAK", len(words) == 2 && words[0] == "ACK":
			if refs.Capabilities.Supports(capability.Sideband64k) {
				return sideband.NewDemuxer(sideband.Sideband64k, from), nil
			}
			return from, nil
		case len(words) == 3 && words[0] == "ACK":
		default:
			return nil, fmt.Errorf("the server answers %.100q where it should acknowledge commits", scanner.Bytes())
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	return nil, io.ErrUnexpectedEOF
}

// limited ends a stream with an error, where io.LimitReader would end it as if it were complete.
type limited struct {
	from io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// ErrTooLarge says that a server sent more than it may.
var ErrTooLarge = fmt.Errorf("the repository is larger than the limit of the mirror")
