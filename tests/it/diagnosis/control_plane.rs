//! Root causes in the control plane: lost permissions, and an etcd that hangs.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M};

use super::assert_one_root;

#[test]
fn lost_permission_is_one_root_cause_whatever_the_agent_shows() {
    assert_one_root(
        CheckId::AgentPermissions,
        &[
            (CheckId::AgentPermissions, M::K8sRbacForbidden),
            (CheckId::AgentLog, M::K8sRbacForbidden),
            (CheckId::AgentHealth, M::AgentNotReadyInitialising),
            (CheckId::AgentWorkload, M::AgentCrashloop),
            (CheckId::ClusterStatus, M::CastaiNotResponding),
        ],
    );
    assert_one_root(
        CheckId::AgentPermissions,
        &[
            (CheckId::AgentPermissions, M::K8sRbacForbidden),
            (CheckId::AgentHealth, M::AgentNoLeader),
            (CheckId::AgentLog, M::AgentNoLeader),
        ],
    );
}

#[test]
fn account_that_may_read_nothing_is_one_root_cause() {
    assert_one_root(
        CheckId::Apiserver,
        &[
            (CheckId::Apiserver, M::K8sRbacForbidden),
            (CheckId::AgentPermissions, M::K8sRbacForbidden),
            (CheckId::AgentLog, M::K8sRbacForbidden),
        ],
    );
}

#[test]
fn hanging_etcd_explains_an_agent_that_loses_its_lease() {
    assert_one_root(
        CheckId::Apiserver,
        &[
            (CheckId::Apiserver, M::K8sEtcdError),
            (CheckId::AgentHealth, M::AgentLeaseStale),
            (CheckId::AgentWorkload, M::AgentCompleted),
            (CheckId::AgentLog, M::K8sNoAnswer),
        ],
    );
}
