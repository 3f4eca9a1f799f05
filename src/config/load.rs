//! What was written becomes what is true: flags over file over the agent's environment over defaults.

mod agent;
mod apiserver;
mod checks;
mod control_plane;
mod installation;
mod web;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::catalogue::{RUNBOOK_BASE, Scope};
use crate::config::agent_env::AgentEnv;
use crate::config::aws::Version;
use crate::config::control_plane::Own;
use crate::config::file::File;
use crate::config::flags::Flags;
use crate::config::keys::KEYS;
use crate::config::node_local::Endpoint;
use crate::config::problem::Problems;
use crate::config::written::{Written, Wrong};
use crate::config::{
    AgentEnvironment, AgentSeen, ApiKey, Aws, Castai, Clouds, Config, Dns, Log, LogFormat,
    NamedFile, Purpose, Vantage, agent_env, file, values,
};

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

/// All sources of a configuration, and what is wrong in them so far.
struct Sources<'a> {
    flags: &'a Flags,
    file: File,
    /// Where the file lies; its relative paths begin there.
    folder: PathBuf,
    env: AgentEnv,
    own: Own,
    named_files: Vec<NamedFile>,
    /// What was seen of the agent, when it is looked for.
    seen: AgentSeen,
    problems: Problems,
}

impl Config {
    /// Reads everything, and says of everything at once what is wrong in flags and file.
    ///
    /// What makes no sense in the agent's environment fails nothing: it is in [`Config::environment_problems`].
    pub fn load(
        flags: &Flags,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Problems> {
        Self::load_beside(flags, variable, &AgentSeen::default())
    }

    /// The same for a process beside the agent: the agent's environment is what was seen of it, by the same precedence.
    pub fn load_beside(
        flags: &Flags,
        variable: &dyn Fn(&str) -> Option<OsString>,
        seen: &AgentSeen,
    ) -> Result<Self, Problems> {
        let (file, folder, problems) = read_file(flags);
        let own = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
        let (seen, env) = agent::environment(agent::looked_for(flags, &file), seen, &own);
        let own = Own::read(&own);
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

fn read_file(flags: &Flags) -> (File, PathBuf, Problems) {
    let Some(path) = &flags.config_file else {
        return (File::default(), PathBuf::new(), Problems::default());
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
            Problems(vec![Written::flag("--config.file", &shown).problem(wrong)]),
        ),
    }
}

impl Sources<'_> {
    fn config(&mut self) -> Config {
        let installation = self.installation();
        let agent_place = self.agent_place(&installation);
        let own = self.env.known && agent_place.is_none();
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
            agent_place,
            agent_seen: self.seen.clone(),
            web: self.web(),
            log: self.log(),
            runbook_base: runbook_base.unwrap_or_else(|| RUNBOOK_BASE.to_owned()),
            apiserver: self.apiserver(),
            castai: self.castai(),
            told: self.env.told.clone(),
            installation,
            aws: self.aws(),
            agent: self.env.agent.clone(),
            clouds: self.clouds(),
            control_plane: self.control_plane(),
            dns: self.dns(),
            proxy: self.env.proxy.clone(),
            checks: self.checks(),
            named_files: std::mem::take(&mut self.named_files),
            environment_problems: std::mem::take(&mut self.env.problems),
        }
    }

    fn log(&mut self) -> Log {
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
        Log {
            level: level.unwrap_or(tracing::Level::INFO),
            format: format.unwrap_or(LogFormat::Logfmt),
        }
    }

