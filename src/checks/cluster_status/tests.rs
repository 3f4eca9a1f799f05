use super::*;

const NOW: &str = "2026-11-25T12:00:00Z";

fn verdict(json: &str) -> Verdict {
    let json = serde_json::from_str(json).expect("it is JSON");
    Cluster::read(&json)
        .expect("it has an id")
        .judge(NOW.parse().expect("a time"))
}

#[test]
fn missing_fields_and_unknown_statuses_are_ok() {
    for json in [
        r#"{"id":"c"}"#,
        r#"{"id":"c","agentStatus":"brand-new","status":"sparkling","agentSnapshotReceivedAt":7,"more":{"a":[1]}}"#,
        r#"{"id":"c","status":"ready","agentStatus":"online","reconcileError":null,"reconcileInfo":{}}"#,
        r#"{"id":"c","agentStatus":"waiting-connection","createdAt":"2026-11-25T11:58:00Z"}"#,
    ] {
        assert!(
            matches!(verdict(json), Verdict::Ok(_)),
            "{json}: {:?}",
            verdict(json)
        );
    }
}

#[test]
fn hibernating_and_deleted_clusters_are_not_applicable() {
    for status in [
        "hibernating",
        "hibernated",
        "resuming",
        "deleting",
        "deleted",
        "archived",
    ] {
        let json = format!(r#"{{"id":"c","status":"{status}","agentStatus":"disconnected"}}"#);
        assert!(
            matches!(verdict(&json), Verdict::NotApplicable(_)),
            "{json}"
        );
    }
    assert!(matches!(
        verdict(r#"{"id":"c","agentStatus":"disconnecting"}"#),
        Verdict::NotApplicable(_)
    ));
}

#[test]
fn reconcile_error_of_a_ready_cluster_is_a_warning() {
    let both = verdict(
        r#"{"id":"c","status":"failed","agentStatus":"disconnected","reconcileError":"boom"}"#,
    );
    assert_eq!(
        both.modes(),
        [M::CastaiDisconnected, M::CastaiReconcileFailed]
    );
    let warnings =
        verdict(r#"{"id":"c","status":"ready","agentStatus":"online","reconcileError":"boom"}"#);
    assert!(matches!(warnings, Verdict::Warning(_)), "{warnings:?}");
}

#[test]
fn reconcile_error_about_the_firewall_is_explained() {
    let text = "No access to Kubernetes API server, please check your firewall settings";
    let json = format!(
        r#"{{"id":"c","status":"failed","agentStatus":"online","reconcileError":"{text}"}}"#
    );
    let evidence = verdict(&json).evidence().to_string();
    assert!(evidence.contains("cpfw_blocked"), "{evidence}");
}

#[test]
fn snapshot_is_stale_after_five_minutes() {
    let json = |at: &str| {
        format!(r#"{{"id":"c","agentStatus":"online","agentSnapshotReceivedAt":"{at}"}}"#)
    };
    assert!(matches!(
        verdict(&json("2026-11-25T11:55:00Z")),
        Verdict::Ok(_)
    ));
    assert_eq!(
        verdict(&json("2026-11-25T11:54:59Z")).modes(),
        [M::CastaiAcceptedButStale]
    );
}
