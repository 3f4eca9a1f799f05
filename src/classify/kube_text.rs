//! How Kubernetes words its refusals, in logs and in the messages of objects.

use serde_json::Value;

use super::castai::is_html;
use super::kube_status::names_etcd;
use super::{
    Reading, Rule, contains_any, first_match, go_error, image_pull, pod, sounds_like_a_fault,
};
use crate::catalogue::{FailureMode, FailureMode as M};

/// What the message of an event says.
pub(super) fn read_event(text: &str) -> Reading {
    let object = serde_json::from_str::<Value>(text).ok();
    let field = |name: &str| object.as_ref()?.get(name)?.as_str();
    let message = field("message")
        .map(|message| format!("{}: {message}", field("reason").unwrap_or_default()));
    let text = message.as_deref().unwrap_or(text);
    match image_pull::mode(text)
        .or_else(|| pod::mode(text))
        .or_else(|| mode(text))
    {
        Some(mode) => mode.into(),
        None if sounds_like_a_fault(text) => M::Unclassified.into(),
        None => Reading::Harmless,
    }
}

/// The mode that a refusal of the API server has, in client-go's words or its own.
pub(super) fn mode(text: &str) -> Option<FailureMode> {
    if let Some(answer) = wrapped_answer(text) {
        return answer_mode(answer);
    }
    if text.contains("Unauthorized")
        && speaks_of_kubernetes(text)
        && go_error::cause(text).is_none()
    {
        return Some(M::K8sUnauthorized);
    }
    first_match(REFUSALS, text)
}

/// Whether a text is about the API server.
pub(super) fn speaks_of_kubernetes(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "resource lock",
        "leaderelection",
        "leader election",
        "lease",
        "lock optimistically",
        "failed to list",
        "failed to watch",
        "Failed to watch",
        "watch ended",
        "kubernetes version",
        "server version",
        "/api/v1/",
        "/apis/",
        "/version\"",
        "/version\\\"",
        "/api\"",
        "/api?",
        "/api\\\"",
        "kube-system",
        "config map",
        "server resources",
        "rate limiter Wait",
        "selfsubjectaccessreview",
    ];
    contains_any(text, WORDS)
}

/// The answer inside of `an error on the server ("…") has prevented the request from succeeding`: client-go's wrapper for an
/// answer that is an error or that it cannot read.
fn wrapped_answer(text: &str) -> Option<&str> {
    let (_, inner) = text.split_once("an error on the server (")?;
    inner
        .split("has prevented the request from succeeding")
        .next()
}

/// The mode of such an answer; nothing where its words name a cause on the way, which others read.
fn answer_mode(answer: &str) -> Option<FailureMode> {
    if is_html(None, answer.trim_start_matches(['"', '\\'])) {
        Some(M::K8sUnexpectedBody)
    } else if names_etcd(answer) {
        Some(M::K8sEtcdError)
    } else if go_error::cause(answer).is_some() {
        None
    } else {
        Some(M::K8sServerError)
    }
}

/// In the words of the API server, in order.
const REFUSALS: &[Rule] = &[
    (&["not yet ready to handle request"], M::K8sServerError),
    (&["system:anonymous", "cannot"], M::K8sAnonymousForbidden),
    (&["forbidden: User "], M::K8sRbacForbidden),
    (&["forbidden: user "], M::K8sRbacForbidden),
    (
        &["User \"system:serviceaccount:", " cannot "],
        M::K8sRbacForbidden,
    ),
    (
        &["User \\\"system:serviceaccount:", " cannot "],
        M::K8sRbacForbidden,
    ),
    (
        &["the server has asked for the client to provide credentials"],
        M::K8sUnauthorized,
    ),
    (&["You must be logged in to the server"], M::K8sUnauthorized),
    (
        &["the server has received too many requests"],
        M::K8sThrottled,
    ),
    (
        &["Too many requests, please try again later"],
        M::K8sThrottled,
    ),
    (&["etcdserver: "], M::K8sEtcdError),
    (
        &["the server is currently unable to handle the request"],
        M::K8sServerError,
    ),
    (&["apiserver not ready"], M::K8sServerError),
    (&["apiserver is shutting down"], M::K8sServerError),
    (&["Internal error occurred: "], M::K8sServerError),
    (
        &["the server was unable to return a response in the time allotted"],
        M::K8sServerError,
    ),
    (&["request did not complete within"], M::K8sServerError),
    (
        &["couldn't get version/kind; json parse error"],
        M::K8sUnexpectedBody,
    ),
    (
        &["serviceaccount/token: no such file or directory"],
        M::K8sTokenMissing,
    ),
];
