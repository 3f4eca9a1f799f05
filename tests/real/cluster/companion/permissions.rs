//! Tests of the permissions that the chart grants.

use std::fs;

use castai_health_exporter::catalogue::permission;
use serde_json::{Value, json};

use super::{CompanionBed, NAMESPACE};
use crate::support::helm::{CHART, Helm};

/// Role, resource and verb; the check that fails without it, and a word of its evidence.
const PERMISSIONS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "castai-agent/castai-health-exporter",
        "deployments",
        "get",
        "castai_api",
        "is not allowed to get deployments.apps",
    ),
    (
        "castai-agent/castai-health-exporter",
        "replicasets",
        "get",
        "castai_api",
        "is not allowed to get replicasets.apps",
    ),
    (
        "castai-agent/castai-health-exporter",
        "serviceaccounts/token",
        "create",
        "apiserver",
        "is not allowed to create serviceaccounts/token",
    ),
    (
        "castai-agent/castai-health-exporter",
        "serviceaccounts",
        "get",
        "aws_credentials",
        "is not allowed to get serviceaccounts/castai-agent",
    ),
    (
        "default/castai-health-exporter-default",
        "endpointslices",
        "get",
        "apiserver",
        "cannot be listed as the exporter's service account",
    ),
];

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one installation, step by step")]
async fn chart_grants_exactly_the_needed_permissions() {
    let bed = CompanionBed::start().await;
    // An agent that calls AWS, which does not exist here.
    let keys = json!({ "env": { "AWS_ACCESS_KEY_ID": lab::aws::KEY_ID, "AWS_SECRET_ACCESS_KEY": lab::aws::SECRET } });
    bed.agent_with(&Helm::latest(), &bed.url(), &keys).await;
    bed.mount_secret();
    let everywhere = ["get", "roles,clusterroles", "--all-namespaces", "-ojson"];
    let labelled = [
        everywhere.as_slice(),
        &["--selector=app.kubernetes.io/name=castai-health-exporter"],
    ]
    .concat();
    let roles: Value =
        serde_json::from_str(&bed.cluster.kubectl(&labelled).await.unwrap()).unwrap();
    let mut granted = Vec::new();
    for role in roles["items"].as_array().unwrap() {
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let name = format!(
            "{}/{}",
            text(&role["metadata"]["namespace"]),
            text(&role["metadata"]["name"])
        );
        for rule in role["rules"].as_array().unwrap() {
            for (resource, verb) in
                rule["resources"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .flat_map(|resource| {
                        rule["verbs"]
                            .as_array()
                            .unwrap()
                            .iter()
                            .map(move |verb| (resource, verb))
                    })
            {
                granted.push((name.clone(), text(resource), text(verb)));
            }
        }
    }
    granted.sort();
    let mut needed: Vec<_> = PERMISSIONS
        .iter()
        .map(|(role, resource, verb, ..)| {
            (
                (*role).to_owned(),
                (*resource).to_owned(),
                (*verb).to_owned(),
            )
        })
        .collect();
    // Watched resources. Tests of the checks cover the verb that each check names.
    for right in permission::PERMISSIONS
        .iter()
        .filter(|right| !right.checks.is_empty())
    {
        let role = match right.scope {
            permission::RoleScope::AgentNamespace => "castai-agent/castai-health-exporter",
            permission::RoleScope::Cluster => "/castai-health-exporter-cluster",
            permission::RoleScope::Namespace(_) => continue,
        };
        if right.resource != "namespaces" {
            // The namespace is read with the agent's identity.
            needed.extend(right.verbs.iter().map(|verb| {
                (
                    role.to_owned(),
                    right.resource.to_owned(),
                    (*verb).to_owned(),
                )
            }));
        }
    }
    needed.sort();
    needed.dedup();
    assert_eq!(
        granted, needed,
        "the chart grants more or less than is used"
    );

    for (role, resource, verb, check, word) in PERMISSIONS {
        let (namespace, name) = role.split_once('/').unwrap();
        let get = ["get", "role", "--namespace", namespace, name, "-ojson"];
        let whole = bed.cluster.kubectl(&get).await.unwrap();
        let mut role: Value = serde_json::from_str(&whole).unwrap();
        role["rules"]
            .as_array_mut()
            .unwrap()
            .retain(|rule| rule["resources"] != serde_json::json!([resource]));
        let path = bed.dir.path().join("role.json");
        let replaced = async |text: String| {
            fs::write(&path, text).unwrap();
            bed.cluster
                .kubectl(&["replace", "--force", "-f", path.to_str().unwrap()])
                .await
                .unwrap();
        };
        replaced(role.to_string()).await;
        let checks = bed.check().await;
        let evidence = checks[*check]["evidence"].as_str().unwrap();
        assert!(
            evidence.contains(word),
            "without {verb} {resource}: {evidence}"
        );
        replaced(whole).await;
    }
    let checks = bed.check().await;
    assert_eq!(
        (
            &checks["apiserver"]["status"],
            &checks["castai_api"]["status"]
        ),
        (&"ok".into(), &"ok".into())
    );
}

#[tokio::test]
async fn tokens_are_issued_for_the_agents_account_only() {
    const OWN: &str = "--as=system:serviceaccount:castai-agent:castai-health-exporter";
    let bed = CompanionBed::start().await;
    let may = async |verb: &str, object: &str, namespace: &str| {
        let arguments = [
            "auth",
            "can-i",
            verb,
            object,
            "--subresource=token",
            "--namespace",
            namespace,
            OWN,
        ];
        // `can-i` exits with 1 and prints no.
        let answer = bed.cluster.kubectl(&arguments).await;
        answer.is_ok_and(|answer| answer.trim() == "yes")
    };
    assert!(may("create", "serviceaccounts/castai-agent", NAMESPACE).await);
    for (verb, object, namespace) in [
        ("create", "serviceaccounts/default", NAMESPACE),
        (
            "create",
            "serviceaccounts/castai-health-exporter",
            NAMESPACE,
        ),
        ("create", "serviceaccounts", NAMESPACE),
        ("create", "serviceaccounts/castai-agent", "default"),
        ("get", "serviceaccounts/castai-agent", NAMESPACE),
        ("update", "serviceaccounts/castai-agent", NAMESPACE),
    ] {
        assert!(
            !may(verb, object, namespace).await,
            "{verb} {object} in {namespace}"
        );
    }
}

#[tokio::test]
async fn companion_without_token_requests_uses_its_own_view() {
    let bed = CompanionBed::start().await;
    bed.agent(&Helm::latest(), &bed.url()).await;
    bed.mount_secret();
    let upgrade = [
        "upgrade",
        "castai-health-exporter",
        CHART,
        "--namespace",
        NAMESPACE,
        "--reuse-values",
        "--set",
        "agent.tokenRequests=false",
    ];
    Helm::latest().on(&bed.cluster, &upgrade).await.unwrap();
    let role = [
        "get",
        "role",
        "castai-health-exporter",
        "-n",
        NAMESPACE,
        "-ojson",
    ];
    let role = bed.cluster.kubectl(&role).await.unwrap();
    assert!(!role.contains("serviceaccounts/token"), "{role}");

    let file = fs::read_to_string(&bed.file).unwrap();
    let file = file.replacen("agent: {", "agent: { token_requests: false,", 1);
    fs::write(&bed.file, file).unwrap();
    let checks = bed.check().await;
    let verdict = |check: &str| {
        let text = |field: &str| checks[check][field].as_str().unwrap().to_owned();
        (text("status"), text("evidence"))
    };
    let (status, evidence) = verdict("apiserver");
    assert_eq!(status, "ok", "{evidence}");
    assert!(
        evidence.contains("tested as the exporter's service account"),
        "{evidence}"
    );
    let (status, evidence) = verdict("agent_permissions");
    assert_eq!(status, "not_applicable", "{evidence}");
    assert!(evidence.contains("agent.token_requests"), "{evidence}");
    let (status, evidence) = verdict("castai_api");
    assert_eq!(status, "ok", "{evidence}");
    // Its own account sees this: the cluster has no node for the agent.
    let (status, evidence) = verdict("agent_workload");
    assert_eq!(status, "failing", "{evidence}");
    assert!(evidence.contains("is not scheduled"), "{evidence}");
}
