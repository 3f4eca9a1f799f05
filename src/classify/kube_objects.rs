//! Objects as `kubectl get -o json` prints them: the sentences in them that report a state.

use std::fmt;

use serde_json::Value;

/// Most objects of a list that are read.
const MAX_OBJECTS: usize = 10_000;

/// A sentence in an object, and the object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Statement {
    /// The object and the part of it, such as `pod/castai-agent-x container agent`.
    pub(super) subject: String,
    /// The sentence, as the kubelet or a controller words it.
    pub(super) text: String,
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subject.is_empty() {
            f.write_str(&self.text)
        } else {
            write!(f, "{}: {}", self.subject, self.text)
        }
    }
}

/// Returns the statements of a Kubernetes object or list; `None` if the text is something else.
pub(super) fn statements(text: &str) -> Option<Vec<Statement>> {
    if !text.trim_start().starts_with('{') || !text.contains("\"kind\"") {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let kind = value.get("kind")?.as_str()?;
    let mut found = Vec::new();
    match value.get("items").and_then(Value::as_array) {
        Some(items) if kind.ends_with("List") => {
            for item in items.iter().take(MAX_OBJECTS) {
                read_object(item, kind.trim_end_matches("List"), &mut found);
            }
        }
        _ if is_read(kind) => read_object(&value, kind, &mut found),
        _ => return None,
    }
    Some(found)
}

/// Returns whether objects of a kind have statements.
fn is_read(kind: &str) -> bool {
    matches!(
        kind,
        "Pod" | "Node" | "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job"
    )
}

fn read_object(object: &Value, kind_of_list: &str, found: &mut Vec<Statement>) {
    let kind = text(object, "/kind").unwrap_or(kind_of_list);
    if kind == "Event" {
        return read_event(object, found);
    }
    let name = text(object, "/metadata/name").unwrap_or_default();
    let subject = format!("{}/{name}", kind.to_ascii_lowercase());
    if let Some(message) = text(object, "/status/message") {
        let reason = text(object, "/status/reason").unwrap_or_default();
        push(found, &subject, reason, message);
    }
    for list in ["initContainerStatuses", "containerStatuses"] {
        for status in array(object, &format!("/status/{list}")) {
            read_container(status, &subject, found);
        }
    }
    for condition in array(object, "/status/conditions") {
        read_condition(condition, &subject, found);
    }
}

/// Reads an event as the row that `kubectl get events` prints.
fn read_event(event: &Value, found: &mut Vec<Statement>) {
    let field = |path: &str| text(event, path).unwrap_or_default();
    let kind = field("/involvedObject/kind").to_ascii_lowercase();
    let row = format!(
        "0s  {}  {}  {kind}/{}  {}",
        field("/type"),
        field("/reason"),
        field("/involvedObject/name"),
        field("/message"),
    );
    found.push(Statement {
        subject: String::new(),
        text: row,
    });
}

fn read_container(status: &Value, subject: &str, found: &mut Vec<Statement>) {
    /// Waiting is normal for these reasons.
    const STARTING: &[&str] = &["ContainerCreating", "PodInitializing"];
    /// These reasons only repeat the exit code.
    const PLAIN_EXITS: &[&str] = &["Completed", "Error"];
    let name = text(status, "/name").unwrap_or_default();
    let subject = format!("{subject} container {name}");
    for (path, ignored) in [
        ("/state/waiting", STARTING),
        ("/state/terminated", PLAIN_EXITS),
        ("/lastState/terminated", PLAIN_EXITS),
    ] {
        let Some(state) = status.pointer(path) else {
            continue;
        };
        let reason = text(state, "/reason").unwrap_or_default();
        let message = text(state, "/message").unwrap_or_default();
        if ignored.contains(&reason) && message.is_empty() {
            continue;
        }
        // The last words of a container may have several lines.
        let mut lines = message.lines();
        push(found, &subject, reason, lines.next().unwrap_or_default());
        for line in lines.filter(|line| !line.trim().is_empty()) {
            push(found, &subject, "", line);
        }
    }
}

/// Reads a condition that is not as it should be.
fn read_condition(condition: &Value, subject: &str, found: &mut Vec<Statement>) {
    const BAD_IF_FALSE: &[&str] = &["PodScheduled", "Progressing", "Ready", "Initialized"];
    const BAD_IF_TRUE: &[&str] = &["ReplicaFailure", "Failed", "DisruptionTarget"];
    let kind = text(condition, "/type").unwrap_or_default();
    let is_bad = match text(condition, "/status") {
        Some("False") => BAD_IF_FALSE.contains(&kind),
        Some("True") => BAD_IF_TRUE.contains(&kind),
        _ => false,
    };
    if is_bad && let Some(message) = text(condition, "/message") {
        push(
            found,
            subject,
            text(condition, "/reason").unwrap_or_default(),
            message,
        );
    }
}

fn push(found: &mut Vec<Statement>, subject: &str, reason: &str, message: &str) {
    let text = match (reason.is_empty(), message.is_empty()) {
        (true, _) => message.to_owned(),
        (_, true) => reason.to_owned(),
        _ => format!("{reason}: {message}"),
    };
    found.push(Statement {
        subject: subject.to_owned(),
        text,
    });
}

fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    value
        .pointer(path)?
        .as_str()
        .filter(|text| !text.is_empty())
}

fn array<'a>(value: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> {
    value
        .pointer(path)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}
