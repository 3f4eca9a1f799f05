//! The projected service-account tokens in the agent's container.

use crate::agent::aws_identity::agent_container;
use crate::config::agent::mounted_token::MountedToken;
use crate::kube::types::pod_spec::PodSpec;

/// Returns the token files of the agent's container.
///
/// Omits mounts with `subPath`, because the kubelet does not rotate tokens there.
pub(super) fn mounted_tokens(spec: &PodSpec) -> Vec<MountedToken> {
    let mounts = agent_container(spec)
        .into_iter()
        .flat_map(|container| &container.volume_mounts);
    let whole_volumes = mounts.filter(|mount| mount.sub_path.is_empty());
    whole_volumes
        .flat_map(|mount| {
            let volume = spec.volumes.iter().find(|volume| volume.name == mount.name);
            let sources = volume
                .into_iter()
                .flat_map(|volume| &volume.projected.sources);
            sources
                .filter_map(|source| source.service_account_token.as_ref())
                .map(|token| MountedToken {
                    file: mount.mount_path.join(&token.path),
                    audience: Some(token.audience.clone()).filter(|audience| !audience.is_empty()),
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn tokens_are_found_where_the_agents_container_mounts_them() {
        let spec: PodSpec = serde_json::from_str(
            r#"{
            "containers": [
                {"name": "monitor", "volumeMounts": [{"name": "aws", "mountPath": "/elsewhere"}]},
                {"name": "agent", "volumeMounts": [
                    {"name": "aws", "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount", "readOnly": true},
                    {"name": "api", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
                    {"name": "part", "mountPath": "/part/token", "subPath": "token"},
                    {"name": "plain", "mountPath": "/plain"}]}],
            "volumes": [
                {"name": "aws", "projected": {"sources": [
                    {"serviceAccountToken": {"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"}}]}},
                {"name": "api", "projected": {"sources": [
                    {"configMap": {"name": "kube-root-ca.crt"}}, {"serviceAccountToken": {"path": "token"}}]}},
                {"name": "part", "projected": {"sources": [{"serviceAccountToken": {"audience": "a", "path": "token"}}]}},
                {"name": "plain", "emptyDir": {}}]}"#,
        )
        .unwrap();
        let token = |file: &str, audience: Option<&str>| MountedToken {
            file: Path::new(file).to_owned(),
            audience: audience.map(str::to_owned),
        };
        let expected = [
            token(
                "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
                Some("sts.amazonaws.com"),
            ),
            token("/var/run/secrets/kubernetes.io/serviceaccount/token", None),
        ];
        assert_eq!(mounted_tokens(&spec), expected);
    }
}
