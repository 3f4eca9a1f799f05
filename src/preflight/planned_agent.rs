//! The agent as it will be installed, and the configuration that follows from it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::aws::projected_token::STS_AUDIENCE;
use crate::config::agent::mounted_token::MountedToken;
use crate::config::{
    AgentLocation, ApiKey, Config, ConfigErrors, Flags, Provider, Secret, Vantage,
};

/// Namespace, Deployment and service account of the agent's chart.
const AGENT: &str = "castai-agent";
/// CAST AI's API, unless another one is given.
const API_URL: &str = "https://api.cast.ai";
const API_KEY: &str = "API_KEY";
const TOKEN_FILE_VARIABLE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
/// Where the EKS webhook mounts the token of a service account with a role.
const TOKEN_FILE: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";
/// Variables of credentials that would take the place of the role. A pod with the role has none.
const OTHER_CREDENTIALS: [&str; 8] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
];

/// The agent as it will be installed.
#[derive(Clone, Debug)]
pub struct PlannedAgent {
    /// Its provider.
    pub provider: Provider,
    /// CAST AI's API; `None` is the one of the US.
    pub api_url: Option<String>,
    /// Its API key.
    pub api_key: Option<Secret>,
    /// The role in the annotation of its service account.
    pub role_arn: Option<String>,
    /// Further variables of its environment, such as those of a proxy.
    pub variables: BTreeMap<String, String>,
}

impl PlannedAgent {
    /// Returns the configuration that the checks of the installed agent would have. Variables that
    /// are not planned are those of this process.
    ///
    /// # Errors
    /// If flags or file are invalid.
    pub fn config(
        &self,
        flags: &Flags,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Config, ConfigErrors> {
        let mut flags = flags.clone();
        if flags.config_file.is_none() {
            // Otherwise it would be the namespace of the pod in which this runs.
            flags
                .agent_namespace
                .get_or_insert_with(|| AGENT.to_owned());
        }
        let mut config = Config::load(&flags, &|name| self.variable(name, variable))?;
        config.vantage = Vantage::Companion;
        if config.castai.key == ApiKey::Missing {
            let why = "no key is given; add --api-key-file";
            config.castai.key = ApiKey::Unresolved(why.to_owned());
            let problems = &mut config.environment_problems.0;
            problems.retain(|problem| problem.key != API_KEY);
        }
        config.agent_location = Some(AgentLocation {
            namespace: config.installation.namespace.clone(),
            deployment: config.installation.deployment.clone(),
            service_account: flags
                .agent_service_account
                .unwrap_or_else(|| AGENT.to_owned()),
            mounts: PathBuf::new(),
            token_requests: false,
        });
        Ok(config)
    }

    /// Returns the configuration for the checks of AWS if the planned role is assumed with a token
    /// that the API server issues, because this pod does not have that role.
    pub fn config_with_requested_token(&self, config: &Config) -> Option<Config> {
        self.role_arn.as_ref()?;
        let file = config.aws.variables.token_file.clone()?;
        if file.exists() {
            return None;
        }
        let mut config = config.clone();
        config.agent_location.as_mut()?.token_requests = true;
        config.aws.asked = Some(MountedToken {
            file,
            audience: Some(STS_AUDIENCE.to_owned()),
        });
        Some(config)
    }

    /// Returns a variable of the agent's environment.
    fn variable(&self, name: &str, own: &dyn Fn(&str) -> Option<OsString>) -> Option<OsString> {
        if let Some(value) = self.variables.get(name) {
            return Some(value.into());
        }
        let has_role = self.role_arn.is_some();
        match name {
            "PROVIDER" => Some(self.provider.label().into()),
            "API_URL" => {
                let planned = self.api_url.as_ref().map(OsString::from);
                planned
                    .or_else(|| own(name))
                    .or_else(|| Some(API_URL.into()))
            }
            API_KEY => {
                let planned = self.api_key.as_ref().map(|key| key.reveal().into());
                planned.or_else(|| own(name))
            }
            "AWS_ROLE_ARN" if has_role => self.role_arn.as_ref().map(OsString::from),
            TOKEN_FILE_VARIABLE if has_role => own(name).or_else(|| Some(TOKEN_FILE.into())),
            _ if has_role && OTHER_CREDENTIALS.contains(&name) => None,
            _ => own(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned() -> PlannedAgent {
        PlannedAgent {
            provider: Provider::Eks,
            api_url: None,
            api_key: None,
            role_arn: None,
            variables: BTreeMap::new(),
        }
    }

    fn config(planned: &PlannedAgent, own: &[(&str, &str)]) -> Config {
        let variable = |name: &str| {
            let own = own.iter().find(|(known, _)| *known == name);
            own.map(|(_, value)| OsString::from(value))
        };
        planned.config(&Flags::default(), &variable).unwrap()
    }

    #[test]
    fn key_that_is_not_given_is_unknown_and_not_missing() {
        let config = config(&planned(), &[]);
        assert!(matches!(config.castai.key, ApiKey::Unresolved(_)));
        assert!(
            config.environment_problems.is_empty(),
            "{}",
            config.environment_problems
        );
        assert_eq!(
            config.castai.url.unwrap().unwrap().as_str(),
            "https://api.cast.ai/"
        );
        assert_eq!(config.installation.namespace, "castai-agent");
    }

    #[test]
    fn planned_variables_take_precedence_over_those_of_this_process() {
        let planned = PlannedAgent {
            variables: BTreeMap::from([("EKS_REGION".to_owned(), "eu-west-1".to_owned())]),
            ..planned()
        };
        let own = [
            ("PROVIDER", "gke"),
            ("EKS_REGION", "us-east-1"),
            ("EKS_ACCOUNT_ID", "123456789012"),
            ("EKS_CLUSTER_NAME", "lab"),
        ];
        let config = config(&planned, &own);
        assert_eq!(config.provider_variables.provider, Some(Provider::Eks));
        assert!(format!("{:?}", config.aws.given).contains("eu-west-1"));
    }

    #[test]
    fn role_hides_the_credentials_of_the_person_and_is_assumed_with_a_requested_token() {
        let planned = PlannedAgent {
            role_arn: Some("arn:aws:iam::123456789012:role/castai".to_owned()),
            ..planned()
        };
        let own = [
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("AWS_PROFILE", "me"),
        ];
        let config = config(&planned, &own);
        assert!(!config.aws.variables.has_key() && config.aws.variables.profile.is_none());
        let requested = planned.config_with_requested_token(&config).unwrap();
        assert!(requested.aws.asked.is_some());
        assert!(requested.agent_location.unwrap().token_requests);
        assert!(
            !config.agent_location.unwrap().token_requests,
            "only AWS sees the agent's tokens"
        );
    }
}
