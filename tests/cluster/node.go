package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	nodeName   = "node1"
	nodeIP     = "10.77.0.1"
	podNetwork = "10.88.0.0/24"
	pauseImage = "local.test/pause:1"
	packages   = "containerd runc containernetworking-plugins iptables conntrack"
)

// privateDirs are written at fixed paths by the kubelet and by CNI plugins. In
// the node's mount namespace they are directories of the cluster.
var privateDirs = []string{"/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers"}

// tunables are what the kubelet would set for the whole machine. In the node's
// mount namespace they are plain files that hold these values already.
var tunables = map[string]string{
	"/proc/sys/vm/overcommit_memory":     "1",
	"/proc/sys/vm/panic_on_oom":          "0",
	"/proc/sys/kernel/panic":             "10",
	"/proc/sys/kernel/panic_on_oops":     "1",
	"/proc/sys/kernel/keys/root_maxkeys": "1000000",
	// 25 bytes for each key
	"/proc/sys/kernel/keys/root_maxbytes": "25000000",
}

// node is the real node: namespaces for network, mounts and processes that all
// components live in.
type node struct {
	netns *os.File
}

func cniPlugins() string {
	for _, dir := range []string{"/usr/lib/cni", "/opt/cni/bin"} {
		if _, err := os.Stat(filepath.Join(dir, "bridge")); err == nil {
			return dir
		}
	}
	return ""
}

func checkNodePrerequisites() error {
	if os.Geteuid() != 0 {
		return errors.New("--node needs root")
	}
	var missing []string
	for _, program := range []string{"containerd", "ctr", "runc", "iptables", "conntrack", "mount"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if cniPlugins() == "" {
		missing = append(missing, "CNI plugins")
	}
	if len(missing) > 0 {
		return fmt.Errorf("--node needs %s; on Debian: apt-get install --no-install-recommends %s",
			strings.Join(missing, ", "), packages)
	}
	if filesystems, err := os.ReadFile("/proc/filesystems"); err != nil || !strings.Contains(string(filesystems), "\toverlay\n") {
		return errors.New("--node needs overlayfs in the kernel")
	}
	return nil
}

// inNamespace runs f on a thread of the network namespace. The thread ends
// with the goroutine, because it stays locked.
func inNamespace[T any](netns *os.File, f func() (T, error)) (T, error) {
	var value T
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := unix.Setns(int(netns.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			value, err = f()
		}
		done <- err
	}()
	return value, <-done
}

// enterNode moves the thread that starts children into new namespaces. The
// first child becomes process 1 there: with it, everything ends.
func (c *cluster) enterNode() error {
	dirs := []string{"cni", "containerd", "tunables"}
	for _, d := range privateDirs {
		dirs = append(dirs, "private"+d)
	}
	for _, d := range dirs {
		if err := os.MkdirAll(c.path("node", d), 0o755); err != nil {
			return err
		}
	}
	var made []string
	for _, d := range privateDirs {
		if err := os.Mkdir(d, 0o755); err == nil {
			made = append(made, d)
		} else if !os.IsExist(err) {
			return err
		}
	}
	if err := os.WriteFile(c.path("node", "made"), []byte(strings.Join(made, "\n")), 0o644); err != nil {
		return err
	}
	if err := makeCgroups(c.dir); err != nil {
		return err
	}
	// The Go runtime tests pidfd once with a child. That child must not become
	// process 1 of the namespace: with its end, every fork would fail.
	_, _ = os.FindProcess(os.Getpid())
	if err := c.spawn.do(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if c.node.netns, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		return errors.Join(c.mountPrivate(), configureNetwork())
	}); err != nil {
		return err
	}
	// An ignored SIGCHLD makes the kernel reap orphans: no init program needed.
	ready := c.path("node", "init")
	if err := c.run("init", "sh", "-c",
		`mount -t proc proc /proc && echo >"$0" && trap "" CHLD && exec sleep infinity`, ready); err != nil {
		return err
	}
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(ready); err == nil {
			break
		} else if time.Since(begin) > 5*time.Second {
			return fmt.Errorf("process 1 of the node does not start: %s", tail(c.logFile("init"), 5))
		}
	}
	// All others die with process 1. A death signal would kill them at once:
	// the runtime compares getppid(), which is 0 in another process namespace.
	c.deathSignal = 0
	return c.spawn.do(func() error {
		for path, value := range tunables {
			file := c.path("node", "tunables", filepath.Base(path))
			if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
				return err
			}
			if err := unix.Mount(file, path, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("mount %s: %w", path, err)
			}
		}
		return nil
	})
}

