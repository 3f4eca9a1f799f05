//! Failures of the agent and of other CAST AI workloads as Kubernetes objects.

macro_rules! workload {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Workload: "The agent and other CAST AI workloads as Kubernetes objects."]
        AgentCrashloop = "agent_crashloop" {
            category: Restarting,
            checks: [AgentWorkload, ClusterController, Components, AgentLog],
            meaning: "The container exits repeatedly, and Kubernetes delays each restart longer \
                (CrashLoopBackOff).",
            distinguishing: "This is only the symptom. The cause is in the log of the previous \
                container; for the agent, the `agent_log` check names it.",
            remedy: "Find the cause in the previous log:\n\
                $ kubectl -n {namespace} logs deploy/{deployment} --all-containers --ignore-errors \
                --previous | castai-health-exporter explain -\n\
                Then check the pod's events:\n\
                $ kubectl -n {namespace} describe pod -l app.kubernetes.io/name=castai-agent",
        }
        AgentCompleted = "agent_completed" {
            category: Restarting,
            checks: [AgentWorkload],
            meaning: "The agent repeatedly exits on its own with exit code 0: it lost the API \
                server or its lease.",
            distinguishing: "The container's last state is `Completed` with exit code 0, which is \
                never normal for the agent. Agents up to v0.105 exit like this after any failure. \
                A failure at startup exits with 1, a panic with 2 (`agent_crashloop`). An agent \
                that delivered nothing for 12 minutes also exits like this, killed by the kubelet \
                (`agent_liveness_killed`); the kubelet does not emit an event for every kill.",
            remedy: "Look at the `apiserver` check first, and at `castai_api` if the agent runs \
                for 12 to 17 minutes each time. Then read the line `shutdown triggered by`, whose \
                `error=` field names the cause:\n\
                $ kubectl -n {namespace} logs deploy/{deployment} -c agent --previous | grep \
                'shutdown triggered by'\n\
                A single restart after a control-plane interruption needs no action.",
        }
        AgentOomkilled = "agent_oomkilled" {
            category: Restarting,
            checks: [AgentWorkload, ClusterController, Components, AgentLog],
            meaning: "The container was killed because it exceeded its memory limit.",
            distinguishing: "The reason is `OOMKilled`; exit code 137 alone may be any kill.",
            remedy: "Raise the limit:\n\
                $ helm upgrade {release} castai-helm/castai-agent -n {namespace} --reuse-values \
                --set resources.limits.memory=4Gi",
        }
        AgentLivenessKilled = "agent_liveness_killed" {
            category: Restarting,
            checks: [AgentWorkload, ClusterController, Components, AgentLog],
            meaning: "Kubernetes killed the container because its liveness probe failed.",
            distinguishing: "The kubelet reports it; the container did not exit on its own.",
            remedy: "Read the first error of the previous container:\n\
                $ kubectl -n {namespace} logs deploy/{deployment} -c agent --previous | \
                castai-health-exporter explain -\n\
                At startup, a dependency hangs for 30 s or more. Later, no delta was delivered for \
                12 minutes: look at the `castai_api` check.",
        }
        AgentEvicted = "agent_evicted" {
            category: Unscheduled,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "The pod was evicted because its node ran low on a resource.",
            distinguishing: "The pod failed with reason `Evicted`; its containers did not crash.",
            remedy: "Find the resource:\n\
                $ kubectl describe node {node} | grep -A8 Conditions\n\
                Give the pod requests that match its usage, and a priority class.",
        }
        AgentUnschedulableResources = "agent_unschedulable_resources" {
            category: Unscheduled,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "No node has enough free resources for the pod.",
            distinguishing: "The scheduler reports nodes with insufficient CPU, memory or pod \
                slots.",
            remedy: "Add a node, lower the requests, or give the agent a priority class. See the \
                scheduler's message:\n\
                $ kubectl -n {namespace} describe pod -l app.kubernetes.io/name=castai-agent | \
                tail",
        }
        AgentUnschedulableTaint = "agent_unschedulable_taint" {
            category: Unscheduled,
            checks: [AgentWorkload, ClusterController, Components],
            properties: [NewNode],
            meaning: "Every node has a taint that the pod does not tolerate.",
            distinguishing: "The scheduler names the taint.",
            remedy: "Add a toleration to the chart's values (`tolerations`), or remove the \
                taint:\n\
                $ kubectl taint node {node} KEY-",
        }
        AgentUnschedulableSelector = "agent_unschedulable_selector" {
            category: Unscheduled,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "No node matches the pod's node selector or affinity.",
            distinguishing: "A label is missing, not capacity.",
            remedy: "Compare the pod's node selector and affinity with the labels of the nodes:\n\
                $ kubectl -n {namespace} get deploy {deployment} -o yaml | grep -A12 -E \
                'nodeSelector|nodeAffinity'\n\
                $ kubectl get nodes --show-labels\n\
                Use `kubernetes.io/os`, not `beta.kubernetes.io/os`.",
        }
        AgentUnschedulableVolume = "agent_unschedulable_volume" {
            category: Unscheduled,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "A volume of the pod cannot be attached to any eligible node.",
            distinguishing: "The scheduler's message mentions volumes or claims.",
            remedy: "Check the claim and the zone of its volume:\n\
                $ kubectl -n {namespace} get pvc\n\
                The agent itself needs no persistent volume.",
        }
        AgentFailedMount = "agent_failed_mount" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components],
            properties: [NewNode],
            meaning: "A volume of the pod cannot be mounted.",
            distinguishing: "The container has not started; a missing key of an environment \
                variable is `agent_config_missing`.",
            remedy: "Restore the missing Secret or ConfigMap by applying the chart again. The \
                event names the volume:\n\
                $ kubectl -n {namespace} describe pod -l app.kubernetes.io/name=castai-agent | \
                tail",
        }
        AgentConfigMissing = "agent_config_missing" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "A Secret or ConfigMap that the container's environment references is \
                missing, or lacks the key.",
            distinguishing: "The container is waiting with `CreateContainerConfigError`, so it \
                has not started.",
            remedy: "Check the Secret:\n\
                $ kubectl -n {namespace} get secret castai-agent\n\
                Create it again:\n\
                $ kubectl -n {namespace} create secret generic castai-agent \
                --from-literal=API_KEY=\"${CASTAI_API_TOKEN:?set it first}\"",
        }
        AgentFailedCreateQuota = "agent_failed_create_quota" {
            category: NotCreated,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "A resource quota or limit range prevents the pod from being created.",
            distinguishing: "The ReplicaSet's event names the quota, or the usage that a limit range \
                allows.",
            remedy: "Raise the quota or the limit range:\n\
                $ kubectl -n {namespace} describe resourcequota,limitrange\n\
                On GKE, allow the priority class `system-cluster-critical` in this namespace with \
                a dedicated quota.",
        }
        AgentFailedCreatePsa = "agent_failed_create_psa" {
            category: NotCreated,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "Pod Security admission rejects the pod.",
            distinguishing: "The event says `violates PodSecurity` and gives the reason.",
            remedy: "Relax the namespace's label, or upgrade the chart:\n\
                $ kubectl label namespace {namespace} pod-security.kubernetes.io/enforce=baseline \
                --overwrite",
        }
        AgentFailedCreateWebhook = "agent_failed_create_webhook" {
            category: NotCreated,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "An admission webhook or policy rejects the pod, or the webhook fails.",
            distinguishing: "The event names the webhook or the policy: it denies the request, or the \
                webhook is unreachable.",
            remedy: "Exempt the namespace `castai-agent` from the webhook or policy, or fix the \
                service behind the webhook. List them:\n\
                $ kubectl get \
                validatingwebhookconfigurations,mutatingwebhookconfigurations,validatingadmissionpolicies",
        }
        AgentFailedCreateSa = "agent_failed_create_sa" {
            category: NotCreated,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "The pod's service account does not exist.",
            distinguishing: "The event says that the service account was not found.",
            remedy: "Apply the chart again:\n\
                $ helm upgrade {release} castai-helm/castai-agent -n {namespace} --reuse-values",
        }
        AgentSandboxFailed = "agent_sandbox_failed" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components],
            properties: [NewNode],
            meaning: "The node cannot set up the pod's network or sandbox.",
            distinguishing: "No container has started; the message comes from the network plugin \
                or the container runtime.",
            remedy: "Read the message:\n\
                $ kubectl -n {namespace} describe pod -l app.kubernetes.io/name=castai-agent | \
                tail\n\
                Usually the node has no free pod addresses, or its CNI pod is broken. Delete the \
                pod to try another node.",
        }
        AgentProgressDeadline = "agent_progress_deadline" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components],
            properties: [Symptom],
            meaning: "A rollout did not make its pods available within the progress deadline.",
            distinguishing: "Set only during rollouts; the reason why the pods do not start is in \
                their own events.",
            remedy: "Check the rollout and the events of the new pods:\n\
                $ kubectl -n {namespace} rollout status deploy/{deployment} --timeout=10s\n\
                $ kubectl -n {namespace} get events --sort-by=.lastTimestamp | tail\n\
                Roll back:\n\
                $ kubectl -n {namespace} rollout undo deploy/{deployment}",
        }
        AgentScaledToZero = "agent_scaled_to_zero" {
            category: Absent,
            checks: [AgentWorkload, ClusterController],
            meaning: "The Deployment exists but is scaled to zero.",
            distinguishing: "Its `spec.replicas` is 0; pods that are wanted but cannot be created \
                have other modes.",
            remedy: "Scale it up:\n\
                $ kubectl -n {namespace} scale deployment {deployment} --replicas=1\n\
                If it returns to 0, find what scales it down: an autoscaler, a hibernation \
                schedule, or GitOps.",
        }
        AgentUnavailable = "agent_unavailable" {
            category: NotStarting,
            checks: [AgentWorkload, ClusterController, Components],
            properties: [NewNode, Symptom],
            meaning: "Fewer pods are available than desired, without a more specific reason.",
            distinguishing: "No specific mode applies: the pods are scheduled, have their images \
                and do not crash.",
            remedy: "Check the pod and the events:\n\
                $ kubectl -n {namespace} describe pod -l app.kubernetes.io/name=castai-agent | \
                tail -30\n\
                $ kubectl -n {namespace} get events --sort-by=.lastTimestamp | tail\n\
                The log of a pod that runs but is not ready shows the reason.",
        }
        AgentVersionOutdated = "agent_version_outdated" {
            category: Upgrade,
            checks: [AgentUpgrade],
            meaning: "A newer version of the agent is available.",
            distinguishing: "Advice: the tag of the agent's image is compared with the latest \
                known version.",
            remedy: "Upgrade the agent, or run the script of the Connect cluster screen again:\n\
                $ helm repo update castai-helm\n\
                $ helm upgrade {release} castai-helm/castai-agent -n {namespace} --reuse-values",
        }
        AgentUpgradeSelectorImmutable = "agent_upgrade_selector_immutable" {
            category: Upgrade,
            checks: [AgentUpgrade],
            meaning: "The next upgrade will fail because it would change the Deployment's \
                selector, or because Helm finds objects of another release.",
            distinguishing: "The release name or the labels differ from those the Deployment was \
                created with. Helm checks its own annotations first, and then reports `invalid \
                ownership metadata`.",
            remedy: "Delete the Deployment, then run the script or the helm command again:\n\
                $ kubectl -n {namespace} delete deployment {deployment}\n\
                If Helm reports `invalid ownership metadata`, find the release and upgrade that \
                one:\n\
                $ helm list -n {namespace}",
        }
        AgentDeploymentMissing = "agent_deployment_missing" {
            category: Absent,
            checks: [AgentWorkload],
            meaning: "The agent's Deployment does not exist.",
            distinguishing: "Traces of the agent exist, or its Deployment is configured, but the \
                API server has no such object; a Deployment scaled to zero would exist.",
            remedy: "Restore the Deployment with its previous values, while Helm still has the \
                release; `--set` alone would replace them:\n\
                $ helm -n {namespace} status {release}\n\
                $ helm repo update\n\
                $ helm upgrade {release} castai-helm/castai-agent -n {namespace} --reuse-values\n\
                Otherwise run the script of the Connect cluster screen again.",
        }
        AgentKilled = "agent_killed" {
            category: Restarting,
            checks: [AgentWorkload, ClusterController, Components],
            meaning: "The container was killed with SIGKILL from outside: not for its own memory \
                limit, and not for a failed liveness probe.",
            distinguishing: "The exit code is 137, the reason is not `OOMKilled`, and no event \
                reports a failed liveness probe. The container's log ends without a cause.",
            remedy: "Look at the node of the pod in the evidence:\n\
                $ kubectl -n {namespace} get pod {pod} -o wide\n\
                $ kubectl describe node {node} | tail -30\n\
                After `SystemOOM`, lower the memory usage of the node, or give the container a \
                memory request that matches its usage. After a reboot or a restart of the \
                container runtime, no action is needed. Otherwise find what kills the process: \
                `kubectl exec`, a security agent, or a script on the node.",
        }
    } };
}

pub(super) use workload;
