//! How AWS words that a policy denies: the end of the sentence names the kind of policy.
//!
//! Wire format: the IAM user guide, "Troubleshoot access denied error messages".

/// The kind of policy, and whether it denies or merely does not allow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Denial {
    NoIdentityPolicy,
    IdentityPolicy,
    NoScp,
    Scp,
    ScpByName,
    Rcp,
    NoBoundary,
    Boundary,
    NoSessionPolicy,
    SessionPolicy,
    NoResourcePolicy,
    ResourcePolicy,
    NoEndpointPolicy,
    EndpointPolicy,
}

// === impl Denial ===

impl Denial {
    /// The sentence about one who may not do this.
    pub(super) fn sentence(self, arn: &str, action: &str) -> String {
        self.sentence_on(arn, action, "")
    }

    /// The same, and `on` says about what.
    pub(super) fn sentence_on(self, arn: &str, action: &str, on: &str) -> String {
        let (explicit, kind) = match self {
            Self::NoIdentityPolicy => (false, "identity-based policy"),
            Self::IdentityPolicy => (true, "an identity-based policy"),
            Self::NoScp => (false, "service control policy"),
            Self::Scp => (true, "a service control policy"),
            Self::ScpByName => (
                true,
                "a service control policy: arn:aws:organizations::999999999999:policy/o-labexample/service_control_policy/p-lab00001",
            ),
            Self::Rcp => (true, "a resource control policy"),
            Self::NoBoundary => (false, "permissions boundary"),
            Self::Boundary => (true, "a permissions boundary"),
            Self::NoSessionPolicy => (false, "session policy"),
            Self::SessionPolicy => (true, "a session policy"),
            Self::NoResourcePolicy => (false, "resource-based policy"),
            Self::ResourcePolicy => (true, "a resource-based policy"),
            Self::NoEndpointPolicy => (false, "VPC endpoint policy"),
            Self::EndpointPolicy => (true, "a VPC endpoint policy"),
        };
        let reason = if explicit {
            format!("with an explicit deny in {kind}")
        } else {
            format!("because no {kind} allows the {action} action")
        };
        format!("User: {arn} is not authorized to perform: {action}{on} {reason}")
    }
}
