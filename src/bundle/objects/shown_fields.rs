//! The closed lists of fields, labels and annotations with texts that may leave the cluster.

/// Fields with a text that is shown: names, kinds, states and times. Free text among them passes the
/// redactor like everything else.
const FIELDS: &[&str] = &[
    "accessModes",
    "acquireTime",
    "action",
    "apiGroup",
    "apiVersion",
    "architecture",
    "audience",
    "claimName",
    "component",
    "containerID",
    "containerRuntimeVersion",
    "controlledBy",
    "creationTimestamp",
    "deletionTimestamp",
    "divisor",
    "dnsPolicy",
    "effect",
    "eventTime",
    "fieldPath",
    "finishedAt",
    "firstTimestamp",
    "generateName",
    "holderIdentity",
    "host",
    "hostIP",
    "image",
    "imageID",
    "imagePullPolicy",
    "involvedObject",
    "ip",
    "key",
    "kind",
    "lastObservedTime",
    "lastProbeTime",
    "lastTimestamp",
    "lastTransitionTime",
    "lastUpdateTime",
    "maxSurge",
    "maxUnavailable",
    "medium",
    "message",
    "mountPath",
    "mountPropagation",
    "name",
    "namespace",
    "nodeName",
    "nominatedNodeName",
    "operator",
    "path",
    "phase",
    "podIP",
    "policy",
    "port",
    "preemptionPolicy",
    "priorityClassName",
    "protocol",
    "qosClass",
    "reason",
    "recursiveReadOnly",
    "renewTime",
    "reportingComponent",
    "reportingInstance",
    "resource",
    "resourceVersion",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "scheme",
    "secretName",
    "serviceAccount",
    "serviceAccountName",
    "sizeLimit",
    "startTime",
    "startedAt",
    "status",
    "subPath",
    "targetPort",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "topologyKey",
    "type",
    "uid",
    "unhealthyPodEvictionPolicy",
    "volumeName",
    "whenUnsatisfiable",
];
/// Lists of texts that are shown: rules of roles, and capabilities.
const LISTS: &[&str] = &[
    "add",
    "apiGroups",
    "drop",
    "nonResourceURLs",
    "resourceNames",
    "resources",
    "verbs",
];
/// Beginnings of labels that Kubernetes, Helm and the clouds define.
const LABEL_PREFIXES: &[&str] = &[
    "app.kubernetes.io/",
    "autoscaling.castai.com/",
    "beta.kubernetes.io/",
    "eks.amazonaws.com/",
    "helm.sh/",
    "kubernetes.azure.com/",
    "kubernetes.io/",
    "node.kubernetes.io/",
    "provisioner.cast.ai/",
    "rbac.authorization.k8s.io/",
    "scheduling.cast.ai/",
    "topology.kubernetes.io/",
];
/// Labels without a prefix that select pods.
const LABELS: &[&str] = &[
    "app",
    "component",
    "controller-revision-hash",
    "k8s-app",
    "name",
    "pod-template-generation",
    "pod-template-hash",
    "release",
];
/// Annotations that decide how the agent runs, and hold no secret.
const ANNOTATIONS: &[&str] = &[
    "autoscaling.cast.ai/disposable",
    "azure.workload.identity/client-id",
    "cluster-autoscaler.kubernetes.io/safe-to-evict",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deployment.kubernetes.io/revision",
    "eks.amazonaws.com/audience",
    "eks.amazonaws.com/role-arn",
    "eks.amazonaws.com/skip-containers",
    "eks.amazonaws.com/sts-regional-endpoints",
    "eks.amazonaws.com/token-expiration",
    "iam.gke.io/gcp-service-account",
    "kubectl.kubernetes.io/default-container",
    "kubectl.kubernetes.io/restartedAt",
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
    "prometheus.io/path",
    "prometheus.io/port",
    "prometheus.io/scheme",
    "prometheus.io/scrape",
    "sidecar.istio.io/inject",
];

/// Returns whether the text of a field is shown.
pub(super) fn is_shown_field(field: &str) -> bool {
    FIELDS.binary_search(&field).is_ok()
}

/// Returns whether the texts in a list are shown.
pub(super) fn is_shown_list(field: &str) -> bool {
    LISTS.binary_search(&field).is_ok()
}

/// Returns whether the value of a label is shown.
pub(super) fn is_shown_label(label: &str) -> bool {
    LABELS.binary_search(&label).is_ok()
        || LABEL_PREFIXES
            .iter()
            .any(|prefix| label.starts_with(prefix))
}

/// Returns whether the value of an annotation is shown.
pub(super) fn is_shown_annotation(annotation: &str) -> bool {
    ANNOTATIONS.binary_search(&annotation).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_for_the_search() {
        for list in [FIELDS, LISTS, LABELS, ANNOTATIONS] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }
}