func (c *cluster) mountPrivate() error {
	if strings.HasPrefix(c.dir, "/run/") {
		return fmt.Errorf("the directory may not be below /run")
	}
	// Nothing goes out to the machine's mounts; inside, mounts are shared.
	for _, flag := range []uintptr{unix.MS_PRIVATE, unix.MS_SHARED} {
		if err := unix.Mount("", "/", "", unix.MS_REC|flag, ""); err != nil {
			return fmt.Errorf("mount propagation: %w", err)
		}
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	for _, d := range privateDirs {
		if err := unix.Mount(c.path("node", "private", d), d, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", d, err)
		}
	}
	return nil
}

// configureNetwork gives the node its address on a bridge and a default route,
// which leads nowhere but lets service addresses reach the NAT rules.
func configureNetwork() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "node0"
	bridge := &netlink.Bridge{LinkAttrs: attrs}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	address := &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(nodeIP), Mask: net.CIDRMask(24, 32)}}
	if err := netlink.AddrAdd(bridge, address); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		return err
	}
	_, everywhere, _ := net.ParseCIDR("0.0.0.0/0")
	if err := netlink.RouteAdd(&netlink.Route{LinkIndex: bridge.Index, Dst: everywhere, Scope: netlink.SCOPE_LINK}); err != nil {
		return fmt.Errorf("default route: %w", err)
	}
	for _, name := range []string{"ipv4/ip_forward", "bridge/bridge-nf-call-iptables"} {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte("1"), 0); err != nil {
			return err
		}
	}
	return nil
}

// cgroupName is the node's own root below each cgroup hierarchy.
func cgroupName(dir string) string {
	return fmt.Sprintf("kube-%x", sha256.Sum256([]byte(dir)))[:13]
}

// cgroupHierarchies are the mount points of version 1 and 2. Both may be there,
// and runc then uses both.
func cgroupHierarchies() ([]string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	var points []string
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); f[2] == "cgroup" || f[2] == "cgroup2" {
			points = append(points, f[1])
		}
	}
	return points, nil
}

func makeCgroups(dir string) error {
	hierarchies, err := cgroupHierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		group := filepath.Join(h, cgroupName(dir))
		if err := os.Mkdir(group, 0o755); err != nil && !os.IsExist(err) {
			return err
		}
		// A new cpuset is empty and would take no process.
		for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
			if value, err := os.ReadFile(filepath.Join(h, f)); err == nil {
				if err := os.WriteFile(filepath.Join(group, f), value, 0); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// cleanNode removes what outlives the namespaces: empty cgroups and the
// directories made for mounts. It waits for dying processes.
func cleanNode(dir string) error {
	hierarchies, err := cgroupHierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		top := filepath.Join(h, cgroupName(dir))
		for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			var groups []string
			_ = filepath.WalkDir(top, func(path string, entry os.DirEntry, err error) error {
				if err == nil && entry.IsDir() {
					groups = append(groups, path)
				}
				return nil
			})
			slices.Reverse(groups) // children first
			var failed error
			for _, g := range groups {
				if err := unix.Rmdir(g); err != nil && err != unix.ENOENT {
					failed = fmt.Errorf("rmdir %s: %w", g, err)
				}
			}
			if failed == nil {
				break
			}
			if time.Since(begin) > 10*time.Second {
				return failed
			}
		}
	}
	made, err := os.ReadFile(filepath.Join(dir, "node", "made"))
	if err != nil {
		return nil // no node was here
	}
	for _, d := range strings.Fields(string(made)) {
		_ = os.Remove(d) // only if nobody else uses it now
	}
	return nil
}

