//! A remedy: prose, and commands that can be pasted, each on a separate line.

use std::borrow::Cow;
use std::fmt;

/// Mark at the start of a line that is a command.
const COMMAND_MARK: &str = "$ ";

/// The fix of a failure, most likely step first.
///
/// Each line is prose, or a command if it starts with `$ `. Backticks in prose mark names. A view
/// shows [`Remedy::steps`] and never wraps a command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Remedy(Cow<'static, str>);

/// One line of a remedy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step<'a> {
    /// Sentences.
    Prose(&'a str),
    /// A command, without its mark.
    Command(&'a str),
}

/// A part of a command that differs between installations; written in braces.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Placeholder {
    /// Namespace of the agent.
    Namespace,
    /// Name of the agent's Deployment.
    Deployment,
    /// Name of the agent's service account.
    ServiceAccount,
    /// Host of the CAST AI API.
    ApiHost,
    /// ID of the cluster at CAST AI.
    ClusterId,
    /// The pod in the evidence.
    Pod,
    /// The namespace of that pod.
    PodNamespace,
    /// The node in the evidence.
    Node,
    /// The node of the process that met the failure.
    LocalNode,
    /// ID of the AWS account.
    Account,
    /// Name of the IAM role.
    Role,
    /// The AWS region.
    Region,
    /// ID of the EC2 instance.
    Instance,
    /// The Helm release of the agent.
    Release,
    /// The host in the evidence.
    Host,
    /// The port in the evidence.
    Port,
}

/// Values that are known of an installation or of a failure.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RemedyValues(Vec<(Placeholder, String)>);

impl Placeholder {
    /// All placeholders.
    pub const ALL: &'static [Self] = &[
        Self::Namespace,
        Self::Deployment,
        Self::ServiceAccount,
        Self::ApiHost,
        Self::ClusterId,
        Self::Pod,
        Self::PodNamespace,
        Self::Node,
        Self::LocalNode,
        Self::Account,
        Self::Role,
        Self::Region,
        Self::Instance,
        Self::Release,
        Self::Host,
        Self::Port,
    ];

    /// Returns the placeholder as remedies spell it.
    pub const fn spelling(self) -> &'static str {
        match self {
            Self::Namespace => "{namespace}",
            Self::Deployment => "{deployment}",
            Self::ServiceAccount => "{service_account}",
            Self::ApiHost => "{api_host}",
            Self::ClusterId => "{cluster_id}",
            Self::Pod => "{pod}",
            Self::PodNamespace => "{pod_namespace}",
            Self::Node => "{node}",
            Self::LocalNode => "{local_node}",
            Self::Account => "{account}",
            Self::Role => "{role}",
            Self::Region => "{region}",
            Self::Instance => "{instance}",
            Self::Release => "{release}",
            Self::Host => "{host}",
            Self::Port => "{port}",
        }
    }

    /// Returns what is written if the value is not known: the default of CAST AI's chart, or a
    /// word that the shell or the reader replaces.
    pub const fn unknown(self) -> &'static str {
        match self {
            Self::Namespace | Self::Deployment | Self::ServiceAccount | Self::Release => {
                "castai-agent"
            }
            Self::ApiHost => "api.cast.ai",
            Self::ClusterId => "${CLUSTER_ID:?set it first}",
            Self::Pod => "POD",
            Self::PodNamespace => "NAMESPACE",
            Self::Node | Self::LocalNode => "NODE",
            Self::Account => "ACCOUNT",
            Self::Role => "ROLE",
            Self::Region => "REGION",
            Self::Instance => "INSTANCE_ID",
            Self::Host => "HOST",
            Self::Port => "PORT",
        }
    }
}

/// Returns whether a value can be part of a command as it is: no shell interprets any of its
/// characters, and it is not a flag.
pub fn is_plain(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:/@+=".contains(c);
    !value.is_empty() && !value.starts_with('-') && value.chars().all(plain)
}

