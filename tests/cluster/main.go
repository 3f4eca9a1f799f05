// Command kube is a whole Kubernetes in one binary: the upstream commands as
// subcommands, and `kube up`, which runs them as a disposable test cluster. See
// README.md.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	_ "time/tzdata"

	"github.com/spf13/cobra"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// upstreamCommands parse their own flags.
var upstreamCommands = map[string]func() *cobra.Command{
	"etcd":                    newEtcdCommand,
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllers.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kube-proxy":              proxy.NewProxyCommand,
	"kubectl":                 func() *cobra.Command { return kubectl.NewDefaultKubectlCommand() },
}

// clusterCommands manage the test cluster.
var clusterCommands = map[string]func(args []string) error{
	"up":    runUp,
	"ctl":   runCtl,
	"cert":  runCert,
	"sa":    runSA,
	"image": runImage,
	"clean": runClean,
	"fake":  runFake,
}

func main() {
	name := ""
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	if newCommand, ok := upstreamCommands[name]; ok {
		os.Args = os.Args[1:]
		os.Exit(cli.Run(newCommand()))
	}
	run, ok := clusterCommands[name]
	if !ok {
		var names []string
		for n := range upstreamCommands {
			names = append(names, n)
		}
		for n := range clusterCommands {
			names = append(names, n)
		}
		slices.Sort(names)
		fmt.Fprintln(os.Stderr, "usage: kube COMMAND ..., with COMMAND one of", names)
		os.Exit(2)
	}
	if err := run(os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "kube %s: %v\n", name, err)
		os.Exit(1)
	}
}
