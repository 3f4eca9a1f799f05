package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// info is the JSON line that `kube up` prints when the cluster is ready, also
// stored in DIR/info.json.
type info struct {
	Dir        string         `json:"dir"`
	Server     string         `json:"server"`     // first API server, from this machine
	Servers    []apiServer    `json:"servers"`    // all of them
	Link       string         `json:"link"`       // first API server through the link, see `kube ctl link`
	CA         string         `json:"ca"`         // file
	Kubeconfig string         `json:"kubeconfig"` // file, for the administrator
	Control    string         `json:"control"`    // socket, see `kube ctl`
	Pids       map[string]int `json:"pids"`
	Node       *nodeInfo      `json:"node,omitempty"`
	ReadyMS    int64          `json:"ready_ms"`
	// Names are the names and addresses in the API servers' certificates.
	Names []string `json:"names"`
}

// apiServer is one of the API servers, which share an etcd.
type apiServer struct {
	Name string `json:"name"` // of the component
	Host string `json:"host"` // address on this machine
	URL  string `json:"url"`  // from this machine
}

type nodeInfo struct {
	Name       string `json:"name"`
	IP         string `json:"ip"`
	Server     string `json:"server"`     // API server, from inside the node
	Containerd string `json:"containerd"` // socket
	InitPid    int    `json:"init_pid"`   // holds the namespaces: nsenter -t PID -n -m -p
}

func readInfo(dir string) (*info, error) {
	data, err := os.ReadFile(filepath.Join(dir, "info.json"))
	if err != nil {
		return nil, err
	}
	i := &info{}
	return i, json.Unmarshal(data, i)
}

func (c *cluster) announce(begin time.Time) error {
	i := info{
		Dir: c.dir, Server: c.servers[0].URL, Servers: c.servers, Link: "https://" + hostPort(c.host, linkPort),
		CA: c.path("pki", "ca.crt"), Kubeconfig: c.path("admin.kubeconfig"), Control: c.path("control.sock"),
		Pids: c.pids(), ReadyMS: time.Since(begin).Milliseconds(), Names: c.names(),
	}
	if c.node != nil {
		i.Node = &nodeInfo{Name: nodeName, IP: nodeIP, Server: c.server, Containerd: c.path("node", "containerd.sock"), InitPid: i.Pids["init"]}
	}
	line, err := json.Marshal(i)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.path("info.json"), append(line, '\n'), 0o644); err != nil {
		return err
	}
	_, err = fmt.Println(string(line))
	return err
}
