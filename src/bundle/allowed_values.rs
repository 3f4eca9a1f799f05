//! The closed list of environment variables with values that may leave the cluster. The value of
//! every other variable is replaced by its length.

use std::net::IpAddr;

use url::Url;

use self::Form::{Account, Hosts, Name, Origin, Path, RoleArn, Scalar, Uuid, Word};

/// The form that a value must have to be shown. A value of another form is redacted: it may be a
/// password in the wrong place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// `true`, `false`, a number or a duration.
    Scalar,
    /// One of a few words in lower case, such as a provider or a log level.
    Word,
    /// A name of an object, cluster, region or zone: lower and upper case, digits, dashes.
    Name,
    /// A UUID.
    Uuid,
    /// Twelve digits. The archive shows the last four.
    Account,
    /// The ARN of a role. Of the account, the archive shows the last four digits.
    RoleArn,
    /// An absolute path.
    Path,
    /// A URL, of which scheme, host and port are shown.
    Origin,
    /// Hosts, domains and networks, separated by commas.
    Hosts,
}

/// A variable with a value that may be shown.
#[derive(Clone, Copy, Debug)]
pub struct AllowedVariable {
    /// Its name.
    pub name: &'static str,
    /// The form that its value must have.
    pub form: Form,
    /// Why people who help need it, and why it is not secret.
    pub why: &'static str,
}

const fn allow(name: &'static str, form: Form, why: &'static str) -> AllowedVariable {
    AllowedVariable { name, form, why }
}

const DESTINATION: &str = "where the agent connects; without user, password, path and query";
const PROXY: &str = "which proxy the agent uses; without user and password";
const IDENTITY: &str = "which identity the agent is given; it grants nothing without its token";
const TOKEN_FILE: &str = "where a token is mounted; not the token";
const CLUSTER: &str = "which cluster the agent reports; CAST AI knows it";
const PLACE: &str = "the region; wrong ones are a common fault";
const SETTING: &str = "a setting of the agent without secrets";
const AWS_TRUST: &str = "which certificates the AWS SDK trusts; not the certificates";
const AWS_METADATA: &str = "whether the AWS SDK uses instance metadata";
const AWS_ENDPOINTS: &str = "which endpoints the AWS SDK uses";
const STS_REGION: &str = "whether STS is called in the region";
const NO_PROXY: &str = "which destinations bypass the proxy; wrong ones are a common fault";

