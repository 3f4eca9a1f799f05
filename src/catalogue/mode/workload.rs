//! Failures of the agent and of other CAST AI workloads as Kubernetes objects.

macro_rules! workload {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Workload: "The agent and other CAST AI workloads as Kubernetes objects."]
        AgentCrashloop = "agent_crashloop" {
            category: Restarting,
            checks: [AgentWorkload, ClusterController, Components, AgentLog],
            meaning: "The container ends again and again, and Kubernetes waits longer before each restart.",
            distinguishing: "Only the picture; the cause is in the log of the container before; of the agent's, the check `agent_log` names it.",
            remedy: "`kubectl -n castai-agent logs deploy/castai-agent --all-containers --ignore-errors --previous | \
                castai-health-exporter explain -` and `kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent`.",
        }
        AgentCompleted = "agent_completed" {
            category: Restarting,
            checks: [AgentWorkload],
            meaning: "The agent ends by itself with exit code 0, again and again: it lost the API server or its lease.",
            distinguishing: "The container's last state is `Completed` with exit code 0, which is never normal for the agent. Agents \
                up to v0.105 end so for any failure. A fault at the start ends with 1, a panic with 2 \
                (`agent_crashloop`). An agent that delivered nothing for 12 minutes ends so too, killed by its kubelet \
                (`agent_liveness_killed`); the kubelet does not tell of each kill.",
            remedy: "Look at the check `apiserver` first, and at `castai_api` when it runs for 12 to 17 minutes each time. \
                Then read the line `shutdown triggered by` in `kubectl -n \
                castai-agent logs deploy/castai-agent -c agent --previous`; its field `error=` names the cause. One \
                such restart after a pause of the control plane needs nothing.",
        }
        AgentOomkilled = "agent_oomkilled" {
            category: Restarting,
            checks: [AgentWorkload, ClusterController, Components, AgentLog],
            meaning: "The container was killed because it used more memory than its limit.",
            distinguishing: "The reason is `OOMKilled`; exit code 137 alone may be any kill.",
            remedy: "Raise the limit: `helm upgrade castai-agent castai-helm/castai-agent -n castai-agent --reuse-values \
                --set resources.limits.memory=4Gi`.",
        }
        AgentLivenessKilled = "agent_liveness_killed" {
            category: Restarting,
            checks: [AgentWorkload, ClusterController, Components, AgentLog],
            meaning: "Kubernetes killed the container because its liveness probe failed.",
            distinguishing: "The kubelet says so; the container did not end by itself.",
            remedy: "At the start: something it needs hangs for 30 s and more, read the first error in `kubectl -n \
                castai-agent logs deploy/castai-agent -c agent --previous`. Later: no delta for 12 minutes, look at \
                the check `castai_api`.",
        }
        AgentEvicted = "agent_evicted" {
            category: Unscheduled,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "The pod was thrown off its node because the node ran short of something.",
            distinguishing: "The pod has failed with reason `Evicted`, its containers did not crash.",
            remedy: "`kubectl describe node NODE | grep -A8 Conditions`; give the pod requests that match its use and a \
                priority class.",
        }
        AgentUnschedulableResources = "agent_unschedulable_resources" {
            category: Unscheduled,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "No node has room for the pod.",
            distinguishing: "The scheduler counts nodes with too little CPU, memory or pod slots.",
            remedy: "Add a node, lower the requests, or give the agent a priority class: `kubectl -n castai-agent \
                describe pod -l app.kubernetes.io/name=castai-agent | tail`.",
        }
        AgentUnschedulableTaint = "agent_unschedulable_taint" {
            category: Unscheduled,
            checks: [AgentWorkload, ClusterController, Components],
            properties: [NewNode],
            meaning: "Every node has a taint that the pod does not tolerate.",
            distinguishing: "The scheduler names the taint.",
            remedy: "Add a toleration to the chart's values (`tolerations`), or take the taint away: `kubectl taint node \
                NODE KEY-`.",
        }
        AgentUnschedulableSelector = "agent_unschedulable_selector" {
            category: Unscheduled,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "No node matches the pod's node selector or affinity.",
            distinguishing: "A label is missing, not room.",
            remedy: "Compare `kubectl -n castai-agent get deploy castai-agent -o yaml | grep -A12 -E \
                'nodeSelector|nodeAffinity'` with `kubectl get nodes --show-labels`; use `kubernetes.io/os`, not \
                `beta.kubernetes.io/os`.",
        }
        AgentUnschedulableVolume = "agent_unschedulable_volume" {
            category: Unscheduled,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "A volume of the pod cannot come to any node that would have it.",
            distinguishing: "The scheduler speaks of volumes or claims.",
            remedy: "`kubectl -n castai-agent get pvc` and the zone of its volume; the agent itself needs no persistent \
                volume.",
        }
        AgentFailedMount = "agent_failed_mount" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components],
            properties: [NewNode],
            meaning: "A volume of the pod cannot be mounted.",
            distinguishing: "The container has not started; a missing key of an environment variable is `agent_config_missing`.",
            remedy: "The event names the volume: `kubectl -n castai-agent describe pod -l \
                app.kubernetes.io/name=castai-agent | tail`. Restore the missing secret or config map by applying \
                the chart again.",
        }
        AgentConfigMissing = "agent_config_missing" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "A secret or config map that the container takes its environment from is missing, or lacks the key.",
            distinguishing: "Waiting with `CreateContainerConfigError`, so the container has not started.",
            remedy: "`kubectl -n castai-agent get secret castai-agent`; write it again: `kubectl -n castai-agent create \
                secret generic castai-agent --from-literal=API_KEY=$CASTAI_API_TOKEN`.",
        }
        AgentFailedCreateQuota = "agent_failed_create_quota" {
            category: NotCreated,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "A resource quota does not let the pod be made.",
            distinguishing: "The ReplicaSet's event names the quota.",
            remedy: "`kubectl -n castai-agent describe resourcequota`; raise it, or on GKE allow the priority class \
                `system-cluster-critical` in this namespace by a quota of its own.",
        }
        AgentFailedCreatePsa = "agent_failed_create_psa" {
            category: NotCreated,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "Pod security admission does not let the pod be made.",
            distinguishing: "The event says `violates PodSecurity` and why.",
            remedy: "Relax the label of the namespace: `kubectl label namespace castai-agent \
                pod-security.kubernetes.io/enforce=baseline --overwrite`, or upgrade the chart.",
        }
        AgentFailedCreateWebhook = "agent_failed_create_webhook" {
            category: NotCreated,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "An admission webhook fails or denies the pod.",
            distinguishing: "The event names the webhook: it cannot be reached, or it says no.",
            remedy: "`kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations`; mend the service behind \
                it, or exempt the namespace `castai-agent`.",
        }
        AgentFailedCreateSa = "agent_failed_create_sa" {
            category: NotCreated,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "The service account that the pod shall run with does not exist.",
            distinguishing: "The event says that the account is not found.",
            remedy: "Apply the chart again: `helm upgrade castai-agent castai-helm/castai-agent -n castai-agent \
                --reuse-values`.",
        }
        AgentSandboxFailed = "agent_sandbox_failed" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components],
            properties: [NewNode],
            meaning: "The node cannot set up the pod's network or sandbox.",
            distinguishing: "Before any container; the message comes from the network plugin or the runtime.",
            remedy: "`kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent | tail`: out of \
                addresses, or a broken CNI pod on that node. Delete the pod to try another node.",
        }
        AgentProgressDeadline = "agent_progress_deadline" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "A rollout has not made its pods available in time.",
            distinguishing: "Set only during rollouts; what keeps the pods from starting is in their own events.",
            remedy: "`kubectl -n castai-agent rollout status deploy/castai-agent` and the events of the new pods; go back \
                with `kubectl -n castai-agent rollout undo deploy/castai-agent`.",
        }
        AgentScaledToZero = "agent_scaled_to_zero" {
            category: Absent,
            checks: [AgentWorkload, ClusterController],
            meaning: "The Deployment exists, but it wants no pod.",
            distinguishing: "Its `spec.replicas` is 0; pods that are wanted and cannot be made are another mode.",
            remedy: "`kubectl -n castai-agent scale deployment castai-agent --replicas=1`. If it comes back to 0, look for \
                who scales it: an autoscaler, a hibernation schedule, or GitOps.",
        }
        AgentUnavailable = "agent_unavailable" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components],
            properties: [NewNode],
            meaning: "Fewer pods are available than are wanted, and nothing says more about why.",
            distinguishing: "None of the more specific modes fits: the pods have a node and their images, and do not crash.",
            remedy: "`kubectl -n castai-agent describe pod -l app.kubernetes.io/name=castai-agent | tail -30` and \
                `kubectl -n castai-agent get events --sort-by=.lastTimestamp | tail`. A pod that runs and is not ready \
                says why in its log.",
        }
        AgentVersionOutdated = "agent_version_outdated" {
            category: Upgrade,
            checks: [AgentUpgrade],
            meaning: "A later version of the agent is there.",
            distinguishing: "Advice: the tag of the agent's image is compared with the latest version that is configured.",
            remedy: "`helm repo update castai-helm`, then `helm upgrade castai-agent castai-helm/castai-agent -n \
                castai-agent --reuse-values`, or run the script of the Connect cluster screen again.",
        }
        AgentUpgradeSelectorImmutable = "agent_upgrade_selector_immutable" {
            category: Upgrade,
            checks: [AgentUpgrade],
            meaning: "An upgrade is refused because it would change the Deployment's selector, or because Helm finds objects \
                of another release.",
            distinguishing: "The release's name or the labels differ from those the Deployment was made with. Helm looks at its own \
                annotations first, and then says `invalid ownership metadata`.",
            remedy: "`kubectl delete deployment -n castai-agent castai-agent`, then run the script or the helm command \
                again. Where Helm says `invalid ownership metadata`, `helm list -n castai-agent` names the release: upgrade \
                that one.",
        }
        AgentDeploymentMissing = "agent_deployment_missing" {
            category: Absent,
            checks: [AgentWorkload],
            meaning: "The agent's Deployment does not exist.",
            distinguishing: "Traces of it are there, or somebody asks for it, and the API server knows no such object; scaled to \
                zero it would exist.",
            remedy: "While `helm -n castai-agent status castai-agent` still knows the release, `helm repo update && helm upgrade \
                castai-agent castai-helm/castai-agent -n castai-agent --reuse-values` makes the Deployment anew with the values that \
                it had; values given by `--set` alone would replace them. Else run the script of the Connect cluster screen again.",
        }
    } };
}

pub(super) use workload;
