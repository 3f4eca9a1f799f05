//! Whether the registries of the agent's images respond.
//!
//! Nodes pull images, with their own resolver, proxy and certificates. A pod usually shares their
//! way out, but not always, so that a failure here is a warning.

use std::sync::Arc;

use futures_util::future::join_all;
use http::{HeaderMap, StatusCode};

use crate::catalogue::{FailureMode as M, Timeouts};
use crate::checks::{Attempt, Check};
use crate::net::{NetworkContext, Response, Target};
use crate::report::{Evidence, Finding, Report, TargetReport, Verdict};

/// Registry of image names without one, and the host that serves it.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
/// The path at which every registry responds.
const API_ROOT: &str = "/v2/";
/// Largest number of registries that are queried.
const MAX_REGISTRIES: usize = 5;
/// Why a failure is a warning.
const REMARK: &str =
    "seen from here; nodes pull images through their own resolver, proxy and certificates";

/// The check `image_pull` before the agent is installed.
#[derive(Debug)]
pub struct ImageRegistry {
    registries: Vec<Registry>,
    network: NetworkContext,
}

/// A registry and the images in it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Registry {
    host: String,
    port: u16,
    images: Vec<String>,
}

impl ImageRegistry {
    /// Creates the check for the registries of these images.
    pub fn new(images: &[&str], network: &NetworkContext) -> Self {
        let mut registries: Vec<Registry> = Vec::new();
        for image in images {
            let (host, port) = registry_of(image);
            let known = registries
                .iter_mut()
                .find(|registry| registry.host == host && registry.port == port);
            match known {
                Some(registry) => registry.images.push((*image).to_owned()),
                None => registries.push(Registry {
                    host,
                    port,
                    images: vec![(*image).to_owned()],
                }),
            }
        }
        registries.truncate(MAX_REGISTRIES);
        Self {
            registries,
            network: network.clone(),
        }
    }

    async fn probe(&self, registry: &Registry, attempt: &Attempt) -> Result<TargetReport, Verdict> {
        let Registry { host, port, .. } = registry;
        let trust = self
            .network
            .system_trust()
            .map_err(|error| Verdict::Unknown(Evidence::from(error.to_string())))?;
        let target = Target {
            host: host.clone(),
            port: *port,
            trust: Some(Arc::clone(&trust)),
            server_name: None,
            proxy: self.network.proxy_for(true, host, *port)?,
            timeouts: Timeouts::CASTAI_API,
        };
        let name = target.authority();
        let timer = attempt.start_target(&name, true);
        let resolver = &self.network.resolver;
        let response = async {
            let mut connection = target.open(resolver, &timer).await?;
            connection
                .get(resolver, API_ROOT, HeaderMap::new(), &timer)
                .await
        };
        let outcome = match response.await {
            Ok(response) => judge(&name, &response),
            Err(finding) => Err(in_terms_of_pulls(finding)),
        };
        let outcome = outcome.map_err(|finding| {
            let evidence = format!("{} ({})", finding.evidence, registry.images.join(", "));
            finding.with_evidence(Evidence::from(evidence).with_remark(REMARK))
        });
        Ok(attempt.finish_target(&name, outcome))
    }
}

impl Check for ImageRegistry {
    async fn run(&self, attempt: &Attempt) -> Report {
        let probes = self
            .registries
            .iter()
            .map(|registry| self.probe(registry, attempt));
        let mut targets = Vec::new();
        for probed in join_all(probes).await {
            match probed {
                Ok(target) => targets.push(target),
                Err(verdict) => return Report::from_verdict(verdict),
            }
        }
        let findings: Vec<Finding> = targets
            .iter()
            .filter_map(|target| target.outcome.clone().err())
            .collect();
        let verdict = if findings.is_empty() {
            Verdict::Ok(Evidence::joined(
                targets
                    .iter()
                    .filter_map(|target| target.outcome.as_ref().ok()),
            ))
        } else {
            Verdict::Warning(findings)
        };
        Report {
            targets,
            ..Report::from_verdict(verdict)
        }
    }
}

/// Returns host and port of an image's registry.
fn registry_of(image: &str) -> (String, u16) {
    let first = image.split('/').next().unwrap_or_default();
    let is_host = image.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let named = if is_host { first } else { DOCKER_HUB.0 };
    let (host, port) = match named.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().unwrap_or(443)),
        None => (named, 443),
    };
    let host = if host == DOCKER_HUB.0 {
        DOCKER_HUB.1
    } else {
        host
    };
    (host.to_owned(), port)
}

/// A registry responds with 200, or with 401 and the way to authenticate.
fn judge(name: &str, response: &Response) -> Result<Evidence, Finding> {
    let challenge = response.header("www-authenticate").is_some();
    let is_page = response.content_type() == "text/html";
    let mode = match response.status {
        StatusCode::OK if !is_page => return Ok(responds(name, response)),
        StatusCode::UNAUTHORIZED if challenge => return Ok(responds(name, response)),
        StatusCode::FORBIDDEN => M::ImageForbidden,
        StatusCode::TOO_MANY_REQUESTS => M::ImageRateLimited,
        status if status.is_server_error() => M::ImageRegistry5xx,
        _ => M::ImageUnknown,
    };
    let evidence = format!(
        "{name} responded to GET {API_ROOT} with {} {} instead of 200 or 401",
        response.status,
        response.quoted()
    );
    Err(Finding::new(mode, evidence))
}

fn responds(name: &str, response: &Response) -> Evidence {
    Evidence::from(format!(
        "the registry {name} responds (GET {API_ROOT} returned {})",
        response.status.as_u16()
    ))
}

/// Returns the failure mode of a pull for that of a connection. A proxy's refusal keeps its own.
fn in_terms_of_pulls(finding: Finding) -> Finding {
    let mode = match finding.mode {
        M::NetRefused => M::ImageRefused,
        M::NetDnsNxdomain | M::NetDnsServfail | M::NetDnsTimeout | M::NetDnsNoAddress => {
            M::ImageDns
        }
        M::NetConnectTimeout
        | M::NetUnreachable
        | M::NetReset
        | M::TlsHandshakeTimeout
        | M::HttpTimeout => M::ImageTimeout,
        M::TlsUnknownAuthority
        | M::TlsIntercepted
        | M::TlsExpired
        | M::TlsNotYetValid
        | M::TlsHostnameMismatch
        | M::TlsProtocol => M::ImageTlsUntrusted,
        mode => mode,
    };
    Finding { mode, ..finding }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_is_the_host_before_the_first_slash() {
        for (image, host, port) in [
            (
                "us-docker.pkg.dev/castai-hub/library/agent:v1",
                "us-docker.pkg.dev",
                443,
            ),
            (
                "mirror.example:5000/agent@sha256:abc",
                "mirror.example",
                5000,
            ),
            ("localhost/agent", "localhost", 443),
            ("castai/agent:v1", "registry-1.docker.io", 443),
            ("agent", "registry-1.docker.io", 443),
            ("docker.io/castai/agent", "registry-1.docker.io", 443),
        ] {
            assert_eq!(registry_of(image), (host.to_owned(), port), "{image}");
        }
    }
}
