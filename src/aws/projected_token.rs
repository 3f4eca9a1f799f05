//! Service account tokens for AWS: read from a projected volume or requested from the API server.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::catalogue::FailureMode as M;
use crate::config::agent::mounted_token::MountedToken;
use crate::config::{Aws, Secret, regular_file};
use crate::kube::token_claims::TokenClaims;
use crate::kube::{Client, ServiceAccountTokens, token_claims};
use crate::net::certificate::date;
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding};

/// The audience that STS expects unless the IAM OIDC provider lists another.
pub const STS_AUDIENCE: &str = "sts.amazonaws.com";
/// The audience that EKS Pod Identity expects.
const POD_IDENTITY_AUDIENCE: &str = "pods.eks.amazonaws.com";
/// Largest token file that is read, in bytes.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;
/// The kubelet rotates a token at 80 % of its lifetime, so less than this share means that rotation
/// has failed.
pub const LOW_LIFETIME_PERCENT: i64 = 10;

/// Requests tokens of the agent's service account, which a companion has no volume for.
#[derive(Clone, Debug)]
pub struct TokenRequester {
    client: Arc<Client>,
    account: Option<Arc<ServiceAccountTokens>>,
}

/// The origin of the token that the agent presents to STS.
#[derive(Clone, Copy, Debug)]
pub enum TokenSource<'a> {
    /// A file in this pod.
    File(&'a Path),
    /// A `TokenRequest` with the audience of a token that is mounted in the agent's pod.
    Requested(&'a MountedToken),
}

/// The reason why a projected token cannot be used.
#[derive(Debug)]
pub enum ProjectedTokenError {
    /// The agent's own token is missing or invalid.
    Invalid(Finding),
    /// The exporter cannot obtain a token, which does not affect the agent.
    Unavailable(Evidence),
}

/// The share of its lifetime that a token has left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RemainingLifetime {
    /// Enough, or the token does not expire.
    Sufficient,
    /// Less than [`LOW_LIFETIME_PERCENT`].
    Low,
    /// None: the token has expired.
    Expired,
}

impl TokenRequester {
    /// Returns a requester for the agent's account; without an account every request fails.
    pub fn new(client: Arc<Client>, account: Option<Arc<ServiceAccountTokens>>) -> Self {
        Self { client, account }
    }

    async fn request(&self, like: &MountedToken) -> Result<Secret, Evidence> {
        let account = self
            .account
            .as_ref()
            .ok_or_else(|| Evidence::from("the agent's service account is unknown"))?;
        let mut api = self.client.connect().await.map_err(Evidence::from)?;
        let requested = api.token(account, like.audience.as_deref()).await;
        requested
            .map(|token| token.value().clone())
            .map_err(Evidence::from)
    }
}

impl<'a> TokenSource<'a> {
    /// Returns the source for the token file that the agent's settings name.
    pub fn of(aws: &'a Aws, file: &'a Path) -> Self {
        aws.asked
            .as_ref()
            .filter(|token| token.file == file)
            .map_or(Self::File(file), Self::Requested)
    }

    /// Obtains the token and decodes its claims.
    ///
    /// # Errors
    /// If the token is missing, unreadable or not a JWT.
    pub async fn token(
        self,
        requester: &TokenRequester,
    ) -> Result<(Secret, TokenClaims), ProjectedTokenError> {
        let text = match self {
            Self::File(file) => read(file).map(Secret::new).map_err(|error| {
                ProjectedTokenError::Invalid(Finding::new(
                    M::AwsIrsaTokenFileMissing,
                    describe_read_error(file, &error),
                ))
            })?,
            Self::Requested(like) => requester
                .request(like)
                .await
                .map_err(ProjectedTokenError::Unavailable)?,
        };
        let token = Secret::new(text.reveal().trim());
        if let Some(claims) = token_claims::claims(token.reveal()) {
            return Ok((token, claims));
        }
        let problem = if token.reveal().is_empty() {
            "is empty"
        } else {
            "is not a JWT"
        };
        Err(ProjectedTokenError::Invalid(Finding::new(
            M::AwsIrsaTokenInvalid,
            format!("{} {problem}", self.name()),
        )))
    }

    /// Returns the path of the token in the agent's pod.
    pub fn file(self) -> &'a Path {
        match self {
            Self::File(file) => file,
            Self::Requested(like) => &like.file,
        }
    }

    /// Returns the name of the token in a sentence.
    pub fn name(self) -> String {
        let file = self.file().display();
        match self {
            Self::File(_) => format!("token {file}"),
            Self::Requested(_) => format!("a token requested like {file} in the agent's pod"),
        }
    }
}

