package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/pflag"
)

const year = 365 * 24 * time.Hour

// authority is a certificate authority, stored as NAME.crt and NAME.key.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// identity is the subject of a certificate: a server with names, or a client
// with a user and groups.
type identity struct {
	user   string
	groups []string
	names  []string // DNS names and IP addresses of a server
	ttl    time.Duration
}

func newKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(path, "EC PRIVATE KEY", der, 0o600)
}

// writePEM replaces the file atomically, so that a server that watches it never
// reads a partial file.
func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	data := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(path+".new", data, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func template(id identity) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	cert := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: id.user, Organization: id.groups},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(id.ttl),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if id.ttl <= 0 {
		cert.NotBefore = cert.NotAfter.Add(-time.Hour)
	}
	if len(id.names) > 0 {
		cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, name := range id.names {
		if ip := net.ParseIP(name); ip != nil {
			cert.IPAddresses = append(cert.IPAddresses, ip)
		} else {
			cert.DNSNames = append(cert.DNSNames, name)
		}
	}
	return cert, nil
}

func newAuthority(base, name string) (*authority, error) {
	key, err := newKey(base + ".key")
	if err != nil {
		return nil, err
	}
	cert, err := template(identity{user: name, ttl: 10 * year})
	if err != nil {
		return nil, err
	}
	cert.IsCA, cert.BasicConstraintsValid = true, true
	cert.KeyUsage, cert.ExtKeyUsage = x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature, nil
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return &authority{cert, key}, writePEM(base+".crt", "CERTIFICATE", der, 0o644)
}

func loadAuthority(base string) (*authority, error) {
	pair, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		return nil, err
	}
	return &authority{pair.Leaf, pair.PrivateKey.(crypto.Signer)}, nil
}

// issue writes BASE.crt and BASE.key.
func (ca *authority) issue(base string, id identity) error {
	key, err := newKey(base + ".key")
	if err != nil {
		return err
	}
	cert, err := template(id)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, ca.cert, key.Public(), ca.key)
	if err != nil {
		return err
	}
	return writePEM(base+".crt", "CERTIFICATE", der, 0o644)
}

// newServiceAccountKey creates the key pair that signs service-account tokens.
func newServiceAccountKey(pki string) error {
	key, err := newKey(filepath.Join(pki, "sa.key"))
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return writePEM(filepath.Join(pki, "sa.pub"), "PUBLIC KEY", der, 0o644)
}

// writeKubeconfig writes a kubeconfig that refers to the certificate files, so
// that clients pick up a replaced certificate.
func writeKubeconfig(path, server, ca, base string) error {
	return os.WriteFile(path, fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: test
  cluster: {server: %q, certificate-authority: %q}
users:
- name: test
  user: {client-certificate: %q, client-key: %q}
contexts:
- name: test
  context: {cluster: test, user: test}
current-context: test
`, server, ca, base+".crt", base+".key"), 0o600)
}

// runCert replaces the API servers' certificates, rotates the service-account
// key, or creates a kubeconfig for another user.
func runCert(args []string) error {
	flags := pflag.NewFlagSet("cert", pflag.ContinueOnError)
	dir := flags.String("dir", "", "directory of the cluster")
	ttl := flags.Duration("ttl", year, "time to live; negative for an expired certificate")
	foreign := flags.Bool("foreign-ca", false, "sign with a new, untrusted CA")
	server := flags.String("server", "", "component whose certificate to replace (default: all API servers)")
	names := flags.StringSlice("names", nil, "names and addresses in the certificate (default: the valid ones)")
	user := flags.String("user", "", "create DIR/USER.kubeconfig for this user")
	groups := flags.StringSlice("groups", nil, "groups of the user")
	rotate := flags.Bool("rotate-sa-key", false, "replace the service-account key; restart kube-apiserver and kube-controller-manager afterwards")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return fmt.Errorf("--dir is required")
	}
	pki := filepath.Join(*dir, "pki")
	if *rotate {
		return newServiceAccountKey(pki)
	}
	ca, err := loadAuthority(filepath.Join(pki, "ca"))
	if err != nil {
		return err
	}
	if *foreign {
		if ca, err = newAuthority(filepath.Join(pki, "foreign-ca"), "foreign-ca"); err != nil {
			return err
		}
	}
	i, err := readInfo(*dir)
	if err != nil {
		return err
	}
	if *user != "" {
		base := filepath.Join(pki, *user)
		if err := ca.issue(base, identity{user: *user, groups: *groups, ttl: *ttl}); err != nil {
			return err
		}
		return writeKubeconfig(filepath.Join(*dir, *user+".kubeconfig"), i.Server, i.CA, base)
	}
	if len(*names) == 0 {
		*names = i.Names
	}
	servers := slices.DeleteFunc(i.Servers, func(s apiServer) bool { return *server != "" && *server != s.Name })
	if len(servers) == 0 {
		return fmt.Errorf("no API server %q", *server)
	}
	for _, s := range servers {
		if err := ca.issue(filepath.Join(pki, s.Name), identity{user: "kube-apiserver", names: *names, ttl: *ttl}); err != nil {
			return err
		}
	}
	return nil
}
