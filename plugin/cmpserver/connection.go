package cmpserver

import (
	"context"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
)

// plain are the credentials of a unix socket, which are none: its folder is shared with repo-server alone. They are where gRPC
// lets a server see its connections; a stats.Handler would be told of each message, of which a stream has thousands.
type plain struct {
	credentials.TransportCredentials
}

func newPlain() credentials.TransportCredentials { return plain{insecure.NewCredentials()} }

// ServerHandshake exchanges nothing.
func (plain) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	ctx, cancel := context.WithCancel(context.Background())
	return connection{conn, cancel}, lifetime{credentials.CommonAuthInfo{SecurityLevel: credentials.NoSecurity}, ctx}, nil
}

// Clone makes others of the same.
func (plain) Clone() credentials.TransportCredentials { return newPlain() }

// connection says when gRPC has done with it.
type connection struct {
	net.Conn
	ended context.CancelFunc
}

func (c connection) Close() error {
	c.ended()
	return c.Conn.Close()
}

// lifetime is how long a connection is there.
type lifetime struct {
	credentials.CommonAuthInfo
	ctx context.Context
}

// AuthType is what gRPC calls credentials that are none.
func (lifetime) AuthType() string { return "insecure" }

// whenDisconnected has f called, in a goroutine of its own, when the connection of a request has ended, unless stop is called
// before. Where no connection is, it is never called.
func whenDisconnected(ctx context.Context, f func()) (stop func() bool) {
	if from, ok := peer.FromContext(ctx); ok {
		if info, ok := from.AuthInfo.(lifetime); ok {
			return context.AfterFunc(info.ctx, f)
		}
	}
	return func() bool { return true }
}
