// Package protocol is Argo CD's plugin protocol as generated code: the messages, and the service that a plugin serves.
//
// Argo CD's own generated code is not used because its package brings Argo CD's and Kubernetes' clients with it, which
// cost 85 MB of resident memory. Nothing in here decides anything.
package protocol

// make protocol writes the generated files, with Debian's protobuf-compiler.
