//! The vantages that see a failure: the meaning, and the commands that ask them.

/// Sets `$seen` to the vantages that see the failure of an alert.
pub const SEEN: &str = "{{ $seen := query (printf \"count by (vantage) (castai_health_exporter_info{cluster=%q, namespace=%q} and on (job, instance) castai_health_failure{cluster=%q, namespace=%q, check=%q, mode=%q})\" $labels.cluster $labels.namespace $labels.cluster $labels.namespace $labels.check $labels.mode) -}}";

/// Seen by both.
pub const BOTH: &str = "Seen by sidecar and companion: the cause is in the cluster or on its egress path, not in the agent's pod.";
/// Seen by the sidecar, not by a companion.
pub const SIDECAR: &str = "Seen by the sidecar, in the agent's own pod: if a companion runs and sees nothing, the cause is in that pod or on its node.";
/// Seen by the companion, not by a sidecar.
pub const COMPANION: &str = "Seen by the companion: if a sidecar runs and sees nothing, the agent's own pod is not affected.";

/// Runs the exporter in the companion.
pub const IN_COMPANION: &str = "kubectl -n {{ $labels.namespace }} exec deploy/castai-health-exporter -- /castai-health-exporter";
/// Runs the exporter in the sidecar.
const IN_SIDECAR: &str = "kubectl -n {{ $labels.namespace }} exec deploy/castai-agent -c castai-health-exporter -- /castai-health-exporter";

const ONLY_SIDECAR: &str =
    "and (eq (len $seen) 1) (eq (first $seen | label \"vantage\") \"sidecar\")";

/// Returns the sentence about `$seen`; empty once the failure is over.
pub fn sentence() -> String {
    format!(
        "{{{{ if gt (len $seen) 1 }}}}{BOTH}{{{{ else if {ONLY_SIDECAR} }}}}{SIDECAR}{{{{ else if $seen }}}}{COMPANION}{{{{ end }}}}"
    )
}

/// Returns the command that repeats the check of the alert where it fails.
pub fn check_command(by_vantage: bool) -> String {
    let companion = format!("{IN_COMPANION} check --vantage=companion");
    let check = "{{ $labels.check }}";
    if by_vantage {
        format!(
            "{{{{ if {ONLY_SIDECAR} }}}}{IN_SIDECAR} check{{{{ else }}}}{companion}{{{{ end }}}} {check}"
        )
    } else {
        format!("{companion} {check}")
    }
}
