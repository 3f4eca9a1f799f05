//! Access to the cluster from outside: configuration, client, and the agent once it is found.

use std::sync::Arc;

use crate::catalogue::CheckId;
use crate::checks::CheckSet;
use crate::cli::args::check::CheckArgs;
use crate::cli::output;
use crate::config::{AgentDiscovery, Config, ConfigErrors, Flags, Vantage};
use crate::doctor::AgentSearch;
use crate::doctor::visibility::{may_request_tokens, needs_only_the_api};
use crate::exporter::Exporter;
use crate::kube::{Client, ClientError};
use crate::net::Resolver;
use crate::scheduler;
use crate::scheduler::OnChange;
use crate::state::HealthState;
use crate::status::Document;

/// A person's access to a cluster.
pub(in crate::cli) struct Doctor<'a> {
    options: &'a CheckArgs,
    flags: Flags,
    /// The configuration without the agent's environment: it has this machine's proxies.
    own: Config,
    /// The configuration with the agent's environment.
    config: Config,
    client: Client,
    /// The named checks and those that can block them; empty if none is named.
    selected: Vec<CheckId>,
    remarks: Vec<String>,
    /// Whether the API server has responded, and the agent was looked for.
    api_responds: bool,
}

/// Longest progress text in characters, so that the line fits a terminal of 80 columns.
const MAX_PROGRESS_CHARS: usize = 76;

impl<'a> Doctor<'a> {
    pub(in crate::cli) fn new(
        options: &'a CheckArgs,
        flags: Flags,
        own: Config,
    ) -> Result<Self, ConfigErrors> {
        let flags = Flags {
            vantage: Some(Vantage::Companion.label().to_owned()),
            ..flags
        };
        let config = load(&flags, &AgentDiscovery::default(), &own)?;
        let client = Client::new(&own, &Arc::new(Resolver::new(&own.dns)));
        let runnable = CheckSet::new(&config).only(&options.checks);
        let runnable = runnable.checks.iter().map(|row| row.check);
        Ok(Self {
            options,
            flags,
            own,
            config,
            client,
            selected: options.checks.iter().copied().chain(runnable).collect(),
            remarks: Vec::new(),
            api_responds: false,
        })
    }

    pub(super) fn own(&self) -> &Config {
        &self.own
    }

    pub(in crate::cli) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns whether the API server has responded, and the agent was looked for.
    pub(super) fn api_responds(&self) -> bool {
        self.api_responds
    }

    /// Returns remarks about the search for the agent.
    pub(super) fn remarks(&self) -> &[String] {
        &self.remarks
    }

    pub(super) fn options(&self) -> &CheckArgs {
        self.options
    }

    pub(in crate::cli) fn config(&self) -> &Config {
        &self.config
    }

    /// Replaces the progress line on a terminal; an empty text removes it.
    pub(super) fn show(&self, text: &str) {
        if output::supports_progress() && !self.options.quiet {
            let ellipsis = if text.is_empty() { "" } else { " …" };
            let text: String = text.chars().take(MAX_PROGRESS_CHARS).collect();
            output::progress(&format!("{text}{ellipsis}"));
        }
    }

    /// Finds the agent and completes the configuration with its environment. `unreachable` is why
    /// the API server does not respond; the search would only wait for the same timeout.
    pub(super) async fn find_agent(
        &mut self,
        unreachable: Option<ClientError>,
    ) -> Result<(), ConfigErrors> {
        self.remarks.clear();
        if let Some(error) = unreachable {
            let remark = "no exporter was looked for: the API server does not respond";
            self.remarks.push(remark.to_owned());
            let seen = AgentDiscovery::Unreadable(format!(
                "failed to read the agent's environment: {error}"
            ));
            self.config = load(&self.flags, &seen, &self.own)?;
            return Ok(());
        }
        self.api_responds = true;
        let location = self.config.agent_location.clone();
        let location = location.expect("a companion's configuration has a location");
        let search = AgentSearch::run(&self.client, location).await;
        self.flags.agent_namespace = Some(search.location.namespace.clone());
        self.flags.agent_deployment = Some(search.location.deployment.clone());
        if self.flags.agent_token_requests.is_none()
            && !may_request_tokens(&self.client, &search.location).await
        {
            self.flags.agent_token_requests = Some(false);
        }
        self.config = load(&self.flags, &search.discovery, &self.own)?;
        self.remarks.extend(search.remark);
        Ok(())
    }

    /// Runs the checks that need nothing but the API server, and returns their JSON document.
    pub(in crate::cli) async fn own_document(&self) -> String {
        let mut check_set = CheckSet::new(&self.config);
        check_set.retain(|check| needs_only_the_api(check) && self.is_selected(check));
        let health = Arc::new(HealthState::new(&scheduler::check_specs(&check_set)));
        let quiet: OnChange = Arc::new(|_| {});
        scheduler::run_once(&check_set, &health, &quiet).await;
        let check_states = health.check_states();
        let ran: Vec<CheckId> = check_states.iter().map(|state| state.check).collect();
        Document::new(&check_states, &Exporter::new(&self.config, &ran)).json()
    }

    /// Returns the named checks and those that can block them; empty if none is named.
    pub(super) fn selected(&self) -> &[CheckId] {
        &self.selected
    }

    pub(super) fn is_selected(&self, check: CheckId) -> bool {
        self.selected.is_empty() || self.selected.contains(&check)
    }
}

/// Loads the configuration with the agent's environment and this machine's proxies: the agent's are
/// meant for its pod.
fn load(flags: &Flags, seen: &AgentDiscovery, own: &Config) -> Result<Config, ConfigErrors> {
    let config = Config::load_beside(flags, &|name| std::env::var_os(name), seen)?;
    Ok(Config {
        proxy: own.proxy.clone(),
        ..config
    })
}
