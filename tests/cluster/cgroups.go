package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupName returns the name of the node's root cgroup in each hierarchy.
func cgroupName(dir string) string {
	return fmt.Sprintf("kube-%x", sha256.Sum256([]byte(dir)))[:13]
}

// cgroupHierarchies returns the mount points of cgroup v1 and v2. If both are
// mounted, runc uses both.
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
		// A new cpuset is empty and would reject processes.
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
// directories created as mount points. It waits for dying processes.
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
		return nil // the cluster had no node
	}
	for _, d := range strings.Fields(string(made)) {
		_ = os.Remove(d) // fails, as intended, if the directory is in use
	}
	return nil
}