/// The variables with values that may be shown, by name.
pub const ALLOWED_VARIABLES: &[AllowedVariable] = &[
    allow("AKS_LOCATION", Name, PLACE),
    allow("AKS_NODE_RESOURCE_GROUP", Name, CLUSTER),
    allow("API_DELTA_READ_TIMEOUT", Scalar, SETTING),
    allow("API_TIMEOUT", Scalar, SETTING),
    allow("API_TOTAL_SEND_DELTA_TIMEOUT", Scalar, SETTING),
    allow("API_URL", Origin, DESTINATION),
    allow("AWS_CA_BUNDLE", Path, AWS_TRUST),
    allow("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Path, TOKEN_FILE),
    allow("AWS_CONTAINER_CREDENTIALS_FULL_URI", Origin, DESTINATION),
    allow("AWS_DEFAULT_REGION", Name, PLACE),
    allow("AWS_EC2_METADATA_DISABLED", Scalar, AWS_METADATA),
    allow("AWS_EC2_METADATA_SERVICE_ENDPOINT", Origin, DESTINATION),
    allow("AWS_ENDPOINT_URL", Origin, DESTINATION),
    allow("AWS_ENDPOINT_URL_EC2", Origin, DESTINATION),
    allow("AWS_ENDPOINT_URL_EKS", Origin, DESTINATION),
    allow("AWS_ENDPOINT_URL_STS", Origin, DESTINATION),
    allow("AWS_REGION", Name, PLACE),
    allow("AWS_ROLE_ARN", RoleArn, IDENTITY),
    allow("AWS_STS_REGIONAL_ENDPOINTS", Word, STS_REGION),
    allow("AWS_USE_DUALSTACK_ENDPOINT", Scalar, AWS_ENDPOINTS),
    allow("AWS_USE_FIPS_ENDPOINT", Scalar, AWS_ENDPOINTS),
    allow("AWS_WEB_IDENTITY_TOKEN_FILE", Path, TOKEN_FILE),
    allow("AZURE_AUTHORITY_HOST", Origin, DESTINATION),
    allow("AZURE_FEDERATED_TOKEN_FILE", Path, TOKEN_FILE),
    allow("CONTROLLER_INTERVAL", Scalar, SETTING),
    allow("CONTROLLER_PREP_TIMEOUT", Scalar, SETTING),
    allow("EKS_ACCOUNT_ID", Account, CLUSTER),
    allow("EKS_CLUSTER_NAME", Name, CLUSTER),
    allow("EKS_REGION", Name, PLACE),
    allow("GKE_CLUSTER_NAME", Name, CLUSTER),
    allow("GKE_LOCATION", Name, PLACE),
    allow("GKE_REGION", Name, PLACE),
    allow("GOMAXPROCS", Scalar, SETTING),
    allow("GOMEMLIMIT", Name, SETTING),
    allow("GOOGLE_APPLICATION_CREDENTIALS", Path, TOKEN_FILE),
    allow("HEALTHZ_PORT", Scalar, SETTING),
    allow("HTTPS_PROXY", Origin, PROXY),
    allow("HTTP_PROXY", Origin, PROXY),
    allow("KUBERNETES_SERVICE_HOST", Hosts, DESTINATION),
    allow("KUBERNETES_SERVICE_PORT", Scalar, DESTINATION),
    allow("LEADER_ELECTION_ENABLED", Scalar, SETTING),
    allow("LOG_LEVEL", Name, SETTING),
    allow("METADATA_STORE_ENABLED", Scalar, SETTING),
    allow("METRICS_PORT", Scalar, SETTING),
    allow("NO_PROXY", Hosts, NO_PROXY),
    allow("PPROF_PORT", Scalar, SETTING),
    allow("PROVIDER", Word, "the cloud provider"),
    allow("SELFHOSTEDEC2_ACCOUNT_ID", Account, CLUSTER),
    allow("SELFHOSTEDEC2_CLUSTER_NAME", Name, CLUSTER),
    allow("SELFHOSTEDEC2_REGION", Name, PLACE),
    allow("STATIC_CLUSTER_ID", Uuid, CLUSTER),
];

/// Longest name, path or word, in bytes.
const MAX_NAME_BYTES: usize = 100;
const MAX_PATH_BYTES: usize = 256;
/// Longest list of hosts, in bytes.
const MAX_HOSTS_BYTES: usize = 4096;
/// Number of digits of an AWS account.
const ACCOUNT_DIGITS: usize = 12;

/// Returns the value of a variable, or the replacement for it.
pub fn variable(name: &str, value: &str) -> String {
    // Go, curl and the exporter read the proxy from both spellings.
    let upper = name.to_ascii_uppercase();
    let name = if upper.ends_with("_PROXY") {
        &upper
    } else {
        name
    };
    let form = ALLOWED_VARIABLES
        .iter()
        .find(|allowed| allowed.name == name)
        .map(|allowed| allowed.form);
    form.and_then(|form| form.shown(value))
        .unwrap_or_else(|| redacted(value))
}

/// Returns the replacement for a value.
pub fn redacted(value: &str) -> String {
    match value.chars().count() {
        0 => String::new(),
        1 => "(redacted, 1 character)".to_owned(),
        length => format!("(redacted, {length} characters)"),
    }
}

impl Form {
    /// Returns what is shown of a value, for the documentation.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Scalar => "a number, a duration, `true` or `false`",
            Self::Word => "a word in lower case",
            Self::Name => "a name",
            Self::Uuid => "a UUID",
            Self::Account => "the last four digits",
            Self::RoleArn => "the ARN, with the last four digits of the account",
            Self::Path => "an absolute path",
            Self::Origin => "scheme, host and port",
            Self::Hosts => "hosts, domains and networks",
        }
    }

    /// Returns what may be shown of a value; `None` if it does not have this form.
    pub fn shown(self, value: &str) -> Option<String> {
        let valid = match self {
            Self::Scalar => is_scalar(value),
            Self::Word => is_name(value, 20) && value.bytes().all(|byte| byte.is_ascii_lowercase()),
            Self::Name => is_name(value, MAX_NAME_BYTES),
            Self::Uuid => is_uuid(value),
            Self::Account => {
                value.len() == ACCOUNT_DIGITS && value.bytes().all(|byte| byte.is_ascii_digit())
            }
            Self::RoleArn => is_role_arn(value),
            Self::Path => is_path(value),
            Self::Origin => return origin(value),
            Self::Hosts => is_hosts(value),
        };
        valid.then(|| value.to_owned())
    }
}

fn is_scalar(value: &str) -> bool {
    let is_switch = matches!(
        value.to_ascii_lowercase().as_str(),
        "true" | "false" | "t" | "f"
    );
    let is_number = value.len() <= 20 && value.starts_with(|c: char| c.is_ascii_digit());
    let belongs = |c: char| c.is_ascii_digit() || ".nuµmsh-".contains(c);
    is_switch || is_number && value.chars().all(belongs)
}

/// Names are made of words and numbers; a mix of upper case, lower case and digits is a password.
fn is_name(value: &str, max: usize) -> bool {
    let has = |kind: fn(&u8) -> bool| value.as_bytes().iter().any(kind);
    let mixed =
        has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    (1..=max).contains(&value.len())
        && value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && !mixed
}

