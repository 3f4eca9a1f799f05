//! The agent's environment, read by the agent's own rules. Pure: variables in, facts out.
//!
//! Nothing here fails: what makes no sense is the agent's trouble, and becomes a fact to report.

mod api;
mod variables;

use std::time::Duration;

pub(crate) use api::{key, pem, url};
pub(crate) use variables::object_name;

use crate::config::problem::{Problem, Problems};
use crate::config::proxy::ProxyRules;
use crate::config::written::{Written, Wrong};
use crate::config::{Agent, ApiKey, Aws, Clouds, Told, values};

/// What the agent's environment says.
#[derive(Debug)]
pub(crate) struct AgentEnv {
    /// Whether any variable of the agent is set.
    pub(crate) known: bool,
    pub(crate) url: Option<Result<url::Url, Problem>>,
    pub(crate) key: ApiKey,
    pub(crate) cluster_id: Option<String>,
    pub(crate) host_header: Option<String>,
    /// `API_TIMEOUT`; zero is no limit.
    pub(crate) timeout: Option<Duration>,
    pub(crate) roots: Option<Result<Vec<u8>, Problem>>,
    pub(crate) service: Service,
    pub(crate) kubeconfig: Option<String>,
    pub(crate) told: Told,
    pub(crate) agent: Agent,
    pub(crate) aws: Aws,
    pub(crate) clouds: Clouds,
    pub(crate) proxy: ProxyRules,
    pub(crate) problems: Problems,
}

/// The API server, as the kubelet tells a pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Service {
    /// Not in a pod.
    Absent,
    At(String, u16),
    Invalid(Problem),
}

impl AgentEnv {
    /// Reads it; `unseen` says why a variable without a value may have one that is not seen here.
    pub(crate) fn read(
        variable: &dyn Fn(&str) -> Option<String>,
        unseen: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let known = variables::AGENT.iter().any(|name| variable(name).is_some());
        let written = |name: &str| variable(name).map(|value| Written::variable(name, &value));
        let set = |name: &str| written(name).filter(|written| !written.value.is_empty());
        let (proxy, mut problems) = ProxyRules::from_environment(variable);

        // Without a value the agent's URL becomes `https://`, and its first request dies of `no Host in request URL`.
        let url = written("API_URL").or_else(|| {
            let missing = known && unseen("API_URL").is_none();
            missing.then(|| Written::variable("API_URL", ""))
        });
        let url = url.map(|written| written.read(api::url));
        let hidden = || unseen("API_KEY").map_or(ApiKey::Missing, ApiKey::Unseen);
        let key = set("API_KEY").map_or_else(hidden, |written| key(&written.value));
        if let (true, Some(wrong)) = (known, key.wrong()) {
            problems
                .0
                .push(Written::variable("API_KEY", "").problem(wrong));
        }
        // Set but empty counts: the agent then finds no certificate in it and ends.
        let roots = written("TLS_CA_CERT_FILE").map(|written| written.read(pem));
        let service = service(&written);
        let told = Told::read(variable);
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
        if let Service::Invalid(problem) = &service {
            problems.0.push(problem.clone());
        }
        if known {
            variables::validate(&set, &mut problems);
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
            aws: Aws::read(told.provider, variable),
            clouds: Clouds::read(variable),
            told,
            proxy,
            problems,
        }
    }
}

impl ApiKey {
    /// Why the agent cannot use it.
    pub(crate) fn wrong(&self) -> Option<Wrong> {
        let right = "the key that CAST AI shows once, without white space or line feeds around it";
        match self {
            Self::Missing => Some(Wrong::new(
                "is not set or empty; the agent does not start",
                right,
            )),
            Self::Malformed(why) => Some(Wrong::new(why.clone(), right)),
            Self::Present(_) | Self::Unseen(_) => None,
        }
    }
}

/// Host and port of the service, both or neither.
fn service(written: &dyn Fn(&str) -> Option<Written>) -> Service {
    let set = |name: &str| written(name).filter(|written| !written.value.is_empty());
    let (host, port) = match (
        set("KUBERNETES_SERVICE_HOST"),
        set("KUBERNETES_SERVICE_PORT"),
    ) {
        (None, None) => return Service::Absent,
        (Some(host), Some(port)) => (host, port),
        (host, _) => {
            let missing = if host.is_none() {
                "KUBERNETES_SERVICE_HOST"
            } else {
                "KUBERNETES_SERVICE_PORT"
            };
            let wrong = Wrong::new(
                "is not set, and the other half is",
                "the kubelet sets KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT in every container",
            );
            return Service::Invalid(Written::variable(missing, "").problem(wrong));
        }
    };
    let host = host.read(|text| {
        let valid = text.parse::<std::net::IpAddr>().is_ok() || values::is_name(text);
        if valid {
            return Ok(text.to_owned());
        }
        let what = format!("{} is neither an address nor a name", values::shown(text));
        Err(Wrong::new(
            what,
            "the address of the service kubernetes in the namespace default",
        ))
    });
    match (host, port.read(values::port)) {
        (Ok(host), Ok(port)) => Service::At(host, port),
        (Err(problem), _) | (_, Err(problem)) => Service::Invalid(problem),
    }
}

/// A value of a header.
fn header(text: &str) -> Result<String, Wrong> {
    match api::forbidden_byte(text) {
        None => Ok(text.trim_matches([' ', '\t']).to_owned()),
        Some(byte) => Err(Wrong::new(
            format!("holds {byte}, which no header may hold"),
            "write a host name",
        )),
    }
}
