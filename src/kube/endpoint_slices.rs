//! Addresses of the API servers behind the service `default/kubernetes` (`discovery.k8s.io/v1`).

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

/// Paths to try in order: all slices of the service, then the slice that API servers maintain
/// themselves.
///
/// A role may allow only the second, by name.
pub const PATHS: [&str; 2] = [
    LIST,
    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
];

const LIST: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes&limit=32";

#[derive(Deserialize)]
#[serde(tag = "kind")]
enum Response {
    #[serde(rename = "EndpointSliceList")]
    List { items: Vec<Slice> },
    #[serde(rename = "EndpointSlice")]
    One(Slice),
}

#[derive(Deserialize)]
struct Slice {
    #[serde(default)]
    endpoints: Option<Vec<Endpoint>>,
    #[serde(default)]
    ports: Option<Vec<Port>>,
}

#[derive(Deserialize)]
struct Endpoint {
    addresses: Vec<String>,
    #[serde(default)]
    conditions: Conditions,
}

#[derive(Default, Deserialize)]
struct Conditions {
    ready: Option<bool>,
}

#[derive(Deserialize)]
struct Port {
    name: Option<String>,
    port: Option<u16>,
}

/// Parses the ready addresses of a list of slices or of one slice, sorted; `None` for any other
/// body.
///
/// An endpoint without the condition `ready` counts as ready, as the API specifies.
pub fn addresses(body: &[u8]) -> Option<Vec<SocketAddr>> {
    let slices = match serde_json::from_slice(body).ok()? {
        Response::List { items } => items,
        Response::One(slice) => vec![slice],
    };
    let mut found = BTreeSet::new();
    for slice in slices {
        let ports = slice.ports.unwrap_or_default();
        let https = ports
            .iter()
            .find(|port| port.name.as_deref() == Some("https"));
        let Some(port) = https.or(ports.first()).and_then(|port| port.port) else {
            continue;
        };
        let ready = slice
            .endpoints
            .into_iter()
            .flatten()
            .filter(|endpoint| endpoint.conditions.ready != Some(false));
        let addresses = ready.flat_map(|endpoint| endpoint.addresses);
        found
            .extend(addresses.filter_map(|address| {
                Some(SocketAddr::new(address.parse::<IpAddr>().ok()?, port))
            }));
    }
    Some(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_addresses_of_all_slices_are_deduplicated() {
        let body = br#"{"kind":"EndpointSliceList","items":[
            {"addressType":"IPv4","ports":[{"name":"https","port":6443}],
             "endpoints":[{"addresses":["10.0.0.2"],"conditions":{"ready":true}},{"addresses":["10.0.0.1"]}]},
            {"addressType":"IPv4","ports":[{"name":"https","port":6443}],
             "endpoints":[{"addresses":["10.0.0.2"]},{"addresses":["10.0.0.3"],"conditions":{"ready":false}}]},
            {"addressType":"FQDN","ports":[{"port":443}],"endpoints":[{"addresses":["api.example"]}]},
            {"addressType":"IPv4","endpoints":null}]}"#;
        let found: Vec<_> = addresses(body)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["10.0.0.1:6443", "10.0.0.2:6443"]);
    }

    #[test]
    fn a_single_slice_is_parsed() {
        let body = br#"{"kind":"EndpointSlice","ports":[{"port":443}],"endpoints":[{"addresses":["10.0.0.1"]}]}"#;
        assert_eq!(
            addresses(body).unwrap(),
            [SocketAddr::from(([10, 0, 0, 1], 443))]
        );
    }

    #[test]
    fn other_bodies_have_no_addresses() {
        for body in [
            &b"<html>"[..],
            b"{}",
            b"[]",
            b"{\"kind\":\"EndpointSliceList\",\"items\":[{\"endpoints\":[{}]}]}",
        ] {
            assert!(addresses(body).is_none());
        }
    }
}
