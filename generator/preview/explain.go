package preview

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/strict"
)

// answered is what Argo CD's client makes of a failure that the server has answered with.
var answered = regexp.MustCompile(`(?s)API error with status code \d+: (.+)`)

var missingKey = regexp.MustCompile(`at <([^>]+)>: map has no entry for key "([^"]*)"`)

// explain says of a template that uses a key which is not there which key, and which was probably meant.
func explain(err error, application string) error {
	if said := answered.FindStringSubmatch(err.Error()); said != nil {
		return errors.New(said[1])
	}
	of := ""
	if application != "" {
		of = " of " + application
	}
	found := missingKey.FindStringSubmatch(err.Error())
	if found == nil {
		return fmt.Errorf("the Application%s cannot be computed: %w", of, err)
	}
	message := fmt.Sprintf("the template uses %s, and the parameter set%s has no %q", found[1], of, found[2])
	if found[1] == "."+found[2] || strings.HasPrefix(found[1], "."+found[2]+".") {
		return fmt.Errorf("%s; everything of it lies under .%s", message, params.Key)
	}
	if keys := keysBeside(found[1], found[2]); keys != nil {
		return fmt.Errorf("%s; %s", message, strict.Hint(found[2], keys))
	}
	return errors.New(message + "; where not all have it, use index, which gives nothing instead")
}

// keysBeside are the keys that a parameter set always has at the place of a key; nil where they differ between sets.
func keysBeside(expression, key string) []string {
	parts := strings.Split(strings.TrimPrefix(expression, "."), ".")
	at := slices.Index(parts, key)
	if at < 0 {
		return nil
	}
	var of reflect.Type
	switch strings.Join(parts[:at], ".") {
	case params.Key:
		of = reflect.TypeFor[params.Set]()
	case params.Key + ".cluster":
		of = reflect.TypeFor[params.Cluster]()
	default:
		return nil
	}
	return slices.Sorted(maps.Keys(strict.Fields(of)))
}
