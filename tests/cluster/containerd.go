package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

func cniPlugins() string {
	for _, dir := range []string{"/usr/lib/cni", "/opt/cni/bin"} {
		if _, err := os.Stat(filepath.Join(dir, "bridge")); err == nil {
			return dir
		}
	}
	return ""
}

func (c *cluster) startContainerd(ctx context.Context) error {
	n := func(name string) string { return c.path("node", name) }
	config := fmt.Sprintf(`version = 2
# it would create /opt/containerd
disabled_plugins = ["io.containerd.internal.v1.opt"]
root = %q
state = %q
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  # lowering oom_score_adj requires CAP_SYS_RESOURCE
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
		// The import succeeds once containerd is ready.
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
