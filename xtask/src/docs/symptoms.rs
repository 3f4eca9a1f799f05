//! The sections of docs/symptoms.md: what people see, and what causes it.

use std::fmt::Write;

use castai_health_exporter::catalogue::alert::documented_as;
use castai_health_exporter::catalogue::{CheckId as C, FailureMode as M, anchor, remedy};

/// A symptom, and the failures that cause it, most likely first.
struct Symptom {
    title: &'static str,
    /// Where it is seen, and its exact text.
    seen: &'static str,
    causes: &'static [(C, M)],
}

const SYMPTOMS: &[Symptom] = &[
    Symptom {
        title: "The cluster does not appear in the Connect cluster screen",
        seen: "The connect script ran, but the console keeps waiting for the cluster.",
        causes: &[
            (C::CastaiApi, M::CastaiTokenInvalid),
            (C::CastaiApi, M::NetConnectTimeout),
            (C::CastaiApi, M::TlsIntercepted),
            (C::AwsCredentials, M::AwsNoCredentials),
            (C::Ec2Api, M::Ec2DeniedIdentityPolicy),
            (C::ClusterMetadata, M::AgentConfigEnvMissing),
            (C::AgentWorkload, M::AgentUnschedulableResources),
            (C::AgentWorkload, M::ImageTimeout),
        ],
    },
    Symptom {
        title: "UnauthorizedOperation",
        seen: "In the agent's log: `describing instance_id=…: UnauthorizedOperation: You are not \
               authorized to perform this operation.`",
        causes: &[
            (C::Ec2Api, M::Ec2DeniedIdentityPolicy),
            (C::Ec2Api, M::Ec2DeniedScp),
            (C::Ec2Api, M::Ec2DeniedVpcePolicy),
            (C::Ec2Api, M::Ec2DeniedUnspecified),
        ],
    },
    Symptom {
        title: "NoCredentialProviders",
        seen: "In the agent's log: `configuring aws client: NoCredentialProviders: no valid \
               providers in chain`.",
        causes: &[
            (C::AwsCredentials, M::AwsNoCredentials),
            (C::AwsCredentials, M::AwsIrsaNotInjected),
            (C::Imds, M::AwsImdsHopLimit),
            (C::Imds, M::AwsImdsDisabled),
        ],
    },
    Symptom {
        title: "Spot nodes are displayed as on-demand",
        seen: "On the Available savings page of the console.",
        causes: &[
            (C::NodeLifecycle, M::LifecycleUnresolved),
            (C::Ec2Api, M::Ec2DeniedIdentityPolicy),
            (C::AwsCredentials, M::AwsNoCredentials),
        ],
    },
    Symptom {
        title: "TLS handshake timeout",
        seen: "In the agent's log: `getting namespace \"kube-system\": Get \
               \"https://…:443/api/v1/namespaces/kube-system\": net/http: TLS handshake timeout`.",
        causes: &[(C::Apiserver, M::TlsHandshakeTimeout)],
    },
    Symptom {
        title: "No access to Kubernetes API server, please check your firewall settings",
        seen: "In the console, when optimization is enabled.",
        causes: &[
            (C::ControlPlaneAccess, M::CpfwBlocked),
            (C::ControlPlaneAccess, M::CpfwPrivateOnly),
        ],
    },
    Symptom {
        title: "Not responding",
        seen: "The status of the cluster in the console.",
        causes: &[
            (C::AgentWorkload, M::AgentDeploymentMissing),
            (C::AgentWorkload, M::AgentScaledToZero),
            (C::AgentWorkload, M::AgentCrashloop),
            (C::CastaiApi, M::CastaiTokenInvalid),
            (C::CastaiApi, M::NetConnectTimeout),
            (C::Dns, M::NetDnsTimeout),
            (C::ClusterStatus, M::CastaiNotResponding),
        ],
    },
    Symptom {
        title: "Disconnected",
        seen: "The status of the cluster in the console, some minutes after Not responding.",
        causes: &[
            (C::ClusterStatus, M::CastaiDisconnected),
            (C::AgentWorkload, M::AgentDeploymentMissing),
            (C::ClusterStatus, M::CastaiClusterNotFound),
        ],
    },
    Symptom {
        title: "Warning or Failed",
        seen: "The status of the cluster in the console: autoscaling does not work.",
        causes: &[
            (C::ClusterStatus, M::CastaiReconcileFailed),
            (C::ControlPlaneAccess, M::CpfwBlocked),
            (C::ClusterController, M::AgentCrashloop),
        ],
    },
    Symptom {
        title: "The console shows old data although the agent runs",
        seen: "The agent's pods are ready and its log has no errors.",
        causes: &[
            (C::ClusterStatus, M::CastaiAcceptedButStale),
            (C::AgentHealth, M::AgentNoLeader),
            (C::AgentHealth, M::AgentUnresponsive),
        ],
    },
    Symptom {
        title: "field is immutable",
        seen: "When the agent is upgraded: `spec.selector: Invalid value: … \
               MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable`.",
        causes: &[(C::AgentUpgrade, M::AgentUpgradeSelectorImmutable)],
    },
    Symptom {
        title: "The agent is outdated",
        seen: "`kubectl describe pod` shows an older image than the latest release.",
        causes: &[(C::AgentUpgrade, M::AgentVersionOutdated)],
    },
    Symptom {
        title: "The agent was deleted",
        seen: "`kubectl -n castai-agent get deployment castai-agent` finds nothing.",
        causes: &[(C::AgentWorkload, M::AgentDeploymentMissing)],
    },
    Symptom {
        title: "The cluster controller is forbidden",
        seen: "In the log of castai-cluster-controller: `get cluster-actions: request error …, \
               status_code=403` or `401`.",
        causes: &[
            (C::ClusterController, M::CastaiForbidden),
            (C::ClusterController, M::CastaiTokenInvalid),
        ],
    },
    Symptom {
        title: "New nodes cannot pull images from a registry",
        seen: "In the events of pods: `failed to pull and unpack image, failed to fetch oauth \
               token: unexpected status: 401 Unauthorized`.",
        causes: &[
            (C::ImagePull, M::ImageAuthFailed),
            (C::ImagePull, M::ImageForbidden),
        ],
    },
    Symptom {
        title: "The agent restarts repeatedly",
        seen: "`kubectl get pods` shows CrashLoopBackOff, or the restart counter grows.",
        causes: &[
            (C::AgentWorkload, M::AgentCrashloop),
            (C::AgentWorkload, M::AgentOomkilled),
            (C::AgentWorkload, M::AgentLivenessKilled),
            (C::AgentHealth, M::AgentPortTaken),
        ],
    },
    Symptom {
        title: "The agent's pods stay Pending",
        seen: "`kubectl get pods` shows Pending or ContainerCreating.",
        causes: &[
            (C::AgentWorkload, M::AgentUnschedulableResources),
            (C::AgentWorkload, M::AgentUnschedulableTaint),
            (C::AgentWorkload, M::AgentFailedMount),
            (C::AgentWorkload, M::ImageNotFound),
        ],
    },
];

/// Returns one section per symptom.
pub(super) fn sections(runbooks: &str) -> String {
    let mut text = String::new();
    for symptom in SYMPTOMS {
        section(&mut text, symptom, runbooks).expect("writing to a string succeeds");
    }
    text.push('\n');
    text
}

fn section(text: &mut String, symptom: &Symptom, runbooks: &str) -> std::fmt::Result {
    write!(text, "\n## {}\n\n{}\n\n", symptom.title, symptom.seen)?;
    for (check, mode) in symptom.causes {
        let (of, documented) = documented_as(*check, *mode);
        let alert = castai_health_exporter::catalogue::alert::covering(*check, *mode)
            .expect("every failure has an alert");
        writeln!(
            text,
            "* Check `{check}`, mode `{mode}`, alert [{0}]({runbooks}/{0}.md#{1}).\n  {2}\n  **Fix:** {3}",
            alert.name,
            anchor(of, documented),
            mode.entry().meaning,
            remedy(*check, *mode).to_line(),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_a_failure_that_its_check_shows() {
        for Symptom { title, causes, .. } in SYMPTOMS {
            for (check, mode) in *causes {
                assert!(mode.shown_by(*check), "{title}: {check} never shows {mode}");
            }
        }
    }
}
