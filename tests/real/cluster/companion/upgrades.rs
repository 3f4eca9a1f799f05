//! Tests of a companion that follows its agent.

use std::fs;

use serde_json::{Value, json};

use super::super::role::AUDIENCE;
use super::aws_role::Aws;
use super::{CompanionBed, FOLLOW_TIMEOUT, NAMESPACE, info, status};
use crate::support::helm::Helm;

#[tokio::test]
async fn companion_follows_agent_upgrade_rollback_and_reinstall() {
    let bed = CompanionBed::start().await;
    let [helm3, helm4] = Helm::both();
    bed.mount_secret();
    let exporter = bed.exporter().await;
    let absent = [
        status("apiserver", "not_applicable"),
        status("castai_api", "not_applicable"),
        info("none"),
    ];
    let fine = [
        status("apiserver", "ok"),
        status("castai_api", "ok"),
        info("pod"),
    ];
    let wait_for_metrics = async |lines: &[String]| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        exporter.wait_for_metrics(&lines, FOLLOW_TIMEOUT).await
    };
    wait_for_metrics(&absent).await;
    bed.agent(&helm3, &bed.url()).await;
    wait_for_metrics(&fine).await;

    // Upgrade the agent with an invalid value, then roll back.
    bed.agent(&helm3, "/no/host").await;
    let slip = r#"castai_health_failure{check="castai_api",mode="agent_config_invalid",severity="critical",caused_by=""} 1"#;
    wait_for_metrics(&[slip.to_owned(), info("pod")]).await;
    helm3
        .on(
            &bed.cluster,
            &["rollback", "castai-agent", "1", "--namespace", NAMESPACE],
        )
        .await
        .unwrap();
    wait_for_metrics(&fine).await;

    // Uninstall the agent with its account, then reinstall it with the other Helm.
    helm3
        .on(
            &bed.cluster,
            &["uninstall", "castai-agent", "--namespace", NAMESPACE],
        )
        .await
        .unwrap();
    wait_for_metrics(&absent).await;
    bed.agent(&helm4, &bed.url()).await;
    wait_for_metrics(&fine).await;

    // Scale the Deployment to zero, then delete it.
    let agent = ["--namespace", NAMESPACE, "deployment", "castai-agent"];
    bed.cluster
        .kubectl(&[["scale", "--replicas=0"].as_slice(), &agent].concat())
        .await
        .unwrap();
    wait_for_metrics(&[status("castai_api", "ok"), info("deployment")]).await;
    let known = bed
        .cluster
        .kubectl(&[["get", "-ojson"].as_slice(), &agent].concat())
        .await
        .unwrap();
    bed.cluster
        .kubectl(&[["delete"].as_slice(), &agent].concat())
        .await
        .unwrap();
    wait_for_metrics(&[
        status("apiserver", "ok"),
        status("castai_api", "not_applicable"),
        info("none"),
    ])
    .await;

    // Recreate it under another name; the chart's labels identify it.
    let mut renamed: Value = serde_json::from_str(&known).unwrap();
    renamed["metadata"] = json!({
        "name": "prod-castai-agent",
        "namespace": NAMESPACE,
        "labels": renamed["metadata"]["labels"],
    });
    renamed["spec"]["replicas"] = json!(1);
    let path = bed.dir.path().join("renamed.json");
    fs::write(&path, renamed.to_string()).unwrap();
    bed.cluster
        .kubectl(&["create", "-f", path.to_str().unwrap()])
        .await
        .unwrap();
    wait_for_metrics(&fine).await;

    let log = exporter.log();
    assert!(
        !log.contains(lab::API_KEY) && !log.contains("eyJ"),
        "a secret is in the log: {log}"
    );
}

#[tokio::test]
async fn invalid_agent_values_are_reported_and_recover_without_restart() {
    let bed = CompanionBed::start().await;
    bed.mount_secret();
    let aws = Aws::of(&bed.cluster).await;
    let helm = Helm::latest();
    let with = |changes: Value| {
        let mut values = aws.values("", AUDIENCE);
        let env = values["env"].as_object_mut().unwrap();
        env.insert("AWS_ACCESS_KEY_ID".to_owned(), lab::aws::KEY_ID.into());
        env.insert("AWS_SECRET_ACCESS_KEY".to_owned(), lab::aws::SECRET.into());
        env.extend(changes.as_object().unwrap().clone());
        values
    };
    let fine = [
        "aws_credentials",
        "sts_identity",
        "ec2_api",
        "cluster_metadata",
    ]
    .map(|check| status(check, "ok"))
    .to_vec();
    let exporter = bed.exporter().await;
    let wait_for_metrics = async |lines: &[String]| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        exporter.wait_for_metrics(&lines, FOLLOW_TIMEOUT).await
    };
    bed.agent_with(&helm, &bed.url(), &with(json!({}))).await;
    wait_for_metrics(&fine).await;
    let slips = [
        (
            json!({ "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE" }),
            "sts_identity",
            "aws_key_invalid",
        ),
        (
            json!({ "AWS_SECRET_ACCESS_KEY": "" }),
            "aws_credentials",
            "aws_key_incomplete",
        ),
        (
            json!({ "EKS_REGION": "" }),
            "cluster_metadata",
            "agent_config_env_missing",
        ),
        (
            json!({ "EKS_ACCOUNT_ID": "12345678901" }),
            "cluster_metadata",
            "metadata_account_malformed",
        ),
    ];
    for (slip, check, mode) in slips {
        bed.agent_with(&helm, &bed.url(), &with(slip)).await;
        let severity = if check == "cluster_metadata" {
            "critical"
        } else {
            "warning"
        };
        wait_for_metrics(&[format!(
            r#"castai_health_failure{{check="{check}",mode="{mode}",severity="{severity}",caused_by=""}} 1"#
        )])
        .await;
        bed.agent_with(&helm, &bed.url(), &with(json!({}))).await;
        wait_for_metrics(&fine).await;
    }
    let log = exporter.log();
    assert!(
        !log.contains(lab::aws::SECRET),
        "a secret is in the log: {log}"
    );
}
