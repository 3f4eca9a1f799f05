package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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

// privateDirs are fixed paths to which the kubelet and CNI plugins write. In the
// node's mount namespace they are bind mounts of directories of the cluster.
var privateDirs = []string{"/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers"}

// sysctls are machine-wide settings that the kubelet would change. In the node's
// mount namespace they are plain files that already have these values.
var sysctls = map[string]string{
	"/proc/sys/vm/overcommit_memory":     "1",
	"/proc/sys/vm/panic_on_oom":          "0",
	"/proc/sys/kernel/panic":             "10",
	"/proc/sys/kernel/panic_on_oops":     "1",
	"/proc/sys/kernel/keys/root_maxkeys": "1000000",
	// 25 bytes per key
	"/proc/sys/kernel/keys/root_maxbytes": "25000000",
}

// node is the real node: network, mount and PID namespaces of all components.
type node struct {
	netns *os.File
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

// inNamespace runs f on a thread in the network namespace. The thread exits with
// the goroutine, because it stays locked to it.
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
// first child becomes process 1 there; the kernel kills everything with it.
func (c *cluster) enterNode() error {
	dirs := []string{"cni", "containerd", "sysctls"}
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
	// The Go runtime tests pidfd once, with a child process. That child must not
	// become process 1 of the namespace: once it exits, every fork fails.
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
	// Ignoring SIGCHLD makes the kernel reap orphans, so no init program is needed.
	ready := c.path("node", "init")
	if err := c.run("init", "sh", "-c",
		`mount -t proc proc /proc && echo >"$0" && trap "" CHLD && exec sleep infinity`, ready); err != nil {
		return err
	}
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(ready); err == nil {
			break
		} else if time.Since(begin) > 5*time.Second {
			return fmt.Errorf("process 1 of the node did not start: %s", tail(c.logFile("init"), 5))
		}
	}
	// All others die with process 1. A death signal would kill them immediately:
	// the runtime checks getppid(), which is 0 in another PID namespace.
	c.deathSignal = 0
	return c.spawn.do(func() error {
		for path, value := range sysctls {
			file := c.path("node", "sysctls", filepath.Base(path))
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
		return fmt.Errorf("the directory must not be below /run")
	}
	// Do not propagate mounts to the machine; share them inside.
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

// configureNetwork gives the node its address on a bridge and a default route.
// The route leads nowhere, but it lets service addresses reach the NAT rules.
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
