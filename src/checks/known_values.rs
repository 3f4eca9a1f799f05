//! Values of the configuration and of this pod that complete the commands of remedies.

use crate::catalogue::{Placeholder, RemedyValues};
use crate::config::{ApiserverLocation, Config};
use crate::kube::self_pod::SelfPod;

/// Returns the values of this installation.
pub fn known_values(config: &Config) -> RemedyValues {
    let installation = &config.installation;
    let mut values = RemedyValues::default()
        .with(Placeholder::Namespace, &installation.namespace)
        .with(Placeholder::PodNamespace, &installation.namespace)
        .with(Placeholder::Deployment, &installation.deployment);
    if let Some(release) = &installation.release {
        values = values.with(Placeholder::Release, release);
    }
    let account = config
        .agent_discovery
        .found()
        .map(|agent| agent.service_account.as_str())
        .or_else(|| {
            let location = config.agent_location.as_ref();
            location.map(|location| location.service_account.as_str())
        });
    if let Some(account) = account {
        values = values.with(Placeholder::ServiceAccount, account);
    }
    if let Some(Ok(url)) = &config.castai.url
        && let Some(host) = url.host_str()
    {
        values = values.with(Placeholder::ApiHost, host);
    }
    if let Some(id) = &config.castai.cluster_id {
        values = values.with(Placeholder::ClusterId, id);
    }
    if let Some(node) = own_pod(config).and_then(|own| own.node) {
        values = values.with(Placeholder::LocalNode, &node);
    }
    match &config.aws.variables.role_arn {
        Some(arn) => with_role(values, arn),
        None => values,
    }
}

/// Returns this pod, as its service-account token names it.
pub(super) fn own_pod(config: &Config) -> Option<SelfPod> {
    match &config.apiserver {
        ApiserverLocation::InCluster(pod) => SelfPod::of_service_account(&pod.service_account_dir),
        _ => None,
    }
}

/// Adds account and name of a role: `arn:aws:iam::123456789012:role/path/name`.
fn with_role(values: RemedyValues, arn: &str) -> RemedyValues {
    let mut fields = arn.splitn(6, ':').skip(4);
    let account = fields.next().unwrap_or_default();
    let Some(path) = fields.next().and_then(|role| role.strip_prefix("role/")) else {
        return values;
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    values
        .with(Placeholder::Account, account)
        .with(Placeholder::Role, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Remedy;

    #[test]
    fn role_arn_yields_account_and_name() {
        let filled = |arn: &str| {
            let values = with_role(RemedyValues::default(), arn);
            Remedy::new("{account} {role}", &values).as_str().to_owned()
        };
        assert_eq!(
            filled("arn:aws:iam::123456789012:role/team/castai"),
            "123456789012 castai"
        );
        for odd in [
            "",
            "arn:aws:iam::1:user/me",
            "role/x",
            "arn:aws:iam::$(x):role/`y`",
        ] {
            assert_eq!(filled(odd), "ACCOUNT ROLE", "{odd}");
        }
    }
}
