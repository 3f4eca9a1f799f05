package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"
)

func hostPort(host string, port int) string {
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// claimHost finds a loopback address that no other cluster uses. With a dedicated
// address the ports can be fixed, and no outgoing connection can take the port
// of a stopped API server.
func claimHost() (string, net.Listener, error) {
	var err error
	for range 20 {
		host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
		var l net.Listener
		if l, err = net.Listen("tcp", hostPort(host, linkPort)); err == nil {
			return host, l, nil
		}
	}
	return "", nil, err
}

// claimHosts assigns an address to each API server. It returns the listener for
// the link to the first one.
func (c *cluster) claimHosts() (net.Listener, error) {
	var first net.Listener
	for i := range c.servers {
		host, listener, err := claimHost()
		if err != nil {
			return nil, err
		}
		name := "kube-apiserver"
		if i == 0 {
			first = listener
		} else {
			listener.Close()
			name = fmt.Sprintf("%s-%d", name, i+1)
		}
		c.servers[i] = apiServer{Name: name, Host: host, URL: "https://" + hostPort(host, serverPort)}
	}
	return first, nil
}

func (c *cluster) serviceIP(n int) string {
	ip := c.services.Masked().Addr()
	for range n {
		ip = ip.Next()
	}
	return ip.String()
}

// dialer returns a function that connects from inside the node, if there is one.
func (c *cluster) dialer(address string) func() (net.Conn, error) {
	return func() (net.Conn, error) {
		dial := func() (net.Conn, error) { return net.DialTimeout("tcp", address, 10*time.Second) }
		if c.node == nil {
			return dial()
		}
		return inNamespace(c.node.netns, dial)
	}
}

func (c *cluster) names() []string {
	names := []string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		"localhost", "127.0.0.1", c.serviceIP(1),
	}
	for _, s := range c.servers {
		names = append(names, s.Host)
	}
	if c.ip != c.host {
		names = append(names, c.ip)
	}
	return names
}
