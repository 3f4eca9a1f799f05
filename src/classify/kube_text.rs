//! Kubernetes' wording of refusals, in logs and object messages.

use serde_json::Value;

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::html::is_html;
use crate::classify::reading::Reading;
use crate::classify::rule::{Rule, contains_any, first_match, sounds_like_a_fault};
use crate::classify::text::{Grams, Haystack, Text};
use crate::classify::{go_error, image_pull, pod};

/// Classifies the message of an event.
pub(super) fn read_event(text: &str) -> Reading {
    let object = text
        .trim_start()
        .starts_with('{')
        .then(|| serde_json::from_str::<Value>(text).ok())
        .flatten();
    let field = |name: &str| object.as_ref()?.get(name)?.as_str();
    let message = field("message")
        .map(|message| format!("{}: {message}", field("reason").unwrap_or_default()));
    let text = message.as_deref().unwrap_or(text);
    let grams = Grams::of(text);
    let text = Text::new(text, &grams);
    match image_pull::mode(text)
        .or_else(|| pod::mode(text))
        .or_else(|| mode(text))
    {
        Some(mode) => mode.into(),
        None if sounds_like_a_fault(text) => M::Unclassified.into(),
        None => Reading::Harmless,
    }
}

/// Returns the mode of an API server's refusal, as client-go or the server words it.
pub(super) fn mode(text: Text<'_>) -> Option<FailureMode> {
    if let Some(answer) = wrapped_answer(text) {
        return answer_mode(answer);
    }
    if text.contains("Unauthorized")
        && speaks_of_kubernetes(text)
        && go_error::cause_in(text).is_none()
    {
        return Some(M::K8sUnauthorized);
    }
    first_match(REFUSALS, text)
}

/// Returns whether a text is about the API server.
pub(super) fn speaks_of_kubernetes(text: Text<'_>) -> bool {
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

/// Returns the response inside `an error on the server ("…") has prevented the request from
/// succeeding`, client-go's wrapper for errors and for responses it cannot parse.
fn wrapped_answer(text: Text<'_>) -> Option<Text<'_>> {
    let (_, inner) = text.split_once("an error on the server (")?;
    let answer = inner
        .split("has prevented the request from succeeding")
        .next()?;
    Some(text.part(answer))
}

/// Returns the mode of such a response; `None` if it names a transport cause, which other rules
/// match.
fn answer_mode(answer: Text<'_>) -> Option<FailureMode> {
    if is_html(None, answer.trim_start_matches(['"', '\\'])) {
        Some(M::K8sUnexpectedBody)
    } else if names_etcd(answer) {
        Some(M::K8sEtcdError)
    } else if go_error::cause_in(answer).is_some() {
        None
    } else {
        Some(M::K8sServerError)
    }
}

/// The API server's own wording, in order of precedence.
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
    (&["ou must be logged in to the server"], M::K8sUnauthorized),
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
    (&["serializer for text/html", "exist"], M::K8sUnexpectedBody),
    (
        &["serviceaccount/token: no such file or directory"],
        M::K8sTokenMissing,
    ),
];

/// Returns whether a message blames etcd.
pub(super) fn names_etcd(message: impl Haystack) -> bool {
    contains_any(message, &["etcdserver", "etcd"])
}
