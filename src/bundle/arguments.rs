//! The command line of a container, of which only flags and harmless values are shown.

use crate::bundle::allowed_values::{Form, redacted};
use crate::redaction::{REDACTED, shareable_value};

/// Longest name of a flag, in bytes.
const MAX_FLAG_BYTES: usize = 60;
/// Words that are commands of CAST AI's programs and of this one.
const COMMANDS: &[&str] = &["run", "check", "monitor", "serve", "start", "proxy"];
/// Forms of values that are shown.
const HARMLESS: &[Form] = &[Form::Scalar, Form::Path];
/// Flags of this program with a name or an address as value.
const NAMED: &[&str] = &[
    "--agent.deployment",
    "--agent.namespace",
    "--agent.service-account",
    "--log.format",
    "--log.level",
    "--scope",
    "--vantage",
    "--v",
];
const ORIGINS: &[&str] = &["--runbook.base-url", "--web.external-url"];

/// Returns the arguments as they may leave the cluster.
pub fn shown<'a>(arguments: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut flag = None;
    let mut shown = Vec::new();
    for argument in arguments {
        shown.push(match flag_name(argument) {
            Some(name) => {
                flag = argument[name.len()..].is_empty().then_some(name);
                match argument[name.len()..].strip_prefix('=') {
                    Some(value) => format!("{name}={}", of_flag(name, value)),
                    None => name.to_owned(),
                }
            }
            None => match flag.take() {
                Some(name) => of_flag(name, argument),
                None => positional(argument),
            },
        });
    }
    shown
}

/// Returns the name of a flag at the start of an argument.
fn flag_name(argument: &str) -> Option<&str> {
    let name = argument.split('=').next()?;
    let word = name.strip_prefix("--").or_else(|| {
        // Short flags, which klog writes with one dash.
        name.strip_prefix('-').filter(|word| word.len() <= 2)
    })?;
    let is_name = (1..=MAX_FLAG_BYTES).contains(&word.len())
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || b"-._".contains(&byte));
    is_name.then_some(name)
}

fn of_flag(flag: &str, value: &str) -> String {
    let named = NAMED.contains(&flag).then_some(Form::Name);
    let origin = ORIGINS.contains(&flag).then_some(Form::Origin);
    let is_address = value
        .strip_prefix(':')
        .is_some_and(|port| port.parse::<u16>().is_ok());
    if is_address {
        return value.to_owned();
    }
    if shareable_value(flag, value).text == REDACTED {
        return redacted(value);
    }
    HARMLESS
        .iter()
        .copied()
        .chain(named)
        .chain(origin)
        .find_map(|form| form.shown(value))
        .unwrap_or_else(|| redacted(value))
}

fn positional(argument: &str) -> String {
    if COMMANDS.contains(&argument) {
        return argument.to_owned();
    }
    Form::Path
        .shown(argument)
        .unwrap_or_else(|| redacted(argument))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_flags_are_redacted_unless_they_are_harmless() {
        let arguments = [
            "run",
            "/bin/agent",
            "hunter2",
            "--log.level=debug",
            "--password=hunter2",
            "--password",
            "hunter2",
            "--pin-token=123456",
            "--vantage",
            "companion",
            "--web.listen-address=:9878",
            "--runbook.base-url=https://u:p@docs.example/x",
            "-v=4",
            "-pHunter2",
            "--HUNTER2",
            "--leader-elect",
            "--kubeconfig=/etc/kubeconfig",
        ];
        assert_eq!(
            shown(arguments.into_iter()),
            [
                "run",
                "/bin/agent",
                "(redacted, 7 characters)",
                "--log.level=debug",
                "--password=(redacted, 7 characters)",
                "--password",
                "(redacted, 7 characters)",
                "--pin-token=(redacted, 6 characters)",
                "--vantage",
                "companion",
                "--web.listen-address=:9878",
                "--runbook.base-url=https://docs.example",
                "-v=4",
                "(redacted, 9 characters)",
                "(redacted, 9 characters)",
                "--leader-elect",
                "--kubeconfig=/etc/kubeconfig",
            ]
        );
    }
}