/// Reads the token for EKS Pod Identity's agent or another credentials endpoint, and describes its
/// claims.
///
/// # Errors
/// `aws_pod_identity_token_invalid` if the file is missing, unreadable, empty, expired or has the
/// wrong audience.
pub fn pod_identity_token(
    file: &Path,
    host: &str,
    is_eks: bool,
) -> Result<(Secret, String), Finding> {
    let invalid = |problem: String| Err(Finding::new(M::AwsPodIdentityTokenInvalid, problem));
    let text = match read(file) {
        Ok(text) => text,
        Err(error) => return invalid(describe_read_error(file, &error)),
    };
    if text.trim().is_empty() {
        return invalid(format!("{} is empty", file.display()));
    }
    let Some(claims) = token_claims::claims(&text) else {
        return if is_eks {
            invalid(format!("{} is not a JWT", file.display()))
        } else {
            Ok((Secret::new(text), String::new()))
        };
    };
    let token = format!("token {} {} for {host}", file.display(), describe(&claims));
    let audiences = &claims.audiences;
    if is_eks
        && !audiences.is_empty()
        && !audiences
            .iter()
            .any(|audience| audience == POD_IDENTITY_AUDIENCE)
    {
        return invalid(format!(
            "{token}: its audience is not {POD_IDENTITY_AUDIENCE}"
        ));
    }
    match remaining_lifetime(&claims) {
        RemainingLifetime::Expired => invalid(format!("{token}: it has expired")),
        RemainingLifetime::Low | RemainingLifetime::Sufficient => {
            Ok((Secret::new(text), format!("; {token}")))
        }
    }
}

/// Compares a token's expiry and issue time with the clock.
pub fn remaining_lifetime(claims: &TokenClaims) -> RemainingLifetime {
    let now = jiff::Timestamp::now().as_second();
    let Some(expiry) = claims.expiry else {
        return RemainingLifetime::Sufficient;
    };
    let left = expiry.saturating_sub(now);
    match claims.issued_at {
        _ if left <= 0 => RemainingLifetime::Expired,
        Some(issued_at)
            if left.saturating_mul(100)
                < expiry
                    .saturating_sub(issued_at)
                    .saturating_mul(LOW_LIFETIME_PERCENT) =>
        {
            RemainingLifetime::Low
        }
        _ => RemainingLifetime::Sufficient,
    }
}

/// Returns whether STS certainly rejects the token's audience.
///
/// That is so without an audience, for the token's own issuer, and for another known service. An
/// IAM OIDC provider may list any other audience.
pub fn has_wrong_audience_for_sts(claims: &TokenClaims) -> bool {
    let is_other_service = |audience: &String| {
        audience == POD_IDENTITY_AUDIENCE
            || Some(audience) == claims.issuer.as_ref()
            || audience.starts_with("https://kubernetes.default.svc")
    };
    claims.audiences.iter().all(is_other_service)
}

/// Returns the claims that matter for a trust policy, in parentheses.
pub fn describe(claims: &TokenClaims) -> String {
    let text = |value: &Option<String>| quote(value.as_deref().unwrap_or_default().as_bytes());
    let audiences = quote(claims.audiences.join(", ").as_bytes());
    let expiry = claims.expiry.map_or_else(
        || "without expiry".to_owned(),
        |expiry| format!("expires {}", date(expiry)),
    );
    format!(
        "(iss {}, sub {}, aud {audiences}, {expiry})",
        text(&claims.issuer),
        text(&claims.subject)
    )
}

fn describe_read_error(file: &Path, error: &io::Error) -> String {
    let file = file.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("{file} does not exist: the token volume is not mounted")
        }
        io::ErrorKind::PermissionDenied => {
            format!(
                "{file} is not readable by this user: the pod lacks fsGroup 65532, or the volume's defaultMode is too \
                 strict"
            )
        }
        _ => format!("failed to read {file}: {error}"),
    }
}

fn read(file: &Path) -> io::Result<String> {
    let bytes = regular_file::read_start(file, MAX_TOKEN_BYTES)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_token_file_differs_from_permission_denied() {
        let file = Path::new("/var/run/token");
        let text = |kind: io::ErrorKind| describe_read_error(file, &io::Error::from(kind));
        assert!(text(io::ErrorKind::NotFound).contains("does not exist"));
        assert!(text(io::ErrorKind::PermissionDenied).contains("not readable by this user"));
    }

    #[test]
    fn only_an_audience_of_another_known_service_is_wrong_for_sts() {
        let claims = |audiences: &[&str]| TokenClaims {
            issuer: Some("https://oidc.example".to_owned()),
            audiences: audiences
                .iter()
                .map(|audience| (*audience).to_owned())
                .collect(),
            ..TokenClaims::default()
        };
        for wrong in [
            &[][..],
            &["https://oidc.example"],
            &["pods.eks.amazonaws.com"],
        ] {
            assert!(has_wrong_audience_for_sts(&claims(wrong)), "{wrong:?}");
        }
        for possible in [
            &["sts.amazonaws.com"][..],
            &["sts.amazonaws.com.cn"],
            &["own"],
            &["https://oidc.example", "own"],
        ] {
            assert!(
                !has_wrong_audience_for_sts(&claims(possible)),
                "{possible:?}"
            );
        }
    }
}
