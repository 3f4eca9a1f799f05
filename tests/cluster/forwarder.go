package main

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// forwarder is a TCP forwarder with faults that a test can inject. It connects
// the machine with a node's network namespace and is the faulty link to the API
// server.
type forwarder struct {
	listener net.Listener
	dial     func() (net.Conn, error)

	mu      sync.Mutex
	changed chan struct{} // closed when the fault changes
	fault   string        // "ok", "delay", "hang", "reset"
	delay   time.Duration
	conns   map[net.Conn]bool
}

func newForwarder(listener net.Listener, dial func() (net.Conn, error)) *forwarder {
	f := &forwarder{listener: listener, dial: dial, fault: "ok", changed: make(chan struct{}), conns: map[net.Conn]bool{}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go f.serve(conn)
		}
	}()
	return f
}

// set replaces the fault. "reset" resets open and new connections, "hang" holds
// back all bytes until the next change.
func (f *forwarder) set(fault string, delay time.Duration) error {
	switch fault {
	case "ok", "delay", "hang", "reset":
	default:
		return fmt.Errorf("unknown fault %q", fault)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.delay = fault, delay
	close(f.changed)
	f.changed = make(chan struct{})
	if fault == "reset" {
		for conn := range f.conns {
			reset(conn)
		}
	}
	return nil
}

func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

func (f *forwarder) state() (fault string, delay time.Duration, changed chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fault, f.delay, f.changed
}

// waitWhileHung blocks while the fault is "hang", then returns the delay for
// bytes that arrive now.
func (f *forwarder) waitWhileHung() time.Duration {
	for {
		fault, delay, changed := f.state()
		switch fault {
		case "hang":
			<-changed
		case "delay":
			return delay
		default:
			return 0
		}
	}
}

func (f *forwarder) serve(client net.Conn) {
	if fault, _, _ := f.state(); fault == "reset" {
		reset(client)
		return
	}
	f.waitWhileHung()
	server, err := f.dial()
	if err != nil {
		reset(client)
		return
	}
	f.mu.Lock()
	f.conns[client], f.conns[server] = true, true
	f.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { f.copy(server, client) })
	both.Go(func() { f.copy(client, server) })
	both.Wait()
	f.mu.Lock()
	delete(f.conns, client)
	delete(f.conns, server)
	f.mu.Unlock()
	client.Close()
	server.Close()
}

// copy forwards bytes until the end of the stream. A delay does not lower the
// throughput, because up to 64 chunks may be in flight.
func (f *forwarder) copy(to, from net.Conn) {
	type chunk struct {
		data []byte
		due  time.Time
	}
	inFlight := make(chan chunk, 64)
	go func() {
		defer close(inFlight)
		for {
			buffer := make([]byte, 32<<10)
			n, err := from.Read(buffer)
			if n > 0 {
				inFlight <- chunk{buffer[:n], time.Now().Add(f.waitWhileHung())}
			}
			if err != nil {
				return
			}
		}
	}()
	failed := false
	for c := range inFlight {
		if failed {
			continue
		}
		time.Sleep(time.Until(c.due))
		f.waitWhileHung()
		if _, err := to.Write(c.data); err != nil {
			failed = true
			from.Close()
		}
	}
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

func (f *forwarder) close() {
	f.listener.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		conn.Close()
	}
}
