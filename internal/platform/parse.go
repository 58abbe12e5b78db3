package platform

import (
	"github.com/tidegate/tidegate/internal/strict"
)

// Parse reads tidegate.yaml strictly. The error lists everything that is wrong, a line each: the file, the line, the
// field, and the field that was probably meant.
func Parse(file string, data []byte) (*Platform, error) {
	documents, err := strict.Documents(file, data)
	switch {
	case err != nil:
		return nil, err
	case len(documents) == 0:
		return nil, strict.Errors{{File: file, Message: "is empty; it begins with apiVersion: " + APIVersion + " and kind: " + Kind}}
	case len(documents) > 1:
		documents[1].Add("", "is a second document; a platform is one")
		return nil, documents[1].Errors
	}
	document := documents[0]
	if kind := document.Text("kind"); kind != Kind {
		document.Add("kind", "is %q; want %s", kind, Kind)
	}
	if version := document.Text("apiVersion"); version != APIVersion {
		document.Add("apiVersion", "is %q; this version of Tidegate reads %s", version, APIVersion)
	}
	if len(document.Errors) > 0 {
		return nil, document.Errors
	}
	platform := new(Platform)
	if err := document.Decode(platform); err != nil {
		return nil, err
	}
	check{document}.platform(platform)
	if len(document.Errors) > 0 {
		return nil, document.Errors
	}
	return platform, nil
}
