//! The identity of this pod, as its service-account token states it.

use std::path::Path;

use crate::kube::credentials::read_token;
use crate::kube::token_claims::{TokenClaims, claims};

/// This pod and its service account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SelfPod {
    /// The namespace.
    pub namespace: String,
    /// The name of the service account.
    pub service_account: String,
    /// The name of the pod, if the token contains it.
    pub pod: Option<String>,
    /// The node of the pod, if the token contains it.
    pub node: Option<String>,
}

impl SelfPod {
    /// Returns the identity in the token of a mounted service account; `None` if the token cannot
    /// be read.
    pub fn of_service_account(directory: &Path) -> Option<Self> {
        let token = read_token(&directory.join("token")).ok()?;
        Self::from_claims(&claims(&token)?)
    }

    /// Returns the identity in the claims; `None` if the token does not belong to a service
    /// account.
    pub fn from_claims(claims: &TokenClaims) -> Option<Self> {
        let (namespace, service_account) = claims
            .subject
            .as_deref()?
            .strip_prefix("system:serviceaccount:")?
            .split_once(':')?;
        Some(Self {
            namespace: namespace.to_owned(),
            service_account: service_account.to_owned(),
            pod: claims.pod.clone(),
            node: claims.node.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_account_is_parsed_from_the_subject() {
        let claims = |subject: &str| TokenClaims {
            subject: Some(subject.to_owned()),
            ..TokenClaims::default()
        };
        assert_eq!(
            SelfPod::from_claims(&claims("system:serviceaccount:castai-agent:agent")),
            Some(SelfPod {
                namespace: "castai-agent".to_owned(),
                service_account: "agent".to_owned(),
                pod: None,
                node: None
            })
        );
        assert_eq!(SelfPod::from_claims(&claims("system:node:a")), None);
        assert_eq!(SelfPod::from_claims(&TokenClaims::default()), None);
    }
}
