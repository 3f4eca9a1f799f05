//! Do the names that the agent needs resolve through the pod's own resolver?

use std::net::IpAddr;

use futures_util::future::join_all;

use crate::catalogue::{Limits, Phase};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::aws::{Service, Use};
use crate::config::{Apiserver, CheckSettings, Config};
use crate::net::{Route, resolve};
use crate::report::{Evidence, Finding, Peers, Report, TargetReport, Verdict};

/// The check `dns`.
#[derive(Debug)]
pub struct Dns {
    names: Vec<Name>,
    limits: Limits,
    world: CheckContext,
}

/// A name, and whether the agent itself asks for it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Name {
    host: String,
    in_use: bool,
}

impl Dns {
    /// The names that the other checks of this configuration use.
    pub fn new(config: &Config, settings: &CheckSettings, world: &CheckContext) -> Self {
        let mut names = Vec::new();
        if let Some(Ok(url)) = &config.castai.url
            && let Some(host) = url.host_str()
        {
            let https = url.scheme() == "https";
            let port = url.port_or_known_default().unwrap_or(443);
            push(&mut names, world.asked_for(https, host, port), true);
        }
        if let Apiserver::InCluster(place) = &config.apiserver {
            push(
                &mut names,
                world.asked_for(true, &place.host, place.port),
                true,
            );
            push(&mut names, Some(place.dns_name.0.clone()), false);
        }
        Self {
            names,
            limits: settings.limits,
            world: world.clone(),
        }
    }

    /// The names of AWS: which they are, depends on what is known of the region.
    fn of_aws(&self, peers: &Peers) -> Vec<Name> {
        let mut names = Vec::new();
        let aws = &self.world.aws;
        let used = aws.settings().used();
        let Ok(region) = aws.region(peers) else {
            return names;
        };
        if matches!(used, Use::Nothing(_)) {
            return names;
        }
        for service in [Service::Sts, Service::Ec2] {
            let needed = used == Use::Discovery && (service == Service::Ec2 || aws.asks_sts());
            let Ok(endpoint) = aws.endpoint(service, &region) else {
                continue;
            };
            let (https, url) = (endpoint.url.scheme() == "https", &endpoint.url);
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
            push(
                &mut names,
                self.world
                    .asked_for(https, host, url.port_or_known_default().unwrap_or(443)),
                needed,
            );
        }
        names
    }

    async fn name(&self, name: &Name, attempt: &Attempt) -> TargetReport {
        let trail = attempt.trail(&name.host, name.in_use);
        let resolver = &self.world.resolver;
        let route = Route {
            host: name.host.clone(),
            port: 0,
            trust: None,
            server_name: None,
            proxy: None,
            limits: self.limits,
        };
        let hung = |limit| resolve::unanswered(&name.host, resolver, limit);
        let found = route
            .phase(Phase::Resolve, &trail, resolver.resolve(&name.host), hung)
            .await;
        let outcome = found.map(|addresses| {
            let shown: Vec<_> = addresses.iter().take(4).map(IpAddr::to_string).collect();
            Evidence::from(format!("{} is {}", name.host, shown.join(", ")))
        });
        attempt.arrived(&name.host, outcome)
    }
}

fn push(names: &mut Vec<Name>, host: Option<String>, in_use: bool) {
    let Some(host) = host else { return };
    let host = host.trim_matches(['[', ']']).to_owned();
    if host.parse::<IpAddr>().is_ok() {
        return;
    }
    match names.iter_mut().find(|name| name.host == host) {
        Some(name) => name.in_use |= in_use,
        None => names.push(Name { host, in_use }),
    }
}

impl Check for Dns {
    async fn run(&self, attempt: &Attempt) -> Report {
        let mut names = self.names.clone();
        for name in self.of_aws(attempt.peers()) {
            push(&mut names, Some(name.host), name.in_use);
        }
        if names.is_empty() {
            return Report::bare(Verdict::NotApplicable(Evidence::from(
                "no name is known that would have to resolve",
            )));
        }
        let targets = join_all(names.iter().map(|name| self.name(name, attempt))).await;
        Report {
            verdict: judge(&targets),
            targets,
            ..Report::bare(Verdict::Unknown(Evidence::default()))
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
            match found.iter_mut().find(|seen| seen.mode == finding.mode) {
                Some(seen) => {
                    seen.evidence =
                        Evidence::joined([&seen.evidence, &finding.evidence].into_iter())
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
