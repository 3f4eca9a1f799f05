package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

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

// runSelf starts an upstream command of this binary as a component.
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
		// The reconciler rejects loopback addresses; publishServers replaces it.
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
		// With leader election they would exit during long API-server outages. At
		// the default rate, requesting the controllers' tokens takes 4 s.
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

// waitFor polls until the URL returns 200 and a body that satisfies the check.
func (c *cluster) waitFor(ctx context.Context, url string, check func(body []byte) bool) error {
	for {
		last := c.get(url, check)
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("timed out waiting for %s: %w", url, last)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *cluster) get(url string, check func(body []byte) bool) error {
	response, err := c.client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || check != nil && !check(body) {
		return fmt.Errorf("%s: %.300s", response.Status, body)
	}
	return nil
}
