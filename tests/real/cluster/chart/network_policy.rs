//! Tests of the `NetworkPolicy`: under default deny, every connection of the companion is allowed, and
//! others are not.

use std::net::IpAddr;

use serde_json::Value;

use super::rendered::Rendered;
use crate::support::helm::Helm;

/// A pod that a policy can select.
struct Pod {
    namespace: &'static str,
    name: &'static str,
}

/// Where a connection goes.
enum Peer {
    Address(&'static str),
    Pod(Pod),
}

const AGENT: Peer = Peer::Pod(Pod {
    namespace: "castai-agent",
    name: "castai-agent",
});

/// Returns whether the egress rules allow this connection, as the Kubernetes API defines it.
fn allows(policy: &Value, peer: &Peer, protocol: &str, port: u16) -> bool {
    policy["spec"]["egress"]
        .as_array()
        .unwrap()
        .iter()
        .any(|rule| {
            let ports = rule["ports"].as_array().unwrap();
            let to_port = ports
                .iter()
                .any(|allowed| allowed["protocol"] == protocol && allowed["port"] == port);
            let to_peer = rule["to"]
                .as_array()
                .is_none_or(|peers| peers.iter().any(|allowed| matches(allowed, peer)));
            to_port && to_peer
        })
}

fn matches(allowed: &Value, peer: &Peer) -> bool {
    match peer {
        Peer::Address(address) => allowed["ipBlock"]["cidr"].as_str().is_some_and(|cidr| {
            let (network, length) = cidr.split_once('/').unwrap();
            let network: IpAddr = network.parse().unwrap();
            let full = if network.is_ipv4() { "32" } else { "128" };
            assert_eq!(length, full, "this test knows single addresses only");
            network == address.parse::<IpAddr>().unwrap()
        }),
        Peer::Pod(pod) => {
            allowed["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                == pod.namespace
                && allowed["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == pod.name
        }
    }
}

#[tokio::test]
async fn every_target_of_the_checks_is_allowed() {
    let rendered = Rendered::with(&Helm::latest(), &["networkPolicy.enabled=true"]).await;
    let policy = rendered.one("NetworkPolicy");
    for (what, peer, protocol, port) in [
        ("DNS", Peer::Address("10.96.0.10"), "UDP", 53),
        ("DNS over TCP", Peer::Address("169.254.20.10"), "TCP", 53),
        ("API server", Peer::Address("10.96.0.1"), "TCP", 443),
        (
            "API server's endpoint",
            Peer::Address("192.0.2.1"),
            "TCP",
            6443,
        ),
        (
            "CAST AI, AWS, Google Cloud, Azure",
            Peer::Address("198.51.100.7"),
            "TCP",
            443,
        ),
        (
            "instance metadata",
            Peer::Address("169.254.169.254"),
            "TCP",
            80,
        ),
        (
            "instance metadata, IPv6",
            Peer::Address("fd00:ec2::254"),
            "TCP",
            80,
        ),
        (
            "EKS Pod Identity",
            Peer::Address("169.254.170.23"),
            "TCP",
            80,
        ),
        (
            "EKS Pod Identity, IPv6",
            Peer::Address("fd00:ec2::23"),
            "TCP",
            80,
        ),
        (
            "GKE metadata server",
            Peer::Address("169.254.169.252"),
            "TCP",
            988,
        ),
        ("agent's health port", AGENT, "TCP", 9876),
        ("agent's metrics port", AGENT, "TCP", 9877),
        ("sidecar", AGENT, "TCP", 9878),
    ] {
        assert!(allows(policy, &peer, protocol, port), "{what}");
    }
    for (what, peer, protocol, port) in [
        ("plain HTTP", Peer::Address("198.51.100.7"), "TCP", 80),
        ("kubelet", Peer::Address("192.0.2.2"), "TCP", 10250),
        ("another port of the agent", AGENT, "TCP", 6060),
        (
            "another pod",
            Peer::Pod(Pod {
                namespace: "castai-agent",
                name: "other",
            }),
            "TCP",
            9876,
        ),
    ] {
        assert!(!allows(policy, &peer, protocol, port), "{what}");
    }
}

#[tokio::test]
async fn policy_selects_the_companion_and_the_test_but_never_the_agent() {
    let rendered = Rendered::with(&Helm::latest(), &["networkPolicy.enabled=true"]).await;
    let selector = &rendered.one("NetworkPolicy")["spec"]["podSelector"];
    let names = selector["matchExpressions"][0]["values"]
        .as_array()
        .unwrap();
    let name = |object: &Value| object["metadata"]["labels"]["app.kubernetes.io/name"].clone();
    let companion = name(&rendered.one("Deployment")["spec"]["template"]);
    assert_eq!(names, &[companion, name(rendered.one("Pod"))]);
    assert!(!names.contains(&"castai-agent".into()));
}

#[tokio::test]
async fn egress_can_be_narrowed_extended_or_left_open() {
    let helm = Helm::latest();
    let values = [
        "networkPolicy.enabled=true",
        "networkPolicy.egress.ports={443}",
        "networkPolicy.egress.to[0].ipBlock.cidr=198.51.100.7/32",
        "networkPolicy.egress.agentPort=1234",
        "networkPolicy.egress.agentMetricsPort=1235",
        "networkPolicy.egress.extra[0].ports[0].protocol=TCP",
        "networkPolicy.egress.extra[0].ports[0].port=3128",
    ];
    let rendered = Rendered::with(&helm, &values).await;
    let policy = rendered.one("NetworkPolicy");
    for (address, port, wanted) in [
        ("198.51.100.7", 443, true),
        ("198.51.100.8", 443, false),
        ("198.51.100.7", 6443, false),
        ("198.51.100.8", 3128, true),
    ] {
        let allowed = allows(policy, &Peer::Address(address), "TCP", port);
        assert_eq!(allowed, wanted, "{address}:{port}");
    }
    assert!(allows(policy, &AGENT, "TCP", 1234));
    assert!(allows(policy, &AGENT, "TCP", 1235));
    let open = [
        "networkPolicy.enabled=true",
        "networkPolicy.egress.enabled=false",
    ];
    let rendered = Rendered::with(&helm, &open).await;
    let spec = &rendered.one("NetworkPolicy")["spec"];
    assert_eq!(spec["policyTypes"], serde_json::json!(["Ingress"]));
    assert_eq!(spec.get("egress"), None);
}

#[tokio::test]
async fn policy_is_on_where_the_values_say_who_scrapes() {
    let helm = Helm::latest();
    let scraper = "networkPolicy.from[0].namespaceSelector.matchLabels.name=monitoring";
    let count = |rendered: &Rendered| rendered.of_kind("NetworkPolicy").len();
    assert_eq!(count(&Rendered::with(&helm, &[]).await), 0);
    let rendered = Rendered::with(&helm, &[scraper]).await;
    let spec = &rendered.one("NetworkPolicy")["spec"];
    let from = &spec["ingress"][0]["from"][0]["namespaceSelector"]["matchLabels"];
    assert_eq!(from["name"], "monitoring");
    // A user who says who scrapes does not expect that a proxy on another port is cut off.
    assert_eq!(spec["policyTypes"], serde_json::json!(["Ingress"]));
    assert_eq!(spec.get("egress"), None);
    let off = [scraper, "networkPolicy.enabled=false"];
    assert_eq!(count(&Rendered::with(&helm, &off).await), 0);
    let on = [scraper, "networkPolicy.enabled=true"];
    let rendered = Rendered::with(&helm, &on).await;
    let types = &rendered.one("NetworkPolicy")["spec"]["policyTypes"];
    assert_eq!(types, &serde_json::json!(["Ingress", "Egress"]));
}
