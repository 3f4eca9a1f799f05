//! Tests of the nodes on which an agent pod may run: the sidecar's image must have their architecture.

use serde_json::{Value, json};

use super::{PolicyCluster, agent_pod, sidecar};

#[tokio::test]
async fn agent_pods_on_other_architectures_get_no_sidecar() {
    let policy = PolicyCluster::installed().await;
    let with = |spec: Value| {
        let mut pod = agent_pod();
        let fields = spec.as_object().unwrap().clone();
        pod["spec"].as_object_mut().unwrap().extend(fields);
        pod
    };
    let node =
        |architecture: &str| json!({ "nodeSelector": { "kubernetes.io/arch": architecture } });
    let term = |operator: &str, values: &[&str]| json!({ "matchExpressions": [{ "key": "kubernetes.io/arch", "operator": operator, "values": values }] });
    let zone = json!({ "matchExpressions": [{ "key": "zone", "operator": "Exists" }] });
    let terms = |terms: &[&Value]| json!({ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } } } });
    let [amd64, arm64, s390x] = ["amd64", "arm64", "s390x"].map(|one| term("In", &[one]));
    let not_arm64 = term("NotIn", &["arm64"]);
    let both = term("In", &["amd64", "arm64"]);
    // Each pod, and whether an image for both architectures and one for amd64 alone fits it.
    let pods = [
        ("anywhere", json!({}), true, false),
        ("selects amd64", node("amd64"), true, true),
        ("selects arm64", node("arm64"), true, false),
        ("selects s390x", node("s390x"), false, false),
        ("requires amd64", terms(&[&amd64]), true, true),
        ("requires arm64", terms(&[&arm64]), true, false),
        ("requires s390x", terms(&[&s390x]), false, false),
        ("requires either", terms(&[&both]), true, false),
        (
            "requires amd64 or s390x",
            terms(&[&amd64, &s390x]),
            false,
            false,
        ),
        ("requires not arm64", terms(&[&not_arm64]), true, true),
        ("requires a zone", terms(&[&zone]), true, false),
        (
            "requires a zone or amd64",
            terms(&[&amd64, &zone]),
            true,
            false,
        ),
        (
            "Windows",
            json!({ "nodeSelector": { "kubernetes.io/os": "windows" } }),
            false,
            false,
        ),
    ];
    for (what, spec, both_fit, _) in &pods {
        let pod = policy.admit(&with(spec.clone())).await;
        let pod = pod.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(sidecar(&pod).is_some(), *both_fit, "{what}");
    }
    policy
        .install_for(&["image.architectures={amd64}"], &with(node("amd64")))
        .await;
    for (what, spec, _, amd64_fits) in &pods {
        let pod = policy.admit(&with(spec.clone())).await;
        let pod = pod.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(
            sidecar(&pod).is_some(),
            *amd64_fits,
            "{what}, image for amd64"
        );
    }
}
