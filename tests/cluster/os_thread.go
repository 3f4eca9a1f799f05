package main

import (
	"runtime"
)

// osThread is an OS thread that lives as long as the program. It starts all
// children: a parent-death signal is bound to the forking thread, and only this
// thread and its children are in the node's namespaces.
type osThread struct {
	work chan func()
}

func newOSThread() *osThread {
	t := &osThread{work: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for f := range t.work {
			f()
		}
	}()
	return t
}

func (t *osThread) do(f func() error) error {
	done := make(chan error)
	t.work <- func() { done <- f() }
	return <-done
}
