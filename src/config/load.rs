//! Builds the configuration: flags over file over the agent's environment over defaults.

mod agent_environment;
mod apiserver;
mod checks;
mod control_plane_access;
mod installation;
mod sources;
mod web;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::catalogue::{RUNBOOK_BASE, Scope};
use crate::config::agent::aws::settings::Aws;
use crate::config::agent::aws::version::Version;
use crate::config::agent::castai::{ApiKey, Castai};
use crate::config::agent::cloud_metadata::CloudMetadata;
use crate::config::agent::discovered::AgentDiscovery;
use crate::config::agent::env;
use crate::config::agent::environment_source::AgentEnvironment;
use crate::config::agent::link_local::LinkLocalEndpoint;
use crate::config::config_error::ConfigErrors;
use crate::config::exporter::control_plane_access::ExporterIdentity;
use crate::config::exporter::dns::DnsSettings;
use crate::config::exporter::file;
use crate::config::exporter::file::File;
use crate::config::exporter::flags::Flags;
use crate::config::exporter::keys::KEYS;
use crate::config::exporter::log::{LogFormat, LogSettings};
use crate::config::exporter::named_file::Purpose;
use crate::config::load::sources::Sources;
use crate::config::settings::Config;
use crate::config::sourced_value::{InvalidValue, SourcedValue};
use crate::config::values;
use crate::config::vantage::Vantage;

const LEVELS: &[(&str, tracing::Level)] = &[
    ("error", tracing::Level::ERROR),
    ("warn", tracing::Level::WARN),
    ("info", tracing::Level::INFO),
    ("debug", tracing::Level::DEBUG),
    ("trace", tracing::Level::TRACE),
];
const FORMATS: &[(&str, LogFormat)] = &[("logfmt", LogFormat::Logfmt), ("json", LogFormat::Json)];
const SCOPES: &[(&str, Option<Scope>)] = &[
    ("all", None),
    ("pod", Some(Scope::Pod)),
    ("cluster", Some(Scope::Cluster)),
];
const VANTAGES: &[(&str, Vantage)] = &[
    ("sidecar", Vantage::Sidecar),
    ("companion", Vantage::Companion),
];

impl Config {
    /// Reads all sources and reports all errors in flags and file at once.
    ///
    /// Invalid values in the agent's environment are never fatal: they are in
    /// [`Config::environment_problems`].
    pub fn load(
        flags: &Flags,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigErrors> {
        Self::load_beside(flags, variable, &AgentDiscovery::default())
    }

    /// The same outside the agent's pod: the agent's environment is the discovered one, with the
    /// same precedence.
    pub fn load_beside(
        flags: &Flags,
        variable: &dyn Fn(&str) -> Option<OsString>,
        seen: &AgentDiscovery,
    ) -> Result<Self, ConfigErrors> {
        let (file, folder, problems) = read_file(flags);
        let own = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
        let (seen, env) =
            agent_environment::environment(agent_environment::looked_for(flags, &file), seen, &own);
        let own = ExporterIdentity::read(&own);
        let mut sources = Sources {
            flags,
            file,
            folder,
            env,
            own,
            named_files: Vec::new(),
            seen,
            problems,
        };
        let config = sources.config();
        if sources.problems.is_empty() {
            return Ok(config);
        }
        // Flags first, then each file from top to bottom.
        let mut problems = sources.problems;
        problems.0.sort_by_cached_key(|problem| {
            (
                problem.origin != "flag",
                problem.origin.clone(),
                problem.line,
            )
        });
        Err(problems)
    }
}

fn read_file(flags: &Flags) -> (File, PathBuf, ConfigErrors) {
    let Some(path) = &flags.config_file else {
        return (File::default(), PathBuf::new(), ConfigErrors::default());
    };
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let shown = path.display().to_string();
    match file::read_text(path) {
        Ok(text) => {
            let (file, problems) = File::parse(&shown, &text, KEYS);
            (file, folder, problems)
        }
        Err(wrong) => (
            File::default(),
            folder,
            ConfigErrors(vec![
                SourcedValue::flag("--config.file", &shown).problem(wrong),
            ]),
        ),
    }
}

impl Sources<'_> {
    fn config(&mut self) -> Config {
        let installation = self.installation();
        let agent_location = self.agent_location(&installation);
        let token_requests = agent_location
            .as_ref()
            .is_some_and(|location| location.token_requests);
        let own = self.env.known && agent_location.is_none();
        let vantage = self.setting(
            "--vantage",
            self.flags.vantage.as_deref(),
            "vantage",
            |text| values::word(text, VANTAGES),
        );
        let scope = self.setting("--scope", self.flags.scope.as_deref(), "scope", |text| {
            values::word(text, SCOPES)
        });
        let runbook_base = self.setting(
            "--runbook.base-url",
            self.flags.runbook_base_url.as_deref(),
            "runbook_base_url",
            |text| {
                values::link(text)?;
                Ok(text.trim_end_matches('/').to_owned())
            },
        );
        Config {
            vantage: vantage.unwrap_or(if own {
                Vantage::Sidecar
            } else {
                Vantage::Companion
            }),
            scope: scope.flatten(),
            agent_environment: match self.seen.found() {
                Some(elsewhere) => elsewhere.source,
                None if own => AgentEnvironment::Own,
                None => AgentEnvironment::None,
            },
            agent_location,
            agent_discovery: self.seen.clone(),
            web: self.web(),
            log: self.log(),
            runbook_base: runbook_base.unwrap_or_else(|| RUNBOOK_BASE.to_owned()),
            apiserver: self.apiserver(),
            castai: self.castai(),
            provider_variables: self.env.provider_variables.clone(),
            installation,
            aws: self.aws(token_requests),
            agent: self.env.agent.clone(),
            clouds: self.clouds(),
            control_plane: self.control_plane(),
            dns: self.dns(),
            kube_events: self.kube_events(),
            proxy: self.env.proxy.clone(),
            checks: self.checks(),
            named_files: std::mem::take(&mut self.named_files),
            environment_problems: std::mem::take(&mut self.env.problems),
        }
    }