fn is_uuid(value: &str) -> bool {
    let groups: Vec<usize> = value.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12]
        && value
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn is_role_arn(value: &str) -> bool {
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    let [arn, partition, service, region, account, role] = parts[..] else {
        return false;
    };
    arn == "arn"
        && is_name(partition, 20)
        && service == "iam"
        && region.is_empty()
        && Form::Account.shown(account).is_some()
        && role
            .strip_prefix("role/")
            .is_some_and(|name| is_path(&format!("/{name}")))
}

fn is_path(value: &str) -> bool {
    (2..=MAX_PATH_BYTES).contains(&value.len())
        && value.strip_prefix('/').is_some_and(|parts| {
            let parts = parts.trim_end_matches('/');
            parts
                .split('/')
                .all(|part| is_name(part.trim_start_matches('.'), MAX_NAME_BYTES))
        })
}

fn origin(value: &str) -> Option<String> {
    let with_scheme = if value.contains("://") {
        value.to_owned()
    } else {
        format!("https://{value}")
    };
    let url = Url::parse(&with_scheme).ok()?;
    let known = matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h");
    let host = url.host_str().filter(|host| is_host(host))?;
    let port = url
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    known.then(|| format!("{}://{host}{port}", url.scheme()))
}

fn is_hosts(value: &str) -> bool {
    (1..=MAX_HOSTS_BYTES).contains(&value.len())
        && value
            .split([',', ' '])
            .filter(|item| !item.is_empty())
            .all(|item| item == "*" || is_network(item) || is_host(item))
}

fn is_network(item: &str) -> bool {
    let (address, prefix) = item.split_once('/').unwrap_or((item, "0"));
    address.parse::<IpAddr>().is_ok() && prefix.parse::<u8>().is_ok_and(|bits| bits <= 128)
}

/// Returns whether a text is a host, with or without a port: an address, a name with a domain, or
/// `localhost`. One word alone may be anything.
fn is_host(item: &str) -> bool {
    let (host, port) = match item.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port),
        _ => (item, "0"),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = host.trim_start_matches(['*', '.']);
    let is_domain =
        host.contains('.') && name.split('.').all(|label| is_name(label, 63)) && name.len() <= 253;
    port.parse::<u16>().is_ok()
        && (bare.parse::<IpAddr>().is_ok()
            || is_domain
            || matches!(host, "localhost" | "kubernetes" | ".svc" | ".local"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_values_are_shown_in_their_form_only() {
        for (name, value, shown) in [
            (
                "API_URL",
                "https://user:hunter2@api.cast.ai/x?key=1",
                "https://api.cast.ai",
            ),
            (
                "https_proxy",
                "http://user:hunter2@proxy.corp:3128",
                "http://proxy.corp:3128",
            ),
            ("HTTPS_PROXY", "hunter2hunter2", "(redacted, 14 characters)"),
            (
                "NO_PROXY",
                "10.0.0.0/8,.svc,localhost,*.corp.example",
                "10.0.0.0/8,.svc,localhost,*.corp.example",
            ),
            ("NO_PROXY", "localhost,hunter2", "(redacted, 17 characters)"),
            ("EKS_REGION", "eu-central-1", "eu-central-1"),
            ("EKS_REGION", "Tr0ub4dorAnd3", "(redacted, 13 characters)"),
            ("EKS_ACCOUNT_ID", "123456789012", "123456789012"),
            ("EKS_ACCOUNT_ID", "hunter2", "(redacted, 7 characters)"),
            (
                "AWS_ROLE_ARN",
                "arn:aws:iam::123456789012:role/path/castai",
                "arn:aws:iam::123456789012:role/path/castai",
            ),
            ("AWS_ROLE_ARN", "hunter2", "(redacted, 7 characters)"),
            (
                "GOOGLE_APPLICATION_CREDENTIALS",
                "/var/run/secrets/.x/key.json",
                "/var/run/secrets/.x/key.json",
            ),
            (
                "GOOGLE_APPLICATION_CREDENTIALS",
                "{\"private_key\":\"x\"}",
                "(redacted, 19 characters)",
            ),
            (
                "STATIC_CLUSTER_ID",
                "01234567-89ab-cdef-0123-456789abcdef",
                "01234567-89ab-cdef-0123-456789abcdef",
            ),
            ("API_TIMEOUT", "1m30s", "1m30s"),
            ("LEADER_ELECTION_ENABLED", "true", "true"),
            ("API_KEY", "true", "(redacted, 4 characters)"),
            ("FOO", "x", "(redacted, 1 character)"),
            ("FOO", "", ""),
        ] {
            assert_eq!(variable(name, value), shown, "{name}={value}");
        }
    }

    #[test]
    fn names_are_unique_and_sorted() {
        let names: Vec<&str> = ALLOWED_VARIABLES
            .iter()
            .map(|allowed| allowed.name)
            .collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
    }
}