impl RemedyValues {
    /// Adds a value. One that a shell could interpret is left out: values come from the cluster, and
    /// commands are pasted.
    #[must_use]
    pub fn with(mut self, placeholder: Placeholder, value: &str) -> Self {
        if is_plain(value) {
            self.0.push((placeholder, value.to_owned()));
        }
        self
    }

    /// Adds the values of another source; those that are known already prevail.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.0.extend_from_slice(&other.0);
        self
    }

    fn get(&self, placeholder: Placeholder) -> Option<&str> {
        let known = self.0.iter().find(|(known, _)| *known == placeholder);
        known.map(|(_, value)| value.as_str())
    }
}

impl Remedy {
    /// Creates a remedy from marked text and fills in the placeholders: with the values that are
    /// known, or else with the defaults of CAST AI's chart and with words in capitals.
    pub fn new(text: impl Into<Cow<'static, str>>, values: &RemedyValues) -> Self {
        let mut text = text.into();
        for placeholder in Placeholder::ALL {
            if text.contains(placeholder.spelling()) {
                let value = values.get(*placeholder).unwrap_or(placeholder.unknown());
                text = Cow::Owned(text.replace(placeholder.spelling(), value));
            }
        }
        Self(text)
    }

    /// Returns the lines.
    pub fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        let lines = self.0.lines().map(str::trim);
        lines
            .filter(|line| !line.is_empty())
            .map(|line| match line.strip_prefix(COMMAND_MARK) {
                Some(command) => Step::Command(command),
                None => Step::Prose(line),
            })
    }

    /// Returns the commands.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.steps().filter_map(|step| match step {
            Step::Command(command) => Some(command),
            Step::Prose(_) => None,
        })
    }

    /// Returns the marked text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the remedy in one line for logs, with the commands in backticks.
    pub fn to_line(&self) -> String {
        let mut line = String::new();
        let mut after_command = false;
        for step in self.steps() {
            let separator = match (step, after_command) {
                _ if line.is_empty() => "",
                (Step::Prose(_), true) => ". ",
                (Step::Command(_), true) => ", ",
                (_, false) => " ",
            };
            line.push_str(separator);
            match step {
                Step::Prose(text) => line.push_str(text),
                Step::Command(command) => {
                    line.push('`');
                    line.push_str(command);
                    line.push('`');
                }
            }
            after_command = matches!(step, Step::Command(_));
        }
        line
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Test it:\n\
        $ kubectl -n {namespace} get pod {pod}\n\
        $ curl https://{api_host}/\n\
        Then wait.";

    #[test]
    fn lines_with_a_mark_are_commands() {
        let remedy = Remedy::new(TEXT, &RemedyValues::default());
        let steps: Vec<_> = remedy.steps().collect();
        assert_eq!(steps.len(), 4);
        assert_eq!(steps[0], Step::Prose("Test it:"));
        assert_eq!(steps[2], Step::Command("curl https://api.cast.ai/"));
        assert_eq!(
            remedy.to_line(),
            "Test it: `kubectl -n castai-agent get pod POD`, `curl https://api.cast.ai/`. Then wait."
        );
    }

    #[test]
    fn known_values_are_filled_in_and_others_get_defaults() {
        let values = RemedyValues::default()
            .with(Placeholder::ApiHost, "api.eu.cast.ai")
            .or(&RemedyValues::default()
                .with(Placeholder::ApiHost, "api.example.org")
                .with(Placeholder::Namespace, "cast"));
        let remedy = Remedy::new(TEXT, &values);
        let commands: Vec<_> = remedy.commands().collect();
        assert_eq!(
            commands,
            [
                "kubectl -n cast get pod POD",
                "curl https://api.eu.cast.ai/"
            ]
        );
    }

    #[test]
    fn value_that_a_shell_could_interpret_is_left_out() {
        for value in ["$(reboot)", "a b", "x;y", "--all", "`id`", "a'b", ""] {
            let values = RemedyValues::default().with(Placeholder::Pod, value);
            assert_eq!(values, RemedyValues::default(), "{value}");
        }
    }
}