    fn log(&mut self) -> LogSettings {
        let level = self.setting(
            "--log.level",
            self.flags.log_level.as_deref(),
            "log.level",
            |text| values::word(text, LEVELS),
        );
        let format = self.setting(
            "--log.format",
            self.flags.log_format.as_deref(),
            "log.format",
            |text| values::word(text, FORMATS),
        );
        LogSettings {
            level: level.unwrap_or(tracing::Level::INFO),
            format: format.unwrap_or(LogFormat::Logfmt),
        }
    }

    fn castai(&mut self) -> Castai {
        let url = self
            .key("castai.api_url", env::url)
            .map(Ok)
            .or_else(|| self.env.url.clone());
        let cluster_id = self.key("castai.cluster_id", |text| {
            let valid = !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            let what = || {
                InvalidValue::new(
                    format!("{} is not an ID", values::shown(text)),
                    "letters, digits and dashes",
                )
            };
            valid.then(|| text.to_owned()).ok_or_else(what)
        });
        let roots = self
            .content("castai.ca_file", env::pem)
            .map(Ok)
            .or_else(|| self.env.roots.clone());
        let key = self.content("castai.key_file", |text| Ok(env::key(text)));
        let key = match key {
            Some(key) => key,
            None => std::mem::replace(&mut self.env.key, ApiKey::Missing),
        };
        Castai {
            url,
            key,
            cluster_id: cluster_id.or_else(|| self.env.cluster_id.clone()),
            host_header: self.env.host_header.clone(),
            roots,
        }
    }

    fn aws(&mut self, token_requests: bool) -> Aws {
        let agent = self.key("agent.version", Version::read);
        let (aws, seen) = (self.env.aws.clone(), self.seen.found());
        let file = aws.variables.token_file.as_ref();
        let asked = seen
            .filter(|_| token_requests)
            .zip(file)
            .and_then(|(elsewhere, file)| elsewhere.token(file).cloned());
        Aws {
            agent: agent.or(seen.and_then(|elsewhere| elsewhere.version)),
            asked,
            ..aws
        }
    }

    fn clouds(&mut self) -> CloudMetadata {
        let azure = self.key("azure.metadata_address", |text| {
            let right = "write a link-local or loopback address, perhaps with a port";
            LinkLocalEndpoint::read(&format!("http://{text}"))
                .map_err(|why| InvalidValue::new(format!("{} {why}", values::shown(text)), right))
        });
        let clouds = self.env.clouds.clone();
        CloudMetadata {
            azure: azure.unwrap_or(clouds.azure),
            ..clouds
        }
    }

    fn kube_events(&mut self) -> bool {
        let written = self.key("events.enabled", |text| Ok(text == "true"));
        self.flags.events_enabled.or(written).unwrap_or(false)
    }

    fn dns(&mut self) -> DnsSettings {
        let nameservers = self.keys("dns.nameservers", 3, |text| {
            values::server_address(text, Some(53))
        });
        DnsSettings {
            nameservers,
            resolv_conf: self
                .named_file("dns.resolv_conf", Purpose::Names)
                .unwrap_or_else(|| PathBuf::from("/etc/resolv.conf")),
            hosts: self
                .named_file("dns.hosts_file", Purpose::Names)
                .unwrap_or_else(|| PathBuf::from("/etc/hosts")),
        }
    }
}
