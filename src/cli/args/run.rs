//! Flags of `run`.

use std::path::PathBuf;

use crate::cli::args::configuration::ConfigurationFlags;
use crate::config::Flags;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RunArgs {
    /// Validate the configuration, report every problem and exit.
    #[arg(long = "config.check")]
    pub(in crate::cli) config_check: bool,
    #[command(flatten)]
    configuration: ConfigurationFlags,
    #[command(flatten)]
    web: WebFlags,
    #[command(flatten)]
    events: EventFlags,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Serving")]
struct WebFlags {
    /// Address to listen on; may be repeated [default: :9878].
    #[arg(long = "web.listen-address", value_name = "ADDRESS")]
    listen_address: Vec<String>,
    /// File that enables TLS or authentication (exporter-toolkit schema).
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config_file: Option<PathBuf>,
    /// URL under which the exporter is externally reachable.
    #[arg(long = "web.external-url", value_name = "URL")]
    external_url: Option<String>,
    /// Prefix of all HTTP routes [default: the path of --web.external-url].
    #[arg(long = "web.route-prefix", value_name = "PATH")]
    route_prefix: Option<String>,
    /// Route that requires no password: health, metrics; may be repeated [default: none].
    #[arg(long = "web.open-route", value_name = "ROUTE")]
    open_route: Vec<String>,
    /// Enable reloads through POST /-/reload.
    #[arg(long = "web.enable-lifecycle")]
    enable_lifecycle: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Kubernetes Events")]
struct EventFlags {
    /// Write a Kubernetes Event on the agent's Deployment when a root cause changes.
    #[arg(long = "events.enabled")]
    events_enabled: bool,
}

impl RunArgs {
    /// Returns the flags as the configuration reads them.
    pub(in crate::cli) fn flags(self) -> Flags {
        let web = self.web;
        Flags {
            web_listen_address: web.listen_address,
            web_config_file: web.web_config_file,
            web_external_url: web.external_url,
            web_route_prefix: web.route_prefix,
            web_open_route: web.open_route,
            web_enable_lifecycle: web.enable_lifecycle.then_some(true),
            events_enabled: self.events.events_enabled.then_some(true),
            ..self.configuration.flags()
        }
    }
}
