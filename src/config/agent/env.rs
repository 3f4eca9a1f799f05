//! The agent's environment, read by the agent's own rules. Pure.
//!
//! Nothing here fails: an invalid value is the agent's fault and becomes a fact to report.

mod api;
mod validation;

use std::time::Duration;

pub(crate) use api::{key, pem, url};
pub(crate) use validation::object_name;

use crate::config::agent::aws::settings::Aws;
use crate::config::agent::castai::ApiKey;
use crate::config::agent::cloud_metadata::CloudMetadata;
use crate::config::agent::objects::Agent;
use crate::config::agent::provider::variables::ProviderVariables;
use crate::config::agent::proxy::ProxyRules;
use crate::config::config_error::{ConfigError, ConfigErrors};
use crate::config::sourced_value::{InvalidValue, SourcedValue};
use crate::config::values;

/// The agent's environment.
#[derive(Debug)]
pub(crate) struct AgentEnv {
    /// Whether any variable of the agent is set.
    pub(crate) known: bool,
    pub(crate) url: Option<Result<url::Url, ConfigError>>,
    pub(crate) key: ApiKey,
    pub(crate) cluster_id: Option<String>,
    pub(crate) host_header: Option<String>,
    /// `API_TIMEOUT`; zero means no limit.
    pub(crate) timeout: Option<Duration>,
    pub(crate) roots: Option<Result<Vec<u8>, ConfigError>>,
    pub(crate) service: KubernetesServiceVariable,
    pub(crate) kubeconfig: Option<String>,
    pub(crate) provider_variables: ProviderVariables,
    pub(crate) agent: Agent,
    pub(crate) aws: Aws,
    pub(crate) clouds: CloudMetadata,
    pub(crate) proxy: ProxyRules,
    pub(crate) problems: ConfigErrors,
}

/// The API server in the variables that the kubelet sets in a pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum KubernetesServiceVariable {
    /// Not in a pod.
    Absent,
    At(String, u16),
    Invalid(ConfigError),
}

impl AgentEnv {
    /// Reads the environment; `unseen` explains why a variable without a value may have one that is
    /// not visible here.
    pub(crate) fn read(
        variable: &dyn Fn(&str) -> Option<String>,
        unseen: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let known = validation::AGENT
            .iter()
            .any(|name| variable(name).is_some());
        let written = |name: &str| variable(name).map(|value| SourcedValue::variable(name, &value));
        let set = |name: &str| written(name).filter(|written| !written.value.is_empty());
        let (proxy, mut problems) = ProxyRules::from_environment(variable);

        // Without a value the agent's URL becomes `https://`, and its first request dies of `no Host in request URL`.
        let url = written("API_URL").or_else(|| {
            let missing = known && unseen("API_URL").is_none();
            missing.then(|| SourcedValue::variable("API_URL", ""))
        });
        let url = url.map(|written| written.read(api::url));
        let hidden = || unseen("API_KEY").map_or(ApiKey::Missing, ApiKey::Unresolved);
        let key = set("API_KEY").map_or_else(hidden, |written| key(&written.value));
        if let (true, Some(wrong)) = (known, key.wrong()) {
            problems
                .0
                .push(SourcedValue::variable("API_KEY", "").problem(wrong));
        }
        // Set but empty counts: the agent then finds no certificate and exits.
        let roots = written("TLS_CA_CERT_FILE").map(|written| written.read(pem));
        let service = service(&written);
        let provider_variables = ProviderVariables::read(variable);
        let host_header = set("API_HOST_HEADER_OVERRIDE")
            .and_then(|written| written.noting(&mut problems, header));
        let timeout =
            set("API_TIMEOUT").and_then(|written| written.noting(&mut problems, values::duration));
        problems
            .0
            .extend(url.iter().filter_map(|url| url.as_ref().err().cloned()));
        problems.0.extend(
            roots
                .iter()
                .filter_map(|roots| roots.as_ref().err().cloned()),
        );
        if let KubernetesServiceVariable::Invalid(problem) = &service {
            problems.0.push(problem.clone());
        }
        if known {
            validation::validate(&set, &mut problems);
        }
        Self {
            known,
            url,
            key,
            cluster_id: variable("STATIC_CLUSTER_ID").filter(|id| !id.is_empty()),
            host_header,
            timeout,
            roots,
            service,
            kubeconfig: variable("KUBECONFIG").filter(|path| !path.is_empty()),
            agent: Agent::read(variable),
            aws: Aws::read(provider_variables.provider, variable),
            clouds: CloudMetadata::read(variable),
            provider_variables,
            proxy,
            problems,
        }
    }
}

impl ApiKey {
    /// Returns why the agent cannot use it.
    pub(crate) fn wrong(&self) -> Option<InvalidValue> {
        let right = "the key that CAST AI shows once, without surrounding white space or a trailing newline";
        match self {
            Self::Missing => Some(InvalidValue::new(
                "is unset or empty; the agent does not start",
                right,
            )),
            Self::Malformed(why) => Some(InvalidValue::new(why.clone(), right)),
            Self::Present(_) | Self::Unresolved(_) => None,
        }
    }
}

/// Reads host and port of the service; both or neither.
fn service(written: &dyn Fn(&str) -> Option<SourcedValue>) -> KubernetesServiceVariable {
    let set = |name: &str| written(name).filter(|written| !written.value.is_empty());
    let (host, port) = match (
        set("KUBERNETES_SERVICE_HOST"),
        set("KUBERNETES_SERVICE_PORT"),
    ) {
        (None, None) => return KubernetesServiceVariable::Absent,
        (Some(host), Some(port)) => (host, port),
        (host, _) => {
            let missing = if host.is_none() {
                "KUBERNETES_SERVICE_HOST"
            } else {
                "KUBERNETES_SERVICE_PORT"
            };
            let wrong = InvalidValue::new(
                "is unset while its counterpart is set",
                "the kubelet sets KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT in every container",
            );
            return KubernetesServiceVariable::Invalid(
                SourcedValue::variable(missing, "").problem(wrong),
            );
        }
    };
    let host = host.read(|text| {
        let valid = text.parse::<std::net::IpAddr>().is_ok() || values::is_name(text);
        if valid {
            return Ok(text.to_owned());
        }
        let what = format!("{} is neither an address nor a name", values::shown(text));
        Err(InvalidValue::new(
            what,
            "the address of the Service kubernetes in the namespace default",
        ))
    });
    match (host, port.read(values::port)) {
        (Ok(host), Ok(port)) => KubernetesServiceVariable::At(host, port),
        (Err(problem), _) | (_, Err(problem)) => KubernetesServiceVariable::Invalid(problem),
    }
}

/// Parses a header value.
fn header(text: &str) -> Result<String, InvalidValue> {
    match api::forbidden_byte(text) {
        None => Ok(text.trim_matches([' ', '\t']).to_owned()),
        Some(byte) => Err(InvalidValue::new(
            format!("contains {byte}, which is not allowed in a header"),
            "write a host name",
        )),
    }
}
