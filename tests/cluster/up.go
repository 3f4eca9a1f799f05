package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

const (
	serverPort = 6443
	linkPort   = 7443
)

// info is the line that `kube up` prints when the cluster is ready; it is also
// in DIR/info.json.
type info struct {
	Dir        string         `json:"dir"`
	Server     string         `json:"server"`     // first API server, from this machine
	Servers    []apiServer    `json:"servers"`    // all of them
	Link       string         `json:"link"`       // the same through the link, see `kube ctl link`
	CA         string         `json:"ca"`         // file
	Kubeconfig string         `json:"kubeconfig"` // file, for the administrator
	Control    string         `json:"control"`    // socket, see `kube ctl`
	Pids       map[string]int `json:"pids"`
	Node       *nodeInfo      `json:"node,omitempty"`
	ReadyMS    int64          `json:"ready_ms"`
	// Names are the names and addresses in the API servers' certificates.
	Names []string `json:"names"`
}

// apiServer is one of the API servers that share the etcd.
type apiServer struct {
	Name string `json:"name"` // of the component
	Host string `json:"host"` // address on this machine
	URL  string `json:"url"`  // from this machine
}

type nodeInfo struct {
	Name       string `json:"name"`
	IP         string `json:"ip"`
	Server     string `json:"server"`     // API server, from inside the node
	Containerd string `json:"containerd"` // socket
	InitPid    int    `json:"init_pid"`   // holds the namespaces: nsenter -t PID -n -m -p
}

func readInfo(dir string) (*info, error) {
	data, err := os.ReadFile(filepath.Join(dir, "info.json"))
	if err != nil {
		return nil, err
	}
	i := &info{}
	return i, json.Unmarshal(data, i)
}

type cluster struct {
	dir      string
	exe      string
	coredns  string
	services netip.Prefix
	extra    map[string][]string // more arguments by component

	*supervisor
	servers  []apiServer
	host     string // 127.x.y.z of the first API server on the machine
	ip       string // the same server's address as the components see it
	loopback string // address of everything that only this cluster may reach
	server   string // URL at ip
	node     *node
	links    []*link
	link     *link
	client   *http.Client
}

func runUp(args []string) error {
	begin := time.Now()
	flags := pflag.NewFlagSet("up", pflag.ContinueOnError)
	dir := flags.String("dir", "", "directory of the cluster; everything but the logs is removed at the end")
	apiServers := flags.Int("apiservers", 1, "number of API servers, each on an address of its own")
	withNode := flags.Bool("node", false, "run a node with containers, too (needs root)")
	restart := flags.Bool("restart", false, "start a component that ended by itself again after a second")
	untilEOF := flags.Bool("until-eof", false, "stop at the end of standard input, so that the cluster ends with its test")
	cidr := flags.String("service-cidr", "10.96.0.0/16", "addresses of services")
	coredns := flags.String("coredns", "", "CoreDNS for --node (default: kube-dns beside this program, if it is there)")
	extra := flags.StringArray("arg", nil, "one more argument for a component, as NAME=--flag=value")
	timeout := flags.Duration("timeout", 2*time.Minute, "time to become ready")
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
		return fmt.Errorf("%s is too long for a path of sockets (80 characters)", path)
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
		return errors.New("--apiservers takes at least 1, and only 1 with --node")
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
	if err := clean(path, true); err != nil { // of an earlier run that crashed
		return err
	}

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if *untilEOF {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			ended <- syscall.SIGHUP
		}()
	}
	defer func() {
		c.close()
		for _, l := range c.links {
			l.close()
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
		case <-ended:
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

// lockDir keeps a second cluster out of the directory. The lock ends with the
// process.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("a cluster is running in %s", dir)
	}
	return f, nil
}

// clean removes what a cluster leaves in its directory and, for a node, on the
// machine. Processes, mounts and network end with the node's namespaces. The
// caller holds the lock.
func clean(dir string, logs bool) error {
	err := cleanNode(dir)
	names := []string{"pki", "etcd", "run", "pids", "node", "hosts", "info.json", "control.sock"}
	kubeconfigs, _ := filepath.Glob(filepath.Join(dir, "*.kubeconfig"))
	for _, k := range kubeconfigs {
		names = append(names, filepath.Base(k))
	}
	if logs {
		names = append(names, "log")
	}
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, name)))
	}
	return err
}

