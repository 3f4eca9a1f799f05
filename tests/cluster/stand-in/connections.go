package main

import (
	"io"
	"net"
	"time"
)

const (
	slowRequest    = "GET / HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	drip           = time.Second
	reconnectPause = 2 * time.Second
)

// keepOpen keeps connections open in the background, and opens a new one when the server closes one.
func keepOpen(address string, count int, request string) {
	for range count {
		go func() {
			for {
				holdOne(address, request)
				time.Sleep(reconnectPause)
			}
		}()
	}
}

// holdOne sends the request slowly and returns once the server has closed the connection.
func holdOne(address, request string) {
	connection, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return
	}
	defer connection.Close()
	if request != "" {
		go func() {
			for _, b := range []byte(request) {
				if _, err := connection.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(drip)
			}
		}()
	}
	_, _ = io.Copy(io.Discard, connection)
}
