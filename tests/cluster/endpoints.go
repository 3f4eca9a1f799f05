package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
)

// publishServers writes the EndpointSlice default/kubernetes, which the API
// servers of a real cluster maintain. It writes to etcd directly, because the
// API rejects loopback addresses. A server that is down stays in the slice.
func publishServers(etcd string, servers []apiServer) error {
	yes, name, port, protocol := true, "https", int32(serverPort), core.ProtocolTCP
	slice := discovery.EndpointSlice{
		TypeMeta: meta.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta: meta.ObjectMeta{
			Name: "kubernetes", Namespace: "default", UID: uuid.NewUUID(), CreationTimestamp: meta.Now(), Generation: 1,
			Labels: map[string]string{discovery.LabelServiceName: "kubernetes"},
		},
		AddressType: discovery.AddressTypeIPv4,
		Ports:       []discovery.EndpointPort{{Name: &name, Port: &port, Protocol: &protocol}},
	}
	for _, s := range servers {
		slice.Endpoints = append(slice.Endpoints, discovery.Endpoint{
			Addresses: []string{s.Host}, Conditions: discovery.EndpointConditions{Ready: &yes},
		})
	}
	value, err := json.Marshal(slice)
	if err != nil {
		return err
	}
	put, err := json.Marshal(map[string][]byte{"key": []byte("/registry/endpointslices/default/kubernetes"), "value": value})
	if err != nil {
		return err
	}
	response, err := http.Post(etcd+"/v3/kv/put", "application/json", bytes.NewReader(put))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd: %s", response.Status)
	}
	return nil
}
