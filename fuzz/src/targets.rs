//! The bodies of the targets.

use std::path::Path;

use castai_health_exporter::classify::castai::Answer;
use castai_health_exporter::classify::{
    Paste, TextKind, aws_error_body, castai_answer, classify, classify_line, kube_status, log_line,
    pod_identity,
};
use castai_health_exporter::config::WebConfig;
use castai_health_exporter::doctor::VerdictDocument;
use castai_health_exporter::kube::endpoint_slices;
use castai_health_exporter::kube::json_stream::{ItemSplitter, LineSplitter};
use castai_health_exporter::kube::types::cached_object::CachedObject;
use castai_health_exporter::kube::types::event::Event;
use castai_health_exporter::kube::types::node::Node;
use castai_health_exporter::kube::types::pending_image_pod::PendingImagePod;
use castai_health_exporter::kube::types::pod::Pod;
use castai_health_exporter::kube::types::workload::{DaemonSet, Deployment, ReplicaSet};
use castai_health_exporter::net::resolve::ResolvConf;
use castai_health_exporter::net::tls::trust::PkiScope;
use castai_health_exporter::net::{Certificate, Trust};
use castai_health_exporter::preflight::Manifest;
use castai_health_exporter::report::evidence::quote_body;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// Most bytes of an item of a watch.
const MAX_ITEM_BYTES: usize = 4096;

/// A log line or another text, with and without a kind.
pub(super) fn line(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    classify_line(&text);
    log_line(&text);
    for (_, kind) in TextKind::NAMED {
        classify(Some(*kind), &text);
    }
}

/// A paste of many lines.
pub(super) fn paste(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut paste = Paste::default();
    for line in text.split('\n') {
        paste.push(line);
    }
    let summary = paste.finish();
    let lines = text.split('\n').count();
    for finding in &summary.findings {
        for record in &finding.evidence {
            assert!(
                (1..=lines).contains(&record.first_line)
                    && (record.first_line..=lines).contains(&record.last_line),
                "a record is outside of the paste"
            );
        }
    }
}

/// The status and body of an HTTP response; the first two bytes are the status.
pub(super) fn http_answer(input: &[u8]) {
    let (status, body) = input.split_at(input.len().min(2));
    let status = status
        .iter()
        .fold(0, |status, byte| status << 8 | u16::from(*byte));
    let text = String::from_utf8_lossy(body);
    kube_status(status, None, body);
    castai_answer(&Answer {
        status,
        body: &text,
        ..Answer::default()
    });
    pod_identity(status, &text);
    aws_error_body(&text);
    quote_body(body);
    endpoint_slices::addresses(body);
}

/// The bytes of a list and of a watch, in two pieces; the first byte says where they are cut.
pub(super) fn watch_stream(input: &[u8]) {
    let (cut, bytes) = input.split_at(input.len().min(1));
    let cut = cut.first().map_or(0, |cut| usize::from(*cut));
    let (first, second) = bytes.split_at(bytes.len().min(cut));
    let mut items = ItemSplitter::new(MAX_ITEM_BYTES);
    let mut lines = LineSplitter::new(MAX_ITEM_BYTES);
    let mut is_list = true;
    for piece in [first, second] {
        is_list = is_list
            && items
                .feed(piece, |item| {
                    assert!(item.is_err() || item.is_ok_and(|item| item.len() <= MAX_ITEM_BYTES));
                })
                .is_ok();
        lines.feed(piece, |line| {
            assert!(line.is_err() || line.is_ok_and(|line| line.len() <= MAX_ITEM_BYTES));
        });
    }
    if is_list {
        drop(items.envelope());
    }
}

/// A watched object as JSON, read as each type.
pub(super) fn kube_object(input: &[u8]) {
    fn read<K: CachedObject>(input: &[u8]) {
        if let Ok(raw) = serde_json::from_slice::<K::Raw>(input) {
            let previous = K::from_raw(raw.clone(), None);
            if let Some(object) = K::from_raw(raw, previous.as_ref()) {
                object.retention_rank();
                object.allocated_bytes();
            }
        }
    }
    read::<Deployment>(input);
    read::<ReplicaSet>(input);
    read::<DaemonSet>(input);
    read::<Pod>(input);
    read::<PendingImagePod>(input);
    read::<Event>(input);
    read::<Node>(input);
}

/// The YAML of the web configuration; the files that it names do not exist.
pub(super) fn web_config(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    drop(WebConfig::parse(
        "web.yml",
        &text,
        Path::new("/nonexistent"),
    ));
}

/// `/etc/resolv.conf`.
pub(super) fn resolv_conf(input: &[u8]) {
    let conf = ResolvConf::parse(input, "pod.example.com");
    assert!(!conf.nameservers.is_empty(), "there is always a nameserver");
}

/// A PEM bundle, and a certificate as DER.
pub(super) fn certificate(input: &[u8]) {
    drop(Trust::pem(input, PkiScope::Public));
    let leaf = CertificateDer::from(input);
    Certificate::parse(&leaf, std::slice::from_ref(&leaf));
}

/// The verdict of another exporter, as JSON.
pub(super) fn verdict_document(input: &[u8]) {
    if let Ok(document) = VerdictDocument::parse(input) {
        for check in &document.checks {
            assert!(document.check(&check.id).is_some(), "a check is not found");
        }
    }
}

/// The output of `helm template`, as YAML.
pub(super) fn manifest(input: &[u8]) {
    if let Ok(manifest) = Manifest::parse(&String::from_utf8_lossy(input)) {
        let workloads = manifest.workloads("castai-agent").count();
        let objects = manifest.objects("castai-agent").count();
        assert!(
            (1..=objects).contains(&workloads),
            "a manifest has workloads"
        );
    }
}
