//! Tests of all rules together: one fault that several exporters and checks see is one alert.

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId as C, FailureMode as M, Severity};

use crate::promtool::series::{Exporter, MINUTE, Series, Span, present};
use crate::promtool::test_case::{ExpectedResult, TestCase};

/// The fault, as long as the exporters see it.
const FAULT: &[Span] = &[(Duration::from_mins(2), Duration::from_mins(32))];
/// Failures that outlast the fault for some minutes.
const OUTLASTS: &[Span] = &[(Duration::from_mins(4), Duration::from_mins(40))];

/// All of a test.
const ALWAYS: &[Span] = &[(Duration::ZERO, Duration::from_mins(80))];
/// The time in which a pod runs that the fault stops.
const AROUND_FAULT: &[Span] = &[
    (Duration::ZERO, Duration::from_mins(2)),
    (Duration::from_mins(34), Duration::from_mins(80)),
];

/// Returns the test cases.
pub(super) fn test_cases() -> Vec<TestCase> {
    let (sidecar, companion) = (Exporter::sidecar("one"), Exporter::companion("one"));
    let critical = Severity::Critical;
    vec![
        case(
            "DNS fails only in the agent's pod",
            "CastaiDnsFailing",
            vec![
                sidecar.info(&present(ALWAYS)),
                sidecar.root(C::Dns, M::NetDnsTimeout, critical, FAULT),
                sidecar.consequence(C::Apiserver, M::NetDnsTimeout, C::Dns, FAULT),
                sidecar.consequence(C::CastaiApi, M::NetDnsTimeout, C::Dns, FAULT),
                sidecar.consequence(C::AgentHealth, M::AgentUnhealthy, C::Dns, FAULT),
                companion.root(C::AgentWorkload, M::AgentLivenessKilled, critical, OUTLASTS),
                companion.root(C::AgentLog, M::NetDnsTimeout, Severity::Warning, OUTLASTS),
                companion.root(C::ClusterStatus, M::CastaiNotResponding, critical, OUTLASTS),
            ],
        ),
        case(
            "the agent's image does not exist",
            "CastaiAgentImagePullFailing",
            vec![
                sidecar.info(&present(AROUND_FAULT)),
                companion.root(C::AgentWorkload, M::ImageNotFound, critical, FAULT),
                companion.consequence(C::ImagePull, M::ImageNotFound, C::AgentWorkload, FAULT),
                companion.consequence(
                    C::AgentHealth,
                    M::AgentHealthUnreachable,
                    C::AgentWorkload,
                    FAULT,
                ),
                companion.consequence(
                    C::ClusterStatus,
                    M::CastaiNotResponding,
                    C::AgentWorkload,
                    FAULT,
                ),
            ],
        ),
        case(
            "a firewall blocks all connections out of the agent's pod",
            "CastaiApiserverUnreachable",
            vec![
                sidecar.info(&present(ALWAYS)),
                sidecar.root(C::Apiserver, M::NetConnectTimeout, critical, FAULT),
                sidecar.consequence(C::CastaiApi, M::NetConnectTimeout, C::Apiserver, FAULT),
                sidecar.consequence(C::Ec2Api, M::NetConnectTimeout, C::Apiserver, FAULT),
                companion.root(C::AgentWorkload, M::AgentCrashloop, critical, OUTLASTS),
            ],
        ),
    ]
}

fn case(what: &str, alert: &str, mut series: Vec<Series>) -> TestCase {
    series.push(Exporter::companion("one").info(&present(ALWAYS)));
    let firing = |minutes: u32, fires: bool| ExpectedResult {
        at: minutes * MINUTE,
        query: "count by (alertname) (ALERTS{alertstate=\"firing\"})".to_owned(),
        samples: fires
            .then(|| (format!("alertname=\"{alert}\""), 1))
            .into_iter()
            .collect(),
    };
    TestCase {
        name: format!("{what}: {alert} alone fires"),
        series,
        notifications: Vec::new(),
        results: vec![
            firing(3, false),
            firing(4, true),
            firing(10, true),
            firing(25, true),
            firing(36, true),
            firing(42, false),
            firing(70, false),
        ],
    }
}
