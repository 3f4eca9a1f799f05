package main

import (
	"context"
	"encoding/json"
	"os"
	"slices"
)

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
		// Images are imported by tests and must not be garbage collected.
		"imageGCHighThresholdPercent": 100,
		"nodeStatusUpdateFrequency":   "5s",
		// Rotate early and often enough for a test to observe it.
		"containerLogMaxSize": "64Ki", "containerLogMaxFiles": 3, "containerLogMonitorInterval": "3s",
	}
	proxy := map[string]any{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"bindAddress": nodeIP, "healthzBindAddress": "127.0.0.1:10256", "metricsBindAddress": "127.0.0.1:10249",
		"clientConnection": map[string]any{"kubeconfig": c.path("pki", "kube-proxy.kubeconfig")},
		"clusterCIDR":      podNetwork, "hostnameOverride": nodeName, "mode": "iptables",
		// These limits are machine-wide, not per network namespace.
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

// startNode starts DNS and waits until the node is ready.
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
