package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// runFake creates nodes and pods for kwok, which then sets their status. The
// pods are bound to their nodes already, so the scheduler ignores them.
func runFake(args []string) error {
	flags := pflag.NewFlagSet("fake", pflag.ContinueOnError)
	dir := flags.String("dir", "", "directory of the cluster")
	nodes := flags.Int("nodes", 0, "create nodes fake-0 to fake-(N-1)")
	pods := flags.Int("pods", 0, "create pods fake-0 to fake-(N-1), spread over --spread nodes")
	spread := flags.Int("spread", 1, "number of nodes to spread the pods over")
	parallel := flags.Int("parallel", 16, "number of concurrent requests")
	if err := flags.Parse(args); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(*dir, "admin.kubeconfig"))
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	type object = map[string]any
	begin := time.Now()
	err = createMany(client, config.Host+"/api/v1/nodes", *nodes, *parallel, func(i int) any {
		resources := object{"cpu": "32", "memory": "256Gi", "pods": "110"}
		return object{"apiVersion": "v1", "kind": "Node",
			"metadata": object{"name": fmt.Sprintf("fake-%d", i),
				"annotations": object{"kwok.x-k8s.io/node": "fake"}, "labels": object{"type": "kwok"}},
			"status": object{"capacity": resources, "allocatable": resources}}
	})
	if err == nil {
		err = createMany(client, config.Host+"/api/v1/namespaces/default/pods", *pods, *parallel, func(i int) any {
			return object{"apiVersion": "v1", "kind": "Pod",
				"metadata": object{"name": fmt.Sprintf("fake-%d", i), "labels": object{"app": "fake"}},
				"spec": object{"nodeName": fmt.Sprintf("fake-%d", i%*spread), "automountServiceAccountToken": false,
					"containers": []any{object{"name": "main", "image": "fake"}}}}
		})
	}
	fmt.Printf("%d nodes and %d pods in %.1f s\n", *nodes, *pods, time.Since(begin).Seconds())
	return err
}

func createMany(client *http.Client, url string, count, parallel int, object func(i int) any) error {
	numbers := make(chan int)
	failures := make([]error, parallel)
	var workers sync.WaitGroup
	for w := range parallel {
		workers.Go(func() {
			for i := range numbers {
				if failures[w] == nil {
					failures[w] = create(client, url, object(i))
				}
			}
		})
	}
	for i := range count {
		numbers <- i
	}
	close(numbers)
	workers.Wait()
	return errors.Join(failures...)
}

func create(client *http.Client, url string, object any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	response, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusCreated {
		err = fmt.Errorf("%s: %.300s", response.Status, text)
	}
	return err
}
