//! The kind of policy that denies a request.

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::text::Text;

/// Returns which kind of policy denies, from the end of the message; AWS names only one.
pub(super) fn denied(message: Text<'_>) -> FailureMode {
    const KINDS: &[(&str, FailureMode)] = &[
        ("service control policy", M::Ec2DeniedScp),
        ("resource control policy", M::Ec2DeniedRcp),
        ("resource-based policy", M::Ec2DeniedResourcePolicy),
        ("session policy", M::Ec2DeniedSessionPolicy),
        ("permissions boundary", M::Ec2DeniedBoundary),
        ("vpc endpoint policy", M::Ec2DeniedVpcePolicy),
    ];
    let lower = message.to_ascii_lowercase();
    let message = message.part(&lower);
    let explicit = message
        .split_once("with an explicit deny in ")
        .map(|(_, rest)| rest);
    let Some(reason) = explicit.or_else(|| message.split_once("because no ").map(|(_, rest)| rest))
    else {
        return M::Ec2DeniedUnspecified;
    };
    // The kind directly follows the phrase, after at most an article and a word like
    // "organization's".
    let reason: String = reason.chars().take(64).collect();
    if reason.contains("identity-based policy") {
        return if explicit.is_some() {
            M::Ec2DeniedExplicitIdentity
        } else {
            M::Ec2DeniedIdentityPolicy
        };
    }
    KINDS
        .iter()
        .find(|(kind, _)| reason.contains(kind))
        .map_or(M::Ec2DeniedUnspecified, |(_, mode)| *mode)
}
