package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

const controlUsage = `kube ctl --dir DIR REQUEST, with REQUEST one of
  status                     pids of the running components as JSON
  stop|kill|start|restart NAME   SIGTERM, SIGKILL; the same arguments at start
  pause|resume NAME          SIGSTOP, SIGCONT
  ready [NAME]               wait until the API server's /readyz is ok
  link ok|hang|reset         fault of the link to the first API server
  link delay DURATION        delay every chunk, in both directions
  open IP:PORT               forward from this machine into the node; prints the address
  publish PORT IP:PORT       forward from PORT of the node to an address of this machine`

// serveControl serves requests on DIR/control.sock: one line each, answered by
// "ok ..." or "error ...".
func (c *cluster) serveControl() error {
	listener, err := net.Listen("unix", c.path("control.sock"))
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					response, err := c.control(strings.Fields(lines.Text()))
					if err != nil {
						response = "error " + strings.ReplaceAll(err.Error(), "\n", "; ")
					} else {
						response = strings.TrimSpace("ok " + response)
					}
					if _, err := fmt.Fprintln(conn, response); err != nil {
						return
					}
				}
			}()
		}
	}()
	return nil
}

func (c *cluster) control(request []string) (string, error) {
	verb, a, b := "", "", ""
	for i, to := range []*string{&verb, &a, &b} {
		if i < len(request) {
			*to = request[i]
		}
	}
	switch verb {
	case "status":
		line, err := json.Marshal(c.pids())
		return string(line), err
	case "start":
		return "", c.start(a)
	case "stop":
		return "", c.stop(a, syscall.SIGTERM)
	case "kill":
		return "", c.stop(a, syscall.SIGKILL)
	case "restart":
		if err := c.stop(a, syscall.SIGTERM); err != nil {
			return "", err
		}
		return "", c.start(a)
	case "pause":
		return "", c.signal(a, syscall.SIGSTOP)
	case "resume":
		return "", c.signal(a, syscall.SIGCONT)
	case "ready":
		return "", c.ready(cmp.Or(a, c.servers[0].Name))
	case "link":
		var delay time.Duration
		if a == "delay" {
			var err error
			if delay, err = time.ParseDuration(b); err != nil {
				return "", err
			}
		}
		return "", c.link.set(a, delay)
	case "open":
		listener, err := net.Listen("tcp", net.JoinHostPort(c.host, "0"))
		if err != nil {
			return "", err
		}
		c.addForwarder(newForwarder(listener, c.dialer(a)))
		return listener.Addr().String(), nil
	case "publish":
		if c.node == nil {
			return "", errors.New("the cluster was started without --node")
		}
		listener, err := inNamespace(c.node.netns, func() (net.Listener, error) {
			return net.Listen("tcp", net.JoinHostPort(nodeIP, a))
		})
		if err != nil {
			return "", err
		}
		c.addForwarder(newForwarder(listener, func() (net.Conn, error) { return net.DialTimeout("tcp", b, 10*time.Second) }))
		return listener.Addr().String(), nil
	}
	return "", fmt.Errorf("unknown request %q", verb)
}

func (c *cluster) ready(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, s := range c.servers {
		if s.Name == name {
			return c.waitFor(ctx, s.URL+"/readyz", nil)
		}
	}
	return fmt.Errorf("no API server %q", name)
}

func (c *cluster) addForwarder(f *forwarder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forwarders = append(c.forwarders, f)
}

func runCtl(args []string) error {
	flags := pflag.NewFlagSet("ctl", pflag.ContinueOnError)
	dir := flags.String("dir", "", "directory of the cluster")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" || flags.NArg() == 0 {
		return errors.New("usage: " + controlUsage)
	}
	conn, err := net.Dial("unix", filepath.Join(*dir, "control.sock"))
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintln(conn, strings.Join(flags.Args(), " ")); err != nil {
		return err
	}
	response, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	response = strings.TrimSpace(response)
	if message, failed := strings.CutPrefix(response, "error "); failed {
		return errors.New(message)
	}
	if value := strings.TrimPrefix(strings.TrimPrefix(response, "ok"), " "); value != "" {
		fmt.Println(value)
	}
	return nil
}
