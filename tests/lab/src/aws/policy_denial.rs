//! Access-denied messages, which end with the kind of policy.
//!
//! Wire format: the IAM user guide, "Troubleshoot access denied error messages".

/// Kind of policy that denies an action: explicitly, or implicitly (`No…`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PolicyDenial {
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

// === impl PolicyDenial ===

impl PolicyDenial {
    /// Returns the message for a principal and an action.
    pub(super) fn message(self, arn: &str, action: &str) -> String {
        self.message_for_resource(arn, action, "")
    }

    /// Returns the message for a principal, an action and a resource clause.
    pub(super) fn message_for_resource(self, arn: &str, action: &str, resource: &str) -> String {
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
        format!("User: {arn} is not authorized to perform: {action}{resource} {reason}")
    }
}