func runClean(args []string) error {
	flags := pflag.NewFlagSet("clean", pflag.ContinueOnError)
	dir := flags.String("dir", "", "directory of a cluster that crashed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	path, err := filepath.Abs(*dir)
	if err != nil || *dir == "" {
		return errors.New("usage: kube clean --dir DIR")
	}
	lock, err := lockDir(path)
	if err != nil {
		return err
	}
	defer lock.Close()
	return errors.Join(clean(path, true), os.Remove(lock.Name()))
}

func hostPort(host string, port int) string {
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// claimHost finds a loopback address that no other cluster uses. With an
// address of its own the ports can be fixed, and no outgoing connection can
// take the port of a stopped API server.
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

// claimHosts gives each API server its address. The first one's comes with the
// listener for the link to it.
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

func (c *cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

func (c *cluster) serviceIP(n int) string {
	ip := c.services.Masked().Addr()
	for range n {
		ip = ip.Next()
	}
	return ip.String()
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
		c.links = append(c.links, newLink(direct, c.dialer(hostPort(c.ip, serverPort))))
	}
	c.server = "https://" + hostPort(c.ip, serverPort)
	c.link = newLink(listener, c.dialer(hostPort(c.ip, serverPort)))
	c.links = append(c.links, c.link)
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

// dialer connects from within the node, if there is one.
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

func (c *cluster) makePKI() error {
	ca, err := newAuthority(c.path("pki", "ca"), "test-ca")
	if err != nil {
		return err
	}
	if err := newServiceAccountKey(c.path("pki")); err != nil {
		return err
	}
	identities := map[string]identity{
		"apiserver-kubelet":       {user: "kube-apiserver-kubelet-client", groups: []string{"system:masters"}},
		"admin":                   {user: "admin", groups: []string{"system:masters"}},
		"kube-controller-manager": {user: "system:kube-controller-manager"},
		"kube-scheduler":          {user: "system:kube-scheduler"},
	}
	for _, s := range c.servers {
		identities[s.Name] = identity{user: "kube-apiserver", names: c.names()}
	}
	if c.node != nil {
		identities["kubelet"] = identity{user: "system:node:" + nodeName, groups: []string{"system:nodes"}}
		identities["kubelet-server"] = identity{user: nodeName, names: []string{nodeName, nodeIP}}
		identities["kube-proxy"] = identity{user: "system:kube-proxy"}
		identities["coredns"] = identity{user: "system:coredns"}
	}
	for name, id := range identities {
		id.ttl = year
		base := c.path("pki", name)
		if err := ca.issue(base, id); err != nil {
			return err
		}
		if len(id.names) == 0 && name != "admin" {
			if err := writeKubeconfig(base+".kubeconfig", c.server, c.path("pki", "ca.crt"), base); err != nil {
				return err
			}
		}
	}
	pair, err := tls.LoadX509KeyPair(c.path("pki", "admin.crt"), c.path("pki", "admin.key"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	c.client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}},
	}}
	return writeKubeconfig(c.path("admin.kubeconfig"), c.servers[0].URL, c.path("pki", "ca.crt"), c.path("pki", "admin"))
}

// runSelf starts an upstream command of this program as a component.
func (c *cluster) runSelf(name string, args ...string) error {
	return c.run(name, append(append([]string{c.exe, name}, args...), c.extra[name]...)...)
}

func (c *cluster) startControlPlane(ctx context.Context) error {
	pki := func(name string) string { return c.path("pki", name) }
	etcd := "http://" + hostPort(c.loopback, 2379)
	if err := c.runSelf("etcd", "--data-dir="+c.path("etcd"), "--client-url="+etcd,
		"--peer-url=http://"+hostPort(c.loopback, 2380)); err != nil {
		return err
	}
	args := []string{
		"--etcd-servers=" + etcd, fmt.Sprintf("--secure-port=%d", serverPort), "--client-ca-file=" + pki("ca.crt"), "--cert-dir=" + c.path("run"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--service-account-key-file=" + pki("sa.pub"), "--service-account-signing-key-file=" + pki("sa.key"),
		"--service-account-issuer=" + tokenIssuer,
		"--service-cluster-ip-range=" + c.services.String(),
	}
	if c.node == nil {
		// It would refuse loopback addresses; publishServers does its work.
		args = append(args, "--endpoint-reconciler-type=none")
	} else {
		args = append(args, "--kubelet-client-certificate="+pki("apiserver-kubelet.crt"),
			"--kubelet-client-key="+pki("apiserver-kubelet.key"), "--kubelet-certificate-authority="+pki("ca.crt"),
			"--kubelet-preferred-address-types=InternalIP")
	}
	for i, s := range c.servers {
		address := s.Host
		if i == 0 {
			address = c.ip
		}
		own := []string{"--bind-address=" + address, "--advertise-address=" + address,
			"--tls-cert-file=" + pki(s.Name+".crt"), "--tls-private-key-file=" + pki(s.Name+".key")}
		argv := slices.Concat([]string{c.exe, "kube-apiserver"}, args, own, c.extra["kube-apiserver"])
		if err := c.run(s.Name, argv...); err != nil {
			return err
		}
	}
	if c.node != nil {
		if err := c.startContainerd(ctx); err != nil {
			return err
		}
	}
	for _, s := range c.servers {
		if err := c.waitFor(ctx, s.URL+"/readyz", nil); err != nil {
			return err
		}
	}
	if c.node == nil {
		if err := publishServers(etcd, c.servers); err != nil {
			return err
		}
	}
	for name, more := range map[string][]string{
		"kube-controller-manager": {
			"--service-account-private-key-file=" + pki("sa.key"), "--root-ca-file=" + pki("ca.crt"),
			"--use-service-account-credentials=true",
			"--cluster-signing-cert-file=" + pki("ca.crt"), "--cluster-signing-key-file=" + pki("ca.key"),
		},
		"kube-scheduler": nil,
	} {
		config := pki(name + ".kubeconfig")
		// With leader election they end when the API server is away for long. At
		// the default rate, asking for the controllers' own tokens takes 4 s.
		more = append(more, "--leader-elect=false", "--kube-api-qps=2000", "--kube-api-burst=4000", "--bind-address="+c.loopback,
			"--cert-dir="+c.path("run"), "--kubeconfig="+config, "--authentication-kubeconfig="+config, "--authorization-kubeconfig="+config)
		if name == "kube-controller-manager" && c.node != nil {
			more = append(more, "--node-monitor-grace-period=20s")
		}
		if err := c.runSelf(name, more...); err != nil {
			return err
		}
	}
	if c.node != nil {
		if err := c.startKubelet(); err != nil {
			return err
		}
	}
	return c.waitFor(ctx, c.servers[0].URL+"/api/v1/namespaces/default/serviceaccounts/default", nil)
}

// waitFor polls until the URL answers 200 and the body satisfies the check.
func (c *cluster) waitFor(ctx context.Context, url string, check func(body []byte) bool) error {
	for {
		last := c.get(url, check)
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready in time: %w", url, last)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *cluster) get(url string, check func(body []byte) bool) error {
	answer, err := c.client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || check != nil && !check(body) {
		return fmt.Errorf("%s: %.300s", answer.Status, body)
	}
	return nil
}

func (c *cluster) announce(begin time.Time) error {
	i := info{
		Dir: c.dir, Server: c.servers[0].URL, Servers: c.servers, Link: "https://" + hostPort(c.host, linkPort),
		CA: c.path("pki", "ca.crt"), Kubeconfig: c.path("admin.kubeconfig"), Control: c.path("control.sock"),
		Pids: c.pids(), ReadyMS: time.Since(begin).Milliseconds(), Names: c.names(),
	}
	if c.node != nil {
		i.Node = &nodeInfo{Name: nodeName, IP: nodeIP, Server: c.server, Containerd: c.path("node", "containerd.sock"), InitPid: i.Pids["init"]}
	}
	line, err := json.Marshal(i)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.path("info.json"), append(line, '\n'), 0o644); err != nil {
		return err
	}
	_, err = fmt.Println(string(line))
	return err
}
