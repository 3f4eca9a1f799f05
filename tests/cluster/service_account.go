package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	authentication "k8s.io/api/authentication/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applyrbac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/serviceaccount"
	volume "k8s.io/kubernetes/pkg/volume/util"
)

const (
	tokenIssuer = "https://kubernetes.default.svc.cluster.local"
	// minRequestedTTL is the minimum lifetime of a TokenRequest.
	minRequestedTTL = 10 * time.Minute
)

// account is a service account and the token settings of its pods.
type account struct {
	client    *kubernetes.Clientset
	pki       string // directory
	namespace string
	name      string
	ttl       time.Duration
}

// runSA creates a service account and writes the files that the kubelet would
// mount into its pods.
func runSA(args []string) error {
	flags := pflag.NewFlagSet("sa", pflag.ContinueOnError)
	dir := flags.String("dir", "", "directory of the cluster")
	a := account{}
	flags.StringVar(&a.namespace, "namespace", "castai-agent", "namespace; created if missing")
	flags.StringVar(&a.name, "name", "castai-agent", "service account; created if missing")
	flags.DurationVar(&a.ttl, "ttl", minRequestedTTL, "lifetime of the token; below 10m, or negative for an expired token, it is signed locally instead of requested")
	out := flags.String("out", "", "directory for token, ca.crt and namespace; replaced atomically if it exists")
	grants := flags.StringSlice("grant", nil, "permissions to grant: namespaces (get; ClusterRoleBinding NAME), endpointslices (list in default; RoleBinding NAME there)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" || *out == "" || flags.NArg() > 0 {
		return errors.New("usage: kube sa --dir DIR --out OUT [flags]\n" + flags.FlagUsages())
	}
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(*dir, "admin.kubeconfig"))
	if err != nil {
		return err
	}
	if a.client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	a.pki = filepath.Join(*dir, "pki")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := a.create(ctx); err != nil {
		return err
	}
	for _, g := range *grants {
		if err := a.grant(ctx, g); err != nil {
			return err
		}
	}
	return a.mount(ctx, *out)
}

var applied = meta.ApplyOptions{FieldManager: "kube-sa", Force: true}

func (a *account) create(ctx context.Context) error {
	if _, err := a.client.CoreV1().Namespaces().Apply(ctx, applycore.Namespace(a.namespace), applied); err != nil {
		return err
	}
	_, err := a.client.CoreV1().ServiceAccounts(a.namespace).Apply(ctx, applycore.ServiceAccount(a.name, a.namespace), applied)
	return err
}

func (a *account) grant(ctx context.Context, what string) error {
	rbac := a.client.RbacV1()
	subject := applyrbac.Subject().WithKind("ServiceAccount").WithName(a.name).WithNamespace(a.namespace)
	role := applyrbac.RoleRef().WithAPIGroup("rbac.authorization.k8s.io").WithName(a.name)
	switch what {
	case "namespaces":
		rule := applyrbac.PolicyRule().WithAPIGroups("").WithResources("namespaces").WithVerbs("get")
		if _, err := rbac.ClusterRoles().Apply(ctx, applyrbac.ClusterRole(a.name).WithRules(rule), applied); err != nil {
			return err
		}
		binding := applyrbac.ClusterRoleBinding(a.name).WithRoleRef(role.WithKind("ClusterRole")).WithSubjects(subject)
		_, err := rbac.ClusterRoleBindings().Apply(ctx, binding, applied)
		return err
	case "endpointslices":
		rule := applyrbac.PolicyRule().WithAPIGroups("discovery.k8s.io").WithResources("endpointslices").WithVerbs("list")
		if _, err := rbac.Roles("default").Apply(ctx, applyrbac.Role(a.name, "default").WithRules(rule), applied); err != nil {
			return err
		}
		binding := applyrbac.RoleBinding(a.name, "default").WithRoleRef(role.WithKind("Role")).WithSubjects(subject)
		_, err := rbac.RoleBindings("default").Apply(ctx, binding, applied)
		return err
	}
	return fmt.Errorf("unknown grant %q", what)
}

// mount writes the directory as the kubelet does, including symbolic links.
func (a *account) mount(ctx context.Context, out string) error {
	token, err := a.token(ctx)
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(filepath.Join(a.pki, "ca.crt"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	writer, err := volume.NewAtomicWriter(out, "kube sa")
	if err != nil {
		return err
	}
	return writer.Write(map[string]volume.FileProjection{
		"token":     {Data: []byte(token), Mode: 0o644},
		"ca.crt":    {Data: ca, Mode: 0o644},
		"namespace": {Data: []byte(a.namespace), Mode: 0o644},
	}, nil)
}

func (a *account) token(ctx context.Context) (string, error) {
	accounts := a.client.CoreV1().ServiceAccounts(a.namespace)
	seconds := int64(a.ttl.Seconds())
	if a.ttl >= minRequestedTTL {
		request := &authentication.TokenRequest{Spec: authentication.TokenRequestSpec{ExpirationSeconds: &seconds}}
		response, err := accounts.CreateToken(ctx, a.name, request, meta.CreateOptions{})
		if err != nil {
			return "", err
		}
		return response.Status.Token, nil
	}
	found, err := accounts.Get(ctx, a.name, meta.GetOptions{})
	if err != nil {
		return "", err
	}
	key, err := keyutil.PrivateKeyFromFile(filepath.Join(a.pki, "sa.key"))
	if err != nil {
		return "", err
	}
	generator, err := serviceaccount.JWTTokenGenerator(tokenIssuer, key)
	if err != nil {
		return "", err
	}
	identity := core.ServiceAccount{ObjectMeta: meta.ObjectMeta{Namespace: a.namespace, Name: a.name, UID: found.UID}}
	claims, private, err := serviceaccount.Claims(identity, nil, nil, nil, seconds, 0, []string{tokenIssuer})
	if err != nil {
		return "", err
	}
	return generator.GenerateToken(ctx, claims, private)
}
