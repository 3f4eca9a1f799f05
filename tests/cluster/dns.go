package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// startDNS runs CoreDNS at the node's address, behind the service kube-dns.
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