func (c *cluster) startContainerd(ctx context.Context) error {
	n := func(name string) string { return c.path("node", name) }
	config := fmt.Sprintf(`version = 2
# it would make /opt/containerd
disabled_plugins = ["io.containerd.internal.v1.opt"]
root = %q
state = %q
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  # without CAP_SYS_RESOURCE nobody may lower oom_score_adj
  restrict_oom_score_adj = true
  sandbox_image = %q
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
`, n("containerd"), "/run/containerd", n("containerd.sock"), pauseImage, cniPlugins(), n("cni"))
	if err := os.WriteFile(n("containerd.toml"), []byte(config), 0o644); err != nil {
		return err
	}
	network, err := json.Marshal(map[string]any{"cniVersion": "0.4.0", "name": "pods", "plugins": []any{
		map[string]any{"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
			"ipam": map[string]any{"type": "host-local", "dataDir": n("ipam"),
				"ranges": [][]any{{map[string]string{"subnet": podNetwork}}},
				"routes": []any{map[string]string{"dst": "0.0.0.0/0"}}}},
		map[string]any{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}},
	}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(n("cni"), "10-pods.conflist"), network, 0o644); err != nil {
		return err
	}
	if err := c.run("containerd", "containerd", "--config", n("containerd.toml")); err != nil {
		return err
	}
	pause, err := pauseProgram(runtime.GOARCH)
	if err != nil {
		return err
	}
	for {
		// containerd answers when the socket does; the import is the test.
		err := importImage(n("containerd.sock"), pauseImage, pause, 65535)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *cluster) startKubelet() error {
	n := func(name string) string { return c.path("node", name) }
	kubelet := map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"address": nodeIP, "healthzBindAddress": "127.0.0.1",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false}, "webhook": map[string]any{"enabled": true},
			"x509": map[string]any{"clientCAFile": c.path("pki", "ca.crt")},
		},
		"authorization": map[string]any{"mode": "Webhook"},
		"tlsCertFile":   c.path("pki", "kubelet-server.crt"), "tlsPrivateKeyFile": c.path("pki", "kubelet-server.key"),
		"cgroupDriver": "cgroupfs", "cgroupRoot": "/" + cgroupName(c.dir), "failCgroupV1": false, "failSwapOn": false,
		"containerRuntimeEndpoint": "unix://" + n("containerd.sock"),
		"clusterDNS":               []string{c.serviceIP(10)}, "clusterDomain": "cluster.local", "resolvConf": "",
		"volumePluginDir": n("volume-plugins"),
		"evictionHard":    map[string]string{"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
		// Images are loaded by hand and must not be collected.
		"imageGCHighThresholdPercent": 100,
		"nodeStatusUpdateFrequency":   "5s",
		// Small and soon, so that a test sees it.
		"containerLogMaxSize": "64Ki", "containerLogMaxFiles": 3, "containerLogMonitorInterval": "3s",
	}
	proxy := map[string]any{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"bindAddress": nodeIP, "healthzBindAddress": "127.0.0.1:10256", "metricsBindAddress": "127.0.0.1:10249",
		"clientConnection": map[string]any{"kubeconfig": c.path("pki", "kube-proxy.kubeconfig")},
		"clusterCIDR":      podNetwork, "hostnameOverride": nodeName, "mode": "iptables",
		// Limits are settings of the machine, not of the network namespace.
		"conntrack": map[string]any{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
	}
	for name, config := range map[string]any{"kubelet.json": kubelet, "kube-proxy.json": proxy} {
		data, err := json.Marshal(config)
		if err != nil {
			return err
		}
		if err := os.WriteFile(n(name), data, 0o644); err != nil {
			return err
		}
	}
	if err := c.runSelf("kubelet", "--config="+n("kubelet.json"), "--kubeconfig="+c.path("pki", "kubelet.kubeconfig"),
		"--hostname-override="+nodeName, "--node-ip="+nodeIP, "--cert-dir="+c.path("run")); err != nil {
		return err
	}
	return c.runSelf("kube-proxy", "--config="+n("kube-proxy.json"))
}

// startNode waits for the node and gives the cluster its DNS.
func (c *cluster) startNode(ctx context.Context) error {
	if err := c.startDNS(); err != nil {
		return err
	}
	return c.waitFor(ctx, c.servers[0].URL+"/api/v1/nodes/"+nodeName, func(body []byte) bool {
		var n struct {
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
		return json.Unmarshal(body, &n) == nil && slices.ContainsFunc(n.Status.Conditions,
			func(c struct{ Type, Status string }) bool { return c.Type == "Ready" && c.Status == "True" })
	})
}

// startDNS runs CoreDNS on the node's address behind the service kube-dns.
func (c *cluster) startDNS() error {
	program := c.coredns
	if program == "" {
		program = filepath.Join(filepath.Dir(c.exe), "kube-dns")
		if _, err := os.Stat(program); err != nil {
			return nil
		}
	}
	hosts, corefile, manifest := c.path("hosts"), c.path("node", "Corefile"), c.path("node", "dns.yaml")
	config := fmt.Sprintf(`.:53 {
    bind %s
    errors
    cache 5
    hosts %s {
        reload 1s
        fallthrough
    }
    kubernetes cluster.local in-addr.arpa {
        kubeconfig %s test
    }
}
`, nodeIP, hosts, c.path("pki", "coredns.kubeconfig"))
	for path, text := range map[string]string{hosts: "", corefile: config, manifest: fmt.Sprintf(dnsManifest, c.serviceIP(10), nodeIP)} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	apply := exec.Command(c.exe, "kubectl", "--kubeconfig="+c.path("admin.kubeconfig"), "apply", "-f", manifest)
	apply.Env = childEnv()
	if out, err := apply.CombinedOutput(); err != nil {
		return fmt.Errorf("DNS: %w: %s", err, out)
	}
	return c.run("coredns", program, "-conf", corefile)
}

const dnsManifest = `apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec:
  clusterIP: %s
  ports:
  - {name: dns, port: 53, protocol: UDP}
  - {name: dns-tcp, port: 53, protocol: TCP}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
endpoints:
- {addresses: [%s], conditions: {ready: true}}
ports:
- {name: dns, port: 53, protocol: UDP}
- {name: dns-tcp, port: 53, protocol: TCP}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: system:coredns}
rules:
- {apiGroups: [""], resources: [endpoints, services, pods, namespaces], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: system:coredns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:coredns}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: system:coredns}]
`
