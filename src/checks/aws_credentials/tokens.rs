//! The tokens that the kubelet writes for AWS: there, readable, whole and fresh.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;

use super::Seen;
use crate::catalogue::FailureMode as M;
use crate::checks::CheckContext;
use crate::config::elsewhere::MountedToken;
use crate::config::{Aws, Secret};
use crate::kube::service_account_token;
use crate::kube::service_account_token::Claims;
use crate::net::certificate::date;
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, Verdict};

/// The audience that STS wants, unless the role's provider says otherwise.
const STS: &str = "sts.amazonaws.com";
/// The audience of EKS Pod Identity.
const POD_IDENTITY: &str = "pods.eks.amazonaws.com";
/// The most that is read of a token.
const MAX_TOKEN: u64 = 64 * 1024;
/// The kubelet writes a new token when 80 % of the old one's life are over.
const LITTLE_LIFE: i64 = 10;

/// Where the token for STS comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'a> {
    /// A file of this pod.
    File(&'a Path),
    /// The like of one that lies in the agent's pod, which is another.
    Asked(&'a MountedToken),
}

/// Why there is no token.
#[derive(Debug)]
pub(crate) enum Missing {
    /// The agent has none either.
    Broken(Finding),
    /// It could not be had here.
    Unknown(Evidence),
}

impl<'a> Origin<'a> {
    /// What the agent's settings come to for this file.
    pub(crate) fn of(aws: &'a Aws, file: &'a Path) -> Self {
        aws.asked
            .as_ref()
            .filter(|token| token.file == file)
            .map_or(Self::File(file), Self::Asked)
    }

    /// The token, and what it says of itself.
    pub(crate) async fn get(self, world: &CheckContext) -> Result<(Secret, Claims), Missing> {
        let text = match self {
            Self::File(file) => read(file).map(Secret::new).map_err(|error| {
                Missing::Broken(Finding::new(
                    M::AwsIrsaTokenFileMissing,
                    unreadable(file, &error),
                ))
            })?,
            Self::Asked(like) => world.agents_token(like).await.map_err(Missing::Unknown)?,
        };
        let token = Secret::new(text.reveal().trim());
        if let Some(claims) = service_account_token::claims(token.reveal()) {
            return Ok((token, claims));
        }
        let what = if token.reveal().is_empty() {
            "is empty"
        } else {
            "holds no JWT"
        };
        Err(Missing::Broken(Finding::new(
            M::AwsIrsaTokenInvalid,
            format!("{} {what}", self.name()),
        )))
    }

    /// Where it lies in the agent's pod.
    fn file(self) -> &'a Path {
        match self {
            Self::File(file) => file,
            Self::Asked(like) => &like.file,
        }
    }

    /// It, in a sentence.
    fn name(self) -> String {
        let file = self.file().display();
        match self {
            Self::File(_) => format!("the token {file}"),
            Self::Asked(_) => format!("a token like {file} of the agent's pod"),
        }
    }
}

/// A token of the service account, and the role that STS gives for it.
pub(super) async fn web_identity(from: Origin<'_>, role_arn: Option<&str>, world: &CheckContext) -> Seen {
    let Some(role) = role_arn else {
        let evidence = format!(
            "the token file {} is named and no role (AWS_ROLE_ARN): the agent ends at its start with \"role ARN is not \
             set\"",
            from.file().display()
        );
        return failing(M::AwsIrsaRoleArnMissing, evidence);
    };
    let claims = match from.get(world).await {
        Ok((_, claims)) => claims,
        Err(Missing::Broken(finding)) => return Verdict::failing(finding).into(),
        Err(Missing::Unknown(why)) => return Verdict::Unknown(why).into(),
    };
    let about = format!(
        "{} {} for the role {}",
        from.name(),
        described(&claims),
        quote(role.as_bytes())
    );
    if elsewhere(&claims) {
        return failing(
            M::AwsIrsaWrongAudience,
            format!("{about}: it is not made for {STS}"),
        );
    }
    if let Origin::Asked(_) = from {
        // It was made just now, and ends soon: that tells nothing of the file in the agent's pod.
        let about =
            format!("{about}; whether the file itself is there and fresh a sidecar can tell");
        return Verdict::Ok(Evidence::from(about)).into();
    }
    let verdict = match freshness(&claims) {
        Fresh::Over => Verdict::failing(Finding::new(
            M::AwsIrsaTokenExpired,
            format!("{about}: its time is over"),
        )),
        Fresh::Nearly => Verdict::Warning(vec![Finding::new(
            M::AwsIrsaTokenExpired,
            format!(
                "{about}: less than {LITTLE_LIFE} % of its life is left, and the kubelet has not written a new one"
            ),
        )]),
        Fresh::Yes => Verdict::Ok(Evidence::from(about)),
    };
    Seen {
        end: claims.expiry,
        ..verdict.into()
    }
}

