//! An examination's access to the cluster: its configuration, its client, and what it found out about
//! the agent.

use std::sync::Arc;

use crate::catalogue::CheckId;
use crate::checks::CheckSet;
use crate::cli::args::check::CheckArgs;
use crate::cli::output;
use crate::config::{AgentDiscovery, Config, ConfigErrors, Flags, Vantage};
use crate::doctor::AgentSearch;
use crate::doctor::visibility::{may_request_tokens, needs_only_the_api};
use crate::exporter::Exporter;
use crate::kube::Client;
use crate::net::Resolver;
use crate::scheduler;
use crate::scheduler::OnChange;
use crate::state::HealthState;
use crate::status::Document;

/// Examines a cluster from outside.
pub(in crate::cli) struct Doctor<'a> {
    options: &'a CheckArgs,
    flags: Flags,
    /// The configuration without the agent's environment: it has this machine's proxies.
    own: Config,
    /// The configuration with the agent's environment.
    config: Config,
    client: Client,
    remarks: Vec<String>,
    cut_off: CutOff,
}

/// Whether the API server responds, as far as it is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CutOff {
    NotTested,
    Yes,
    No,
}

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
        Ok(Self {
            options,
            flags,
            own,
            config,
            client,
            remarks: Vec::new(),
            cut_off: CutOff::NotTested,
        })
    }

    pub(super) fn own(&self) -> &Config {
        &self.own
    }

    pub(in crate::cli) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns whether the API server does not respond.
    pub(super) fn is_cut_off(&self) -> bool {
        self.cut_off == CutOff::Yes
    }

    /// Returns what the reader should know about the search for the agent.
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
            output::progress(&format!("{text}{ellipsis}"));
        }
    }

    /// Returns whether the agent has not been looked for, because the API server did not respond.
    pub(super) fn needs_search(&self) -> bool {
        self.cut_off != CutOff::No
    }

    /// Finds the agent and completes the configuration with its environment, unless the API server
    /// does not respond for this reason.
    pub(super) async fn find_agent(&mut self, cut_off: Option<String>) -> Result<(), ConfigErrors> {
        self.remarks.clear();
        if let Some(why) = cut_off {
            self.cut_off = CutOff::Yes;
            self.remarks
                .push(format!("no exporter could be asked: {why}"));
            return Ok(());
        }
        self.cut_off = CutOff::No;
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

    pub(super) fn is_selected(&self, check: CheckId) -> bool {
        self.options.checks.is_empty() || self.options.checks.contains(&check)
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
