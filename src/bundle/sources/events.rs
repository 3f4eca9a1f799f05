//! Events of CAST AI's objects, as a table in the order in which they happened last.

use std::fmt::Write;

use serde_json::Value;

use crate::bundle::archive::{CollectedFile, Content};
use crate::bundle::sources::objects::{EVENTS, ObjectLists};
use crate::report::evidence::single_line;

/// Returns the table; `None` without events.
pub(in crate::bundle) fn table(lists: &ObjectLists) -> Option<CollectedFile> {
    let mut events: Vec<&Value> = lists.of_kind(EVENTS).iter().collect();
    if events.is_empty() {
        return None;
    }
    events.sort_by_key(|event| time(event));
    let mut table = String::new();
    for event in events {
        let text = |value: &Value| single_line(value.as_str().unwrap_or_default());
        let object = &event["involvedObject"];
        writeln!(
            table,
            "{} {:7} x{} {}/{} {}: {}",
            time(event),
            text(&event["type"]),
            event["count"].as_u64().unwrap_or(1),
            text(&object["kind"]),
            text(&object["name"]),
            text(&event["reason"]),
            text(&event["message"]),
        )
        .expect("writing to a string succeeds");
    }
    let what = "events, oldest first";
    Some(CollectedFile::new(
        &["events.txt"],
        what,
        Content::Text(table),
    ))
}

fn time(event: &Value) -> String {
    let times = ["lastTimestamp", "eventTime", "firstTimestamp"].map(|field| &event[field]);
    let time = times.into_iter().find_map(Value::as_str);
    time.unwrap_or("unknown time").to_owned()
}
