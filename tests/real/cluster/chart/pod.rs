//! Tests of the values of the companion's pod.

use serde_json::{Value, json};

use super::rendered::Rendered;
use crate::support::helm::Helm;

const ARCHITECTURES: &str = "kubernetes.io/arch";

/// Returns the required terms of the pod's node affinity.
fn node_terms(rendered: &Rendered) -> &Vec<Value> {
    let required = &rendered.pod()["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    required["nodeSelectorTerms"].as_array().unwrap()
}

#[tokio::test]
async fn companion_runs_on_linux_nodes_of_the_images_architectures_only() {
    let helm = Helm::latest();
    let expression =
        |values: Value| json!({"key": ARCHITECTURES, "operator": "In", "values": values});
    let default = Rendered::with(&helm, &["nodeSelector.pool=system"]).await;
    assert_eq!(
        default.pod()["nodeSelector"],
        json!({"kubernetes.io/os": "linux", "pool": "system"})
    );
    let wanted = json!([{"matchExpressions": [expression(json!(["amd64", "arm64"]))]}]);
    assert_eq!(&json!(node_terms(&default)), &wanted);
    assert!(default.pod()["affinity"]["podAffinity"].is_object());

    let terms =
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
    let own = Rendered::with(
        &helm,
        &[
            "image.architectures={arm64}",
            &format!("{terms}[0].matchExpressions[0].key=zone"),
            &format!("{terms}[0].matchExpressions[0].operator=Exists"),
            &format!("{terms}[1].matchFields[0].key=metadata.name"),
            &format!("{terms}[1].matchFields[0].operator=In"),
            &format!("{terms}[1].matchFields[0].values[0]=node1"),
        ],
    )
    .await;
    // Terms are alternatives, so each needs the architecture.
    for term in node_terms(&own) {
        let expressions = term["matchExpressions"].as_array().unwrap();
        assert!(
            expressions.contains(&expression(json!(["arm64"]))),
            "{term}"
        );
    }
    assert_eq!(node_terms(&own).len(), 2);
    assert_eq!(node_terms(&own)[0]["matchExpressions"][0]["key"], "zone");
    assert!(own.pod()["affinity"].get("podAffinity").is_none());

    let any = Rendered::with(&helm, &["image.architectures=null"]).await;
    assert!(any.pod()["affinity"].get("nodeAffinity").is_none());
}

#[tokio::test]
async fn labels_cannot_replace_those_of_the_selector() {
    let values = [
        "commonLabels.app\\.kubernetes\\.io/name=castai-agent",
        "podLabels.app\\.kubernetes\\.io/instance=castai-agent",
        "podLabels.team=sre",
        "commonLabels.tier=one",
    ];
    let rendered = Rendered::with(&Helm::latest(), &values).await;
    let deployment = rendered.one("Deployment");
    let selector = deployment["spec"]["selector"]["matchLabels"]
        .as_object()
        .unwrap();
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    for (name, value) in selector {
        assert_eq!(&labels[name], value, "{name}");
    }
    assert_eq!(labels["team"], "sre");
    assert_eq!(deployment["metadata"]["labels"].get("team"), None);
    for kind in ["Service", "ServiceAccount", "Deployment", "ClusterRole"] {
        assert_eq!(rendered.one(kind)["metadata"]["labels"]["tier"], "one");
    }
    // Otherwise the Deployment and the Service would select the pod of the test.
    let test = &rendered.one("Pod")["metadata"]["labels"];
    assert_ne!(
        test["app.kubernetes.io/name"],
        labels["app.kubernetes.io/name"]
    );
}

#[tokio::test]
async fn environment_is_a_list_or_a_map() {
    let helm = Helm::latest();
    let wanted = json!([{"name": "A", "value": "b"}, {"name": "C", "value": "1"}]);
    let map = Rendered::with(&helm, &["extraEnv.A=b", "extraEnv.C=1"]).await;
    let list = [
        "extraEnv[0].name=A",
        "extraEnv[0].value=b",
        "extraEnv[1].name=C",
        "extraEnv[1].value=\"1\"",
    ];
    assert_eq!(map.container()["env"], wanted);
    let list = Rendered::with(&helm, &list[..3]).await;
    assert_eq!(list.container()["env"][0], wanted[0]);
    // The test of the release runs with the same environment.
    assert_eq!(map.one("Pod")["spec"]["containers"][0]["env"], wanted);
}

#[tokio::test]
async fn image_is_named_by_registry_repository_and_digest() {
    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let helm = Helm::latest();
    let name = "image.repository=castai-health-exporter";
    for (values, wanted) in [
        (
            [name, "image.registry=r.example.com", ""].as_slice(),
            "r.example.com/castai-health-exporter:0.1.0",
        ),
        (
            &[
                name,
                "image.registry=a.example.com",
                "global.imageRegistry=b.example.com:5000/",
            ],
            "b.example.com:5000/castai-health-exporter:0.1.0",
        ),
        (
            &[
                name,
                "image.registry=a.example.com",
                "global.registry=mirror.example.com/castai",
            ],
            "mirror.example.com/castai/castai-health-exporter:0.1.0",
        ),
        (
            &["image.tag=1.2.3"],
            "local.test/castai-health-exporter:1.2.3",
        ),
    ] {
        let values: Vec<&str> = values
            .iter()
            .copied()
            .filter(|value| !value.is_empty())
            .collect();
        let rendered = Rendered::with(&helm, &values).await;
        assert_eq!(rendered.container()["image"], wanted);
    }
    let digest = format!("image.digest={DIGEST}");
    let rendered = Rendered::with(&helm, &[&digest, "image.tag=v1"]).await;
    let wanted = format!("local.test/castai-health-exporter@{DIGEST}");
    assert_eq!(rendered.container()["image"], wanted.as_str());
}

#[tokio::test]
async fn pull_secrets_are_objects_or_names() {
    let values = [
        "imagePullSecrets[0].name=one",
        "imagePullSecrets[1]=two",
        "global.imagePullSecrets[0].name=three",
        "global.imagePullSecrets[1]=four",
    ];
    let rendered = Rendered::with(&Helm::latest(), &values).await;
    let wanted = json!([{"name": "one"}, {"name": "two"}, {"name": "three"}, {"name": "four"}]);
    assert_eq!(rendered.pod()["imagePullSecrets"], wanted);
}

#[tokio::test]
async fn a_chart_without_a_registry_fails_with_one_sentence() {
    for helm in Helm::both() {
        let arguments = ["template", "exporter", crate::support::helm::CHART];
        let error = helm.offline(&arguments).await.unwrap_err();
        let sentence = "image.registry: this version of the chart names no registry, so castai-health-exporter:0.1.0 cannot be pulled; push the image to your own registry and add --set image.registry=REGISTRY (or global.imageRegistry)\n";
        assert!(error.contains(sentence), "{error}");
    }
}

#[tokio::test]
async fn secrets_are_mounted_with_the_listed_keys_only() {
    let values = [
        "agent.secrets[0]=whole.secret",
        "agent.secrets[1].name=shared",
        "agent.secrets[1].keys={API_KEY,API_URL}",
    ];
    let rendered = Rendered::with(&Helm::latest(), &values).await;
    let volumes = rendered.pod()["volumes"].as_array().unwrap();
    let item = |key: &str| json!({"key": key, "path": key});
    assert_eq!(
        &json!(volumes),
        &json!([
            {"name": "secret-whole-secret", "secret": {"secretName": "whole.secret", "optional": true}},
            {"name": "secret-shared", "secret": {
                "secretName": "shared", "optional": true, "items": [item("API_KEY"), item("API_URL")],
            }},
        ])
    );
    let mounts = rendered.container()["volumeMounts"].as_array().unwrap();
    let paths: Vec<&Value> = mounts.iter().map(|mount| &mount["mountPath"]).collect();
    // The exporter knows from the path whether it sees every key.
    assert_eq!(
        paths,
        [
            "/etc/castai-agent/secrets/whole.secret",
            "/etc/castai-agent/secret-keys/shared"
        ]
    );
}

#[tokio::test]
async fn tokens_are_requested_of_the_agents_account_only_or_not_at_all() {
    const TOKENS: &str = "serviceaccounts/token";
    const FLAG: &str = "--agent.no-token-requests";
    let helm = Helm::latest();
    let rules = |rendered: &Rendered| -> Vec<Value> {
        let roles = ["Role", "ClusterRole"]
            .into_iter()
            .flat_map(|kind| rendered.of_kind(kind));
        roles
            .flat_map(|role| role["rules"].as_array().unwrap().clone())
            .filter(|rule| rule["resources"] == json!([TOKENS]))
            .collect()
    };
    let values = ["agent.serviceAccount=the-agent", "sidecar.enabled=true"];
    let rendered = Rendered::with(&helm, &values).await;
    assert_eq!(
        rules(&rendered),
        [json!({
            "apiGroups": [""], "resources": [TOKENS], "resourceNames": ["the-agent"], "verbs": ["create"],
        })]
    );
    assert!(!rendered.arguments().contains(&FLAG.to_owned()));
    let values = [values[0], values[1], "agent.tokenRequests=false"];
    let rendered = Rendered::with(&helm, &values).await;
    assert!(rules(&rendered).is_empty());
    assert!(rendered.arguments().contains(&FLAG.to_owned()));
    // So does the pod of `helm test`.
    let test = &rendered.one("Pod")["spec"]["containers"][0]["args"];
    assert!(test.as_array().unwrap().contains(&json!(FLAG)), "{test}");
    // The sidecar has the agent's own token.
    let policy = rendered.one("MutatingAdmissionPolicy").to_string();
    assert!(!policy.contains(FLAG), "{policy}");
}
