// Package protocol is Argo CD's plugin protocol as generated code: the messages, and the service that a plugin serves.
//
// Argo CD's own generated code is not used because its package brings Argo CD's and Kubernetes' clients with it, which
// cost 85 MB of resident memory. Nothing in here decides anything.
package protocol

// The versions are those of google.golang.org/protobuf and google.golang.org/grpc in go.mod; protoc is Debian's
// protobuf-compiler. protoc runs at the module's root, so that the file is registered under its path in this module and
// not under a name that another program linked into the same test may use.
//
//go:generate sh -ec "cd ../../..; d=$(mktemp -d); GOBIN=$d go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.5 google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.5.1; PATH=$d:$PATH protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative plugin/cmpserver/protocol/plugin.proto"