    fn castai(&mut self) -> Castai {
        let url = self
            .key("castai.api_url", agent_env::url)
            .map(Ok)
            .or_else(|| self.env.url.clone());
        let cluster_id = self.key("castai.cluster_id", |text| {
            let valid = !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            let what = || {
                Wrong::new(
                    format!("{} is no id", values::shown(text)),
                    "letters, digits and dashes",
                )
            };
            valid.then(|| text.to_owned()).ok_or_else(what)
        });
        let roots = self
            .content("castai.ca_file", agent_env::pem)
            .map(Ok)
            .or_else(|| self.env.roots.clone());
        let key = self.content("castai.key_file", |text| Ok(agent_env::key(text)));
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

    fn aws(&mut self) -> Aws {
        let agent = self.key("agent.version", Version::read);
        let (aws, seen) = (self.env.aws.clone(), self.seen.found());
        let file = aws.variables.token_file.as_ref();
        let asked = seen
            .zip(file)
            .and_then(|(elsewhere, file)| elsewhere.token(file).cloned());
        Aws {
            agent: agent.or(seen.and_then(|elsewhere| elsewhere.version)),
            asked,
            ..aws
        }
    }

    fn clouds(&mut self) -> Clouds {
        let azure = self.key("azure.metadata_address", |text| {
            let right = "write a link-local or loopback address, perhaps with a port";
            Endpoint::read(&format!("http://{text}"))
                .map_err(|why| Wrong::new(format!("{} {why}", values::shown(text)), right))
        });
        let clouds = self.env.clouds.clone();
        Clouds {
            azure: azure.unwrap_or(clouds.azure),
            ..clouds
        }
    }

    fn dns(&mut self) -> Dns {
        let nameservers = self.keys("dns.nameservers", 3, |text| {
            values::server_address(text, Some(53))
        });
        Dns {
            nameservers,
            resolv_conf: self
                .named_file("dns.resolv_conf", Purpose::Names)
                .unwrap_or_else(|| PathBuf::from("/etc/resolv.conf")),
            hosts: self
                .named_file("dns.hosts_file", Purpose::Names)
                .unwrap_or_else(|| PathBuf::from("/etc/hosts")),
        }
    }

    /// What a flag says, or else the file.
    fn setting<T>(
        &mut self,
        flag: &str,
        typed: Option<&str>,
        key: &str,
        meaning: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        // Both are read, so that what is wrong in the file is told even where a flag goes before it.
        let written = self.key(key, &meaning);
        match typed {
            Some(text) => Written::flag(flag, text).noting(&mut self.problems, meaning),
            None => written,
        }
    }

    /// What the file says.
    fn key<T>(&mut self, key: &str, meaning: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        self.file
            .one(key)?
            .clone()
            .noting(&mut self.problems, meaning)
    }

    /// What the file lists; at most so many.
    fn keys<T>(
        &mut self,
        key: &str,
        most: usize,
        meaning: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        let written = self.file.many(key)?.to_vec();
        if let Some(beyond) = written.get(most) {
            let wrong = Wrong::new(
                format!("lists {} values", written.len()),
                format!("at most {most}"),
            );
            self.problems.0.push(beyond.problem(wrong));
        }
        Some(
            written
                .iter()
                .filter_map(|written| written.noting(&mut self.problems, &meaning))
                .collect(),
        )
    }

    /// A path of the file, from the file's own folder.
    fn path(&mut self, key: &str) -> Option<PathBuf> {
        let folder = self.folder.clone();
        self.key(key, |text| {
            let empty = || Wrong::new("is empty", "write a path, or leave the key out");
            (!text.is_empty())
                .then(|| folder.join(text))
                .ok_or_else(empty)
        })
    }

    /// A path of the file to something that is read only while examining.
    fn named_file(&mut self, key: &str, purpose: Purpose) -> Option<PathBuf> {
        let path = self.path(key)?;
        let written = self.file.one(key)?.clone();
        self.named_files.push(NamedFile {
            purpose,
            path: path.clone(),
            written,
        });
        Some(path)
    }

    /// What the content of a file means, whose path the file names.
    fn content<T>(
        &mut self,
        key: &str,
        meaning: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let path = self.path(key)?;
        self.key(key, |_| {
            file::read_text(&path).and_then(|text| meaning(&text))
        })
    }
}
