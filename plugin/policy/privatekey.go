package policy

import (
	"slices"
	"strconv"
	"strings"
)

func privateKeys(run *run) {
	for _, object := range run.objects {
		if object.Kind() != "ConfigMap" || object.Group() != "" {
			continue
		}
		data := object.Map("data")
		var keys []string
		for key, value := range data {
			if text, _ := value.(string); hasPrivateKey(text) {
				keys = append(keys, key)
			}
		}
		if len(keys) == 0 {
			continue
		}
		allowed, refused := exemption(object)
		if allowed {
			continue
		}
		slices.Sort(keys)
		for _, key := range keys {
			run.report(object, "data["+strconv.Quote(cut(key))+"]", "{refused}", refused)
		}
	}
}

// hasPrivateKey finds a PEM header and the first line of a key's base64 behind it. Headers of encrypted keys
// ("Proc-Type: 4,ENCRYPTED") are letters too, so they count.
func hasPrivateKey(text string) bool {
	const end = "PRIVATE KEY-----"
	for {
		_, after, found := strings.Cut(text, "-----BEGIN ")
		if !found {
			return false
		}
		text = after
		label, body, found := strings.Cut(after, "-----")
		if !found || !strings.HasSuffix(label+"-----", end) {
			continue
		}
		body = strings.TrimLeft(body, " \t\r\n")
		if strings.HasPrefix(body, "Proc-Type:") || base64Prefix(body) >= 32 {
			return true
		}
	}
}

func base64Prefix(s string) int {
	n := strings.IndexFunc(s, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '+' && r != '/'
	})
	if n < 0 {
		return len(s)
	}
	return n
}
