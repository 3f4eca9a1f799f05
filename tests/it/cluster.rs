//! The real control plane does what the scenarios ask of it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::sleep;

use crate::support::cluster::Account;
use crate::support::cluster::ApiServer;
use crate::support::cluster::Certificate;
use crate::support::cluster::Cluster;
use crate::support::cluster::Grant;
use crate::support::cluster::Token;

const AGENT: Account<'_> = Account {
    namespace: "castai-agent",
    name: "castai-agent",
    token: Token::Valid,
    grants: &[Grant::Namespaces, Grant::EndpointSlices],
};
const NAMESPACE: &str = "/api/v1/namespaces/kube-system";
/// Part of the answer when all is well.
const FOUND: &str = "\"phase\":\"Active\"";
/// A token that was good is good for ten seconds more.
const PATIENCE: Duration = Duration::from_secs(15);
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

/// A pod of the agent, which asks by kubectl.
struct Pod<'a> {
    cluster: &'a Cluster,
    mount: PathBuf,
}

impl<'a> Pod<'a> {
    async fn of(account: &Account<'_>, cluster: &'a Cluster) -> Self {
        Self { cluster, mount: cluster.mount(account).await.unwrap() }
    }

    /// The answer, or what kubectl says instead.
    async fn get(&self, server: &str, path: &str) -> String {
        let ca = format!("--certificate-authority={}", self.mount.join("ca.crt").display());
        let token = format!("--token={}", fs::read_to_string(self.mount.join("token")).unwrap());
        let flags = ["--kubeconfig=/dev/null", "--request-timeout=2s", "--server", server, &ca, &token];
        let answer = self.cluster.kubectl(&[&flags, ["get", "--raw", path].as_slice()].concat()).await;
        answer.unwrap_or_else(|error| error.to_string())
    }

    async fn waits_for(&self, text: &str, server: &ApiServer) {
        let begin = Instant::now();
        loop {
            let answer = self.get(&server.url, NAMESPACE).await;
            if answer.contains(text) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "no {text:?} in {answer}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn one_api_server_hangs_and_dies_while_the_other_answers() {
    let cluster = Cluster::start(2).await.unwrap();
    let [first, second] = cluster.api_servers() else { panic!("two were started") };
    let pod = Pod::of(&AGENT, &cluster).await;

    assert_eq!(fs::read(pod.mount.join("ca.crt")).unwrap(), fs::read(cluster.ca()).unwrap());
    assert!(fs::read_to_string(cluster.kubeconfig()).unwrap().contains(&first.url));
    let slices = pod.get(&first.url, SLICES).await;
    assert!([first, second].iter().all(|server| slices.contains(&server.host.to_string())), "{slices}");
    assert_eq!(second.url, format!("https://{}:{}", second.host, ApiServer::PORT));

    cluster.pause(&second.name).await.unwrap();
    assert!(pod.get(&second.url, NAMESPACE).await.contains("timeout"));
    assert!(pod.get(&first.url, NAMESPACE).await.contains(FOUND));
    cluster.resume(&second.name).await.unwrap();
    assert!(pod.get(&second.url, NAMESPACE).await.contains(FOUND));

    cluster.kill(&second.name).await.unwrap();
    assert!(pod.get(&second.url, NAMESPACE).await.contains("refused"));
    assert!(pod.get(&first.url, NAMESPACE).await.contains(FOUND));
    cluster.revive(&second.name).await.unwrap();
    pod.waits_for(FOUND, second).await;

    cluster.control("link reset").await.unwrap();
    assert!(pod.get(cluster.link(), NAMESPACE).await.contains("reset by peer"));
    cluster.control("link ok").await.unwrap();
    assert!(pod.get(cluster.link(), NAMESPACE).await.contains(FOUND));
}

#[tokio::test]
async fn certificates_are_replaced_while_the_servers_run() {
    let cluster = Cluster::start(2).await.unwrap();
    let [first, second] = cluster.api_servers() else { panic!("two were started") };
    let pod = Pod::of(&AGENT, &cluster).await;
    for (certificate, text) in [
        (Certificate::Expired, "certificate has expired"),
        (Certificate::ForeignCa, "signed by unknown authority"),
        (Certificate::OtherName("other.test"), "cannot validate certificate for"),
    ] {
        cluster.certify(Some(second), certificate).await.unwrap();
        pod.waits_for(text, second).await;
        pod.waits_for(FOUND, first).await;
        cluster.certify(None, Certificate::Valid).await.unwrap();
        pod.waits_for(FOUND, second).await;
    }
}

#[tokio::test]
async fn a_pod_loses_its_rights_and_its_account() {
    let cluster = Cluster::start(1).await.unwrap();
    let server = &cluster.api_servers()[0];
    let pod = Pod::of(&AGENT, &cluster).await;
    assert!(pod.get(&server.url, NAMESPACE).await.contains(FOUND));

    cluster.revoke(&AGENT, Grant::Namespaces).await.unwrap();
    cluster.revoke(&AGENT, Grant::EndpointSlices).await.unwrap();
    pod.waits_for("Forbidden", server).await;
    assert!(pod.get(&server.url, SLICES).await.contains("Forbidden"));

    cluster.mount(&Account { token: Token::Expired, ..AGENT }).await.unwrap();
    assert!(pod.get(&server.url, NAMESPACE).await.contains("Unauthorized"));
    cluster.mount(&AGENT).await.unwrap();
    pod.waits_for(FOUND, server).await;

    cluster.kubectl(&["delete", "serviceaccount", "--namespace", AGENT.namespace, AGENT.name]).await.unwrap();
    pod.waits_for("Unauthorized", server).await;
    cluster.mount(&AGENT).await.unwrap();
    pod.waits_for(FOUND, server).await;
}

#[tokio::test]
async fn what_a_component_refuses_is_reported_with_its_words() {
    let cluster = Cluster::start(1).await.unwrap();
    let error = cluster.pause("kube-apiserver-7").await.unwrap_err();
    assert!(error.to_string().contains("no component \"kube-apiserver-7\""), "{error}");
}
