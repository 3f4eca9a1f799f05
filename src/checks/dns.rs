//! Checks that the host names the agent needs resolve through this pod's resolver.

use std::net::IpAddr;

use futures_util::future::join_all;

use crate::catalogue::{Phase, Timeouts};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::agent::aws::{AwsService, AwsUsage};
use crate::config::{ApiserverLocation, CheckSettings, Config};
use crate::net::{Target, resolve};
use crate::report::{Evidence, Finding, LatestReports, Report, TargetReport, Verdict};

/// The check `dns`.
#[derive(Debug)]
pub struct Dns {
    names: Vec<HostName>,
    timeouts: Timeouts,
    context: CheckContext,
}

/// A host name, and whether the agent itself resolves it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct HostName {
    host: String,
    in_use: bool,
}

impl Dns {
    /// Creates the check for the host names that the agent connects to.
    pub fn new(config: &Config, settings: &CheckSettings, context: &CheckContext) -> Self {
        let mut names = Vec::new();
        if let Some(Ok(url)) = &config.castai.url
            && let Some(host) = url.host_str()
        {
            let https = url.scheme() == "https";
            let port = url.port_or_known_default().unwrap_or(443);
            push(
                &mut names,
                context.network.name_to_resolve(https, host, port),
                true,
            );
        }
        if let ApiserverLocation::InCluster(in_cluster) = &config.apiserver {
            push(
                &mut names,
                context
                    .network
                    .name_to_resolve(true, &in_cluster.host, in_cluster.port),
                true,
            );
            push(&mut names, Some(in_cluster.dns_name.0.clone()), false);
        }
        Self {
            names,
            timeouts: settings.timeouts,
            context: context.clone(),
        }
    }

    /// Returns the AWS endpoints, which depend on the region that is known so far.
    fn aws_names(&self, reports: &LatestReports) -> Vec<HostName> {
        let mut names = Vec::new();
        let aws = &self.context.aws;
        let used = aws.settings().used();
        let Ok(region) = aws.region(reports) else {
            return names;
        };
        if matches!(used, AwsUsage::Nothing(_)) {
            return names;
        }
        for service in [AwsService::Sts, AwsService::Ec2] {
            let needed =
                used == AwsUsage::Discovery && (service == AwsService::Ec2 || aws.uses_sts());
            let Ok(endpoint) = aws.endpoint(service, &region) else {
                continue;
            };
            let (https, url) = (endpoint.url.scheme() == "https", &endpoint.url);
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
            push(
                &mut names,
                self.context.network.name_to_resolve(
                    https,
                    host,
                    url.port_or_known_default().unwrap_or(443),
                ),
                needed,
            );
        }
        names
    }

    async fn resolve(&self, name: &HostName, attempt: &Attempt) -> TargetReport {
        let timer = attempt.start_target(&name.host, name.in_use);
        let resolver = &self.context.network.resolver;
        let target = Target {
            host: name.host.clone(),
            port: 0,
            trust: None,
            server_name: None,
            proxy: None,
            timeouts: self.timeouts,
        };
        let on_timeout = |limit| resolve::timed_out(&name.host, resolver, limit);
        let found = target
            .run_phase(
                Phase::Resolve,
                &timer,
                resolver.resolve(&name.host),
                on_timeout,
            )
            .await;
        let outcome = found.map(|addresses| {
            let shown: Vec<_> = addresses.iter().take(4).map(IpAddr::to_string).collect();
            Evidence::from(format!("{} resolves to {}", name.host, shown.join(", ")))
        });
        attempt.finish_target(&name.host, outcome)
    }
}

fn push(names: &mut Vec<HostName>, host: Option<String>, in_use: bool) {
    let Some(host) = host else { return };
    let host = host.trim_matches(['[', ']']).to_owned();
    if host.parse::<IpAddr>().is_ok() {
        return;
    }
    match names.iter_mut().find(|name| name.host == host) {
        Some(name) => name.in_use |= in_use,
        None => names.push(HostName { host, in_use }),
    }
}

impl Check for Dns {
    async fn run(&self, attempt: &Attempt) -> Report {
        let mut names = self.names.clone();
        for name in self.aws_names(attempt.reports()) {
            push(&mut names, Some(name.host), name.in_use);
        }
        if names.is_empty() {
            return Report::from_verdict(Verdict::NotApplicable(Evidence::from(
                "no host name is configured that needs to resolve",
            )));
        }
        let targets = join_all(names.iter().map(|name| self.resolve(name, attempt))).await;
        Report {
            verdict: judge(&targets),
            targets,
            ..Report::from_verdict(Verdict::Unknown(Evidence::default()))
        }
    }
}

fn judge(targets: &[TargetReport]) -> Verdict {
    let findings = |in_use: bool| -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        for finding in targets
            .iter()
            .filter(|target| target.in_use == in_use)
            .filter_map(|target| target.outcome.as_ref().err())
        {
            match found.iter_mut().find(|merged| merged.mode == finding.mode) {
                Some(merged) => {
                    merged.evidence =
                        Evidence::joined([&merged.evidence, &finding.evidence].into_iter());
                }
                None => found.push(finding.clone()),
            }
        }
        found
    };
    let (failing, warning) = (findings(true), findings(false));
    if !failing.is_empty() {
        return Verdict::Failing(failing);
    }
    if !warning.is_empty() {
        return Verdict::Warning(warning);
    }
    Verdict::Ok(Evidence::joined(
        targets
            .iter()
            .filter_map(|target| target.outcome.as_ref().ok()),
    ))
}
