//! The container credentials endpoint in the environment, by the rules of Go's SDK
//! (`resolveHTTPCredProvider`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::config::agent::aws::credential_variables::ContainerCredentialsUri;
use crate::config::values;

/// Link-local addresses of the EKS Pod Identity agent.
const POD_IDENTITY: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x23)),
];
/// Link-local address of ECS's credential endpoint.
const ECS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2));

/// A container credentials endpoint on the node or in the pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CredentialServer {
    /// Host; an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path with query.
    pub path: String,
    /// Whether it is an address of the EKS Pod Identity agent.
    pub eks: bool,
}

/// Why no container credentials endpoint is queried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SkippedReason {
    /// The agent's SDK does not query it either.
    Refused(String),
    /// The agent may query it; the exporter does not.
    NotExamined(String),
}

impl CredentialServer {
    /// Parses the endpoint in a variable.
    ///
    /// # Errors
    /// Why it is not queried: only addresses on the node are allowed, because the response contains
    /// keys.
    pub fn read(container: &ContainerCredentialsUri) -> Result<Self, SkippedReason> {
        let ContainerCredentialsUri::Full(text) = container else {
            let why = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI points to an ECS endpoint, which the exporter does not query";
            return Err(SkippedReason::NotExamined(why.to_owned()));
        };
        let refused = |why: String| {
            Err(SkippedReason::Refused(format!(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI {why}"
            )))
        };
        let Ok(url) = Url::parse(text) else {
            return refused("is not a URL, so the agent has no credentials".to_owned());
        };
        let host = url.host_str().unwrap_or_default();
        let not_examined = |what: &str| {
            let why = format!(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI points to {what}, which the exporter does not query"
            );
            Err(SkippedReason::NotExamined(why))
        };
        let address = match url.host() {
            _ if url.scheme() == "https" => {
                return not_examined(&format!("{} over https", values::shown(host)));
            }
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain("localhost")) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => {
                return refused(format!(
                    "points to {}, which the agent's SDK rejects",
                    values::shown(host)
                ));
            }
        };
        let eks = POD_IDENTITY.contains(&address);
        if address == ECS {
            return not_examined("an ECS endpoint");
        }
        if !eks && !address.is_loopback() {
            return refused(format!(
                "points to {address}, which the agent's SDK rejects"
            ));
        }
        let query = url
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        Ok(Self {
            host: address.to_string(),
            port: url.port_or_known_default().unwrap_or(80),
            path: format!("{}{query}", url.path()),
            eks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn container_credentials_endpoint_must_be_on_the_node() {
        let read =
            |text: &str| CredentialServer::read(&ContainerCredentialsUri::Full(text.to_owned()));
        for (text, host, port, path, eks) in [
            (
                "http://169.254.170.23/v1/credentials",
                "169.254.170.23",
                80,
                "/v1/credentials",
                true,
            ),
            (
                "http://[fd00:ec2::23]/v1/credentials",
                "fd00:ec2::23",
                80,
                "/v1/credentials",
                true,
            ),
            (
                "http://127.0.0.9:8080/a?b=c",
                "127.0.0.9",
                8080,
                "/a?b=c",
                false,
            ),
            ("http://localhost:1", "127.0.0.1", 1, "/", false),
        ] {
            let server = CredentialServer {
                host: host.to_owned(),
                port,
                path: path.to_owned(),
                eks,
            };
            assert_eq!(read(text), Ok(server), "{text}");
        }
        for text in [
            "nonsense",
            "http://192.0.2.1/",
            "http://169.254.170.24/",
            "http://example.com/",
            "ftp://x/",
        ] {
            assert!(
                matches!(read(text), Err(SkippedReason::Refused(_))),
                "{text}"
            );
        }
        for text in ["https://example.com/", "http://169.254.170.2/x"] {
            assert!(
                matches!(read(text), Err(SkippedReason::NotExamined(_))),
                "{text}"
            );
        }
    }
}
