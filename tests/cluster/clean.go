package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// lockDir prevents a second cluster in the directory. The kernel releases the
// lock when the process exits.
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
		return nil, fmt.Errorf("a cluster is already running in %s", dir)
	}
	return f, nil
}

// clean removes the files that a cluster leaves in its directory and, for a
// node, on the machine. Processes, mounts and the network disappear with the
// node's namespaces. The caller holds the lock.
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