/// A token for EKS Pod Identity's server on the node, or for another server of credentials; and what it says of itself.
pub(super) fn pod_identity(
    file: &Path,
    host: &str,
    eks: bool,
) -> Result<(Secret, String), Finding> {
    let invalid = |what: String| Err(Finding::new(M::AwsPodIdentityTokenInvalid, what));
    let text = match read(file) {
        Ok(text) => text,
        Err(error) => return invalid(unreadable(file, &error)),
    };
    if text.trim().is_empty() {
        return invalid(format!("{} is empty", file.display()));
    }
    let Some(claims) = service_account_token::claims(&text) else {
        let what = format!("{} holds no JWT", file.display());
        return if eks {
            invalid(what)
        } else {
            Ok((Secret::new(text), String::new()))
        };
    };
    let about = format!(
        "the token {} {} for {host}",
        file.display(),
        described(&claims)
    );
    if eks
        && !claims.audiences.is_empty()
        && !claims
            .audiences
            .iter()
            .any(|audience| audience == POD_IDENTITY)
    {
        return invalid(format!("{about}: it is not made for {POD_IDENTITY}"));
    }
    match freshness(&claims) {
        Fresh::Over => invalid(format!("{about}: its time is over")),
        Fresh::Nearly | Fresh::Yes => Ok((Secret::new(text), format!("; {about}"))),
    }
}

/// How much of its life a token has left.
enum Fresh {
    Yes,
    Nearly,
    Over,
}

fn freshness(claims: &Claims) -> Fresh {
    let now = jiff::Timestamp::now().as_second();
    let Some(end) = claims.expiry else {
        return Fresh::Yes;
    };
    let left = end.saturating_sub(now);
    match claims.issued_at {
        _ if left <= 0 => Fresh::Over,
        Some(begin)
            if left.saturating_mul(100) < end.saturating_sub(begin).saturating_mul(LITTLE_LIFE) =>
        {
            Fresh::Nearly
        }
        _ => Fresh::Yes,
    }
}

/// Whether the token is certainly not for STS: for nobody, for its own issuer, or for another known server. Any other
/// audience may be one that the role's provider lists.
fn elsewhere(claims: &Claims) -> bool {
    let other = |audience: &String| {
        audience == POD_IDENTITY
            || Some(audience) == claims.issuer.as_ref()
            || audience.starts_with("https://kubernetes.default.svc")
    };
    claims.audiences.iter().all(other)
}

fn described(claims: &Claims) -> String {
    let text = |value: &Option<String>| quote(value.as_deref().unwrap_or_default().as_bytes());
    let audiences = quote(claims.audiences.join(", ").as_bytes());
    let end = claims.expiry.map_or_else(
        || "without an end".to_owned(),
        |end| format!("until {}", date(end)),
    );
    format!(
        "(iss {}, sub {}, aud {audiences}, {end})",
        text(&claims.issuer),
        text(&claims.subject)
    )
}

fn unreadable(file: &Path, error: &io::Error) -> String {
    let file = file.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("{file} does not exist: the volume with the token is not mounted")
        }
        io::ErrorKind::PermissionDenied => {
            format!(
                "{file} may not be read by this user: the pod lacks fsGroup 65532, or the mode of the volume is too strict"
            )
        }
        _ => format!("{file} cannot be read: {error}"),
    }
}

fn failing(mode: M, evidence: String) -> Seen {
    Verdict::failing(Finding::new(mode, evidence)).into()
}

fn read(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_TOKEN).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_is_told_from_one_that_may_not_be_read() {
        let file = Path::new("/var/run/token");
        let said = |kind: io::ErrorKind| unreadable(file, &io::Error::from(kind));
        assert!(said(io::ErrorKind::NotFound).contains("does not exist"));
        assert!(said(io::ErrorKind::PermissionDenied).contains("may not be read by this user"));
    }

    #[test]
    fn only_an_audience_that_cannot_be_stss_is_elsewhere() {
        let claims = |audiences: &[&str]| Claims {
            issuer: Some("https://oidc.example".to_owned()),
            audiences: audiences
                .iter()
                .map(|audience| (*audience).to_owned())
                .collect(),
            ..Claims::default()
        };
        for elsewhere_for_sure in [
            &[][..],
            &["https://oidc.example"],
            &["pods.eks.amazonaws.com"],
        ] {
            assert!(
                elsewhere(&claims(elsewhere_for_sure)),
                "{elsewhere_for_sure:?}"
            );
        }
        for perhaps in [
            &["sts.amazonaws.com"][..],
            &["sts.amazonaws.com.cn"],
            &["own"],
            &["https://oidc.example", "own"],
        ] {
            assert!(!elsewhere(&claims(perhaps)), "{perhaps:?}");
        }
    }
}
