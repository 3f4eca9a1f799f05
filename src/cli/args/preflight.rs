//! Flags of `check --preflight`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::config::sourced_value::InvalidValue;
use crate::config::{Provider, values};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Before the agent is installed")]
pub(in crate::cli) struct PreflightFlags {
    /// Check what the agent will need, before it is installed.
    #[arg(
        long = "preflight",
        requires = "provider",
        conflicts_with_all = ["in_cluster", "vantage", "scope"]
    )]
    pub(in crate::cli) enabled: bool,
    /// Provider of the cluster.
    #[arg(long, value_name = "PROVIDER", value_parser = provider_parser(), requires = "enabled")]
    pub(in crate::cli) provider: Option<Provider>,
    /// File that contains only the API key of the agent; `-` is standard input.
    #[arg(long, value_name = "FILE", requires = "enabled")]
    pub(in crate::cli) api_key_file: Option<PathBuf>,
    /// URL of the CAST AI API [default: that of the environment, else the public one].
    #[arg(long, value_name = "URL", value_parser = api_url, requires = "enabled")]
    pub(in crate::cli) api_url: Option<String>,
    /// ARN of the IAM role that the agent's service account will have.
    #[arg(long, value_name = "ARN", value_parser = role_arn, requires = "enabled")]
    pub(in crate::cli) role_arn: Option<String>,
    /// Variable of the agent's environment, as in additionalEnv of its chart; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable, requires = "enabled")]
    pub(in crate::cli) agent_env: Vec<(String, String)>,
    /// Image of the agent [default: us-docker.pkg.dev/castai-hub/library/agent].
    #[arg(long, value_name = "IMAGE", requires = "enabled")]
    pub(in crate::cli) agent_image: Option<String>,
    /// Objects to be created, as `helm template` prints them; `-` is standard input [default:
    /// those of the agent's chart with its default values].
    #[arg(
        long,
        value_name = "FILE",
        requires = "enabled",
        conflicts_with = "agent_image"
    )]
    pub(in crate::cli) manifest: Option<PathBuf>,
}

fn provider_parser() -> impl TypedValueParser<Value = Provider> {
    let labels = Provider::ALL.iter().map(|provider| provider.label());
    PossibleValuesParser::new(labels)
        .map(|label| Provider::from_label(&label).expect("clap accepts labels of providers only"))
}

/// Accepts a URL as the agent does: without a scheme, it is HTTPS.
fn api_url(text: &str) -> Result<String, String> {
    let url = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    match values::link(&url) {
        Ok(_) => Ok(url),
        Err(InvalidValue { what, right }) => Err(format!("{what}: {right}")),
    }
}

fn role_arn(text: &str) -> Result<String, String> {
    let is_role = text.starts_with("arn:") && text.contains(":iam::") && text.contains(":role/");
    is_role.then(|| text.to_owned()).ok_or_else(|| {
        "not the ARN of a role: write arn:aws:iam::123456789012:role/NAME".to_owned()
    })
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, for example EKS_REGION=eu-central-1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_url_without_a_scheme_is_https() {
        assert_eq!(
            api_url("api.eu.cast.ai").as_deref(),
            Ok("https://api.eu.cast.ai")
        );
        assert_eq!(
            api_url("http://127.0.0.1:8080").as_deref(),
            Ok("http://127.0.0.1:8080")
        );
        assert!(api_url("https://user:pass@api.cast.ai").is_err());
        assert!(api_url("ftp://api.cast.ai").is_err());
    }

    #[test]
    fn only_the_arn_of_a_role_is_accepted() {
        assert!(role_arn("arn:aws-us-gov:iam::123456789012:role/castai").is_ok());
        for wrong in ["castai", "arn:aws:iam::123456789012:user/me", ""] {
            assert!(role_arn(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn value_of_a_variable_may_contain_an_equals_sign() {
        assert_eq!(variable("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert!(variable("A").is_err() && variable("=b").is_err());
    }
}
