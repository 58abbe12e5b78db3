//go:build !linux

package process

import "syscall"

// attributes give a program a group of its own, so that its children get its signals. Only Linux can end it with this
// process; elsewhere it is ended by a signal that this process handles.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// endingWith cannot do that here.
func endingWith(syscall.Signal) *syscall.SysProcAttr { return nil }
