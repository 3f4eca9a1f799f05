//! Tests of exec plugins.

use std::fs;
use std::time::Duration;

use castai_health_exporter::catalogue::FailureMode;
use castai_health_exporter::kube::{ApiEndpoint, AuthError, ExecPlugin};
use test_support::lab_cluster::{LabCluster, evidence};
use tokio::time::sleep;

use super::{apiserver, assert_ok, assert_unknown, kubeconfig, server, write};

/// Returns a plugin that logs each run and prints the credential in `credential`.
fn plugin(world: &LabCluster, credential: &str) -> String {
    fs::write(world.mounted("credential"), credential).unwrap();
    let dir = world.dir.path().display();
    let script = format!("echo \"$KUBERNETES_EXEC_INFO\" >> {dir}/runs\ncat {dir}/credential\n");
    fs::write(world.mounted("plugin.sh"), script).unwrap();
    format!(
        "exec: {{ apiVersion: client.authentication.k8s.io/v1, command: sh, args: ['{dir}/plugin.sh'], \
         interactiveMode: Never }}"
    )
}

fn runs(world: &LabCluster) -> Vec<String> {
    fs::read_to_string(world.mounted("runs"))
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn with_plugin(credential: &str) -> LabCluster {
    let world = kubeconfig(server, "");
    let exec = plugin(&world, credential);
    write(&world, &server(&world), &exec);
    world
}

fn credential(status: &str) -> String {
    format!(
        r#"{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{{status}}}}}"#
    )
}

#[tokio::test]
async fn exec_plugin_runs_once_and_again_after_401() {
    let world = with_plugin(&credential(r#""token":"lab-sa-7Qx2mVt9Kd4RwZ8b""#));
    assert_ok(&world).await;
    assert_ok(&world).await;
    let exec_infos = runs(&world);
    assert_eq!(exec_infos.len(), 1, "{exec_infos:?}");
    assert!(
        exec_infos[0].contains(r#""kind":"ExecCredential""#)
            && exec_infos[0].contains(r#""interactive":false"#),
        "{exec_infos:?}"
    );
    world.api.set_tokens(vec!["the-next-token".to_owned()]);
    fs::write(
        world.mounted("credential"),
        credential(r#""token":"the-next-token""#),
    )
    .unwrap();
    assert_eq!(
        apiserver(&world).await.stable_modes.modes(),
        [FailureMode::K8sUnauthorized]
    );
    assert_ok(&world).await;
    assert_eq!(runs(&world).len(), 2);
}

#[tokio::test]
async fn expired_exec_credential_is_not_cached() {
    let ended = r#""token":"lab-sa-7Qx2mVt9Kd4RwZ8b","expirationTimestamp":"2023-11-14T22:13:20Z""#;
    let world = with_plugin(&credential(ended));
    assert_ok(&world).await;
    assert_ok(&world).await;
    assert_eq!(runs(&world).len(), 2);
}

#[tokio::test]
async fn failing_exec_plugin_is_unknown_and_its_output_is_hidden() {
    assert_unknown(&with_plugin("secret"), "exec_plugin_without_credential").await;
    let failing = "exec: { command: sh, args: ['-c', 'echo secret; echo go away >&2; exit 3'] }";
    let world = kubeconfig(server, failing);
    assert_unknown(&world, "exec_plugin_exits_3").await;
    assert!(!evidence(&apiserver(&world).await).contains("secret"));
    assert_unknown(
        &kubeconfig(server, "exec: { command: /nowhere/plugin }"),
        "exec_plugin_is_missing",
    )
    .await;
}

#[tokio::test]
async fn hanging_exec_plugin_is_killed_and_blocks_no_other_check() {
    let world = kubeconfig(server, "exec: { command: sleep, args: ['600'] }");
    let path = world.mounted("kubeconfig");
    let plugin = ExecPlugin::with_timeout(Duration::from_millis(200));
    let mut access = std::pin::pin!(ApiEndpoint::from_kubeconfig(
        std::slice::from_ref(&path),
        None,
        &plugin
    ));
    tokio::select! {
        biased;
        _ = &mut access => panic!("no other check ran while the plugin hung"),
        () = sleep(Duration::from_millis(1)) => {}
    }
    let Err(error @ AuthError::Kubeconfig { .. }) = access.await else {
        panic!("the plugin has no token")
    };
    assert!(error.to_string().contains("200ms"), "{error}");
}

#[tokio::test]
async fn secrets_that_a_failing_plugin_prints_are_redacted() {
    let world = kubeconfig(server, "");
    let script = world.mounted("plugin.sh");
    let text = "echo \"password=hunter2-x, token $PLUGIN_TOKEN, argument $2\" >&2\nexit 1\n";
    fs::write(&script, text).unwrap();
    let exec = format!(
        "exec: {{ apiVersion: client.authentication.k8s.io/v1, command: sh, interactiveMode: Never, \
         args: ['{}', --client-secret, zK4vPq8w], env: [{{ name: PLUGIN_TOKEN, value: mJ7xTb2n }}] }}",
        script.display()
    );
    write(&world, &server(&world), &exec);
    let shown = evidence(&apiserver(&world).await);
    assert!(
        shown.contains("password=[redacted], token [redacted], argument [redacted]"),
        "{shown}"
    );
}
