package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

const (
	serverPort = 6443
	linkPort   = 7443
)

type cluster struct {
	dir      string
	exe      string
	coredns  string
	services netip.Prefix
	extra    map[string][]string // extra arguments by component

	*supervisor
	servers    []apiServer
	host       string // 127.x.y.z of the first API server on the machine
	ip         string // the same server's address as the components see it
	loopback   string // address of servers that only this cluster uses
	server     string // URL at ip
	node       *node
	forwarders []*forwarder
	link       *forwarder
	client     *http.Client
}

func runUp(args []string) error {
	begin := time.Now()
	flags := pflag.NewFlagSet("up", pflag.ContinueOnError)
	dir := flags.String("dir", "", "directory of the cluster; on exit everything except the logs is removed")
	apiServers := flags.Int("apiservers", 1, "number of API servers, each at a separate address")
	withNode := flags.Bool("node", false, "also run a node with containers (requires root)")
	restart := flags.Bool("restart", false, "restart components one second after they exit unexpectedly")
	untilEOF := flags.Bool("until-eof", false, "stop at the end of standard input, so that the cluster stops with its test")
	cidr := flags.String("service-cidr", "10.96.0.0/16", "address range of services")
	coredns := flags.String("coredns", "", "CoreDNS binary for --node (default: kube-dns next to this binary, if it exists)")
	extra := flags.StringArray("arg", nil, "extra argument for a component, as NAME=--flag=value")
	timeout := flags.Duration("timeout", 2*time.Minute, "maximum time to become ready")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" || flags.NArg() > 0 {
		return errors.New("usage: kube up --dir DIR [flags]\n" + flags.FlagUsages())
	}
	path, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	if len(path) > 80 {
		return fmt.Errorf("%s is too long for sockets (at most 80 characters)", path)
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	c := &cluster{dir: path, exe: exe, coredns: *coredns, extra: map[string][]string{}, supervisor: newSupervisor(path, *restart)}
	if c.services, err = netip.ParsePrefix(*cidr); err != nil {
		return err
	}
	for _, e := range *extra {
		name, arg, ok := strings.Cut(e, "=")
		if !ok {
			return fmt.Errorf("--arg %s is not NAME=--flag=value", e)
		}
		c.extra[name] = append(c.extra[name], arg)
	}
	if *apiServers < 1 || *apiServers > 1 && *withNode {
		return errors.New("--apiservers must be at least 1, and exactly 1 with --node")
	}
	c.servers = make([]apiServer, *apiServers)
	if *withNode {
		if err := checkNodePrerequisites(); err != nil {
			return err
		}
		c.node = &node{}
	}

	lock, err := lockDir(path)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := clean(path, true); err != nil { // left by an earlier run that crashed
		return err
	}

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if *untilEOF {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop <- syscall.SIGHUP
		}()
	}
	defer func() {
		c.close()
		for _, f := range c.forwarders {
			f.close()
		}
		if err := errors.Join(clean(path, false), os.Remove(lock.Name())); err != nil {
			fmt.Fprintln(os.Stderr, "kube up:", err)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	up := make(chan error, 1)
	go func() { up <- c.bringUp(ctx) }()
	for {
		select {
		case <-stop:
			return nil
		case report := <-c.died:
			if up != nil && !*restart {
				return errors.New(report)
			}
			fmt.Fprintln(os.Stderr, "kube up:", report)
		case err := <-up:
			if err == nil {
				err = c.announce(begin)
			}
			if err != nil {
				return err
			}
			up = nil
		}
	}
}

func (c *cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

func (c *cluster) bringUp(ctx context.Context) error {
	for _, d := range []string{"log", "pids", "pki", "run"} {
		if err := os.MkdirAll(c.path(d), 0o755); err != nil {
			return err
		}
	}
	listener, err := c.claimHosts()
	if err != nil {
		return err
	}
	host := c.servers[0].Host
	c.host, c.ip, c.loopback = host, host, host
	if c.node != nil {
		c.ip, c.loopback = nodeIP, "127.0.0.1"
		if err := c.enterNode(); err != nil {
			listener.Close()
			return err
		}
		direct, err := net.Listen("tcp", hostPort(host, serverPort))
		if err != nil {
			return err
		}
		c.forwarders = append(c.forwarders, newForwarder(direct, c.dialer(hostPort(c.ip, serverPort))))
	}
	c.server = "https://" + hostPort(c.ip, serverPort)
	c.link = newForwarder(listener, c.dialer(hostPort(c.ip, serverPort)))
	c.forwarders = append(c.forwarders, c.link)
	if err := c.makePKI(); err != nil {
		return err
	}
	if err := c.serveControl(); err != nil {
		return err
	}
	if err := c.startControlPlane(ctx); err != nil {
		return err
	}
	if c.node != nil {
		return c.startNode(ctx)
	}
	return nil
}
