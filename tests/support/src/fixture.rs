//! Health states for tests of the output formats.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use castai_health_exporter::catalogue::{CheckId, FailureMode, Need, Phase};
use castai_health_exporter::config::{AgentEnvironment, Vantage};
use castai_health_exporter::exporter::{EventCounts, Exporter, Reload};
use castai_health_exporter::report::{
    DateSample, Finding, PhaseOutcome, PhaseTiming, Report, TargetReport, Verdict,
};
use castai_health_exporter::state::{AttemptResult, CheckSpec, HealthState};

/// 2025-01-01T00:00:00Z.
pub const NEW_YEAR: u64 = 1_735_689_600;

pub fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NEW_YEAR + seconds)
}

/// Returns all checks before their first run.
pub fn blank() -> HealthState {
    of(CheckId::ALL)
}

/// Returns these checks before their first run.
fn of(checks: &[CheckId]) -> HealthState {
    let entry = |check: &CheckId| CheckSpec {
        check: *check,
        need: Need::Start,
        interval: check.entry().interval,
        subject: 0,
    };
    HealthState::new(&checks.iter().map(entry).collect::<Vec<_>>())
}

/// Returns a state in which one check has this report.
pub fn single(check: CheckId, report: Report) -> HealthState {
    let health = of(&[check]);
    post(&health, check, report);
    health
}

pub fn post(health: &HealthState, check: CheckId, report: Report) {
    health.record(
        check,
        AttemptResult {
            report,
            self_throttled: false,
            panicked: false,
        },
    );
}

pub fn phase(phase: Phase, millis: u64, outcome: PhaseOutcome) -> PhaseTiming {
    PhaseTiming {
        phase,
        duration: Duration::from_millis(millis),
        outcome,
    }
}

pub fn target(
    name: &str,
    outcome: Result<&str, Finding>,
    phases: Vec<PhaseTiming>,
) -> TargetReport {
    TargetReport {
        target: name.to_owned(),
        in_use: true,
        outcome: outcome.map(Into::into),
        phases,
        not_after: None,
    }
}

pub fn hang() -> Finding {
    Finding::new(
        FailureMode::TlsHandshakeTimeout,
        "10.0.0.1:443 took the connection, then said nothing for 15 s",
    )
}

/// Returns a report with one target that hangs in the TLS handshake, one unreachable target, and an
/// earlier clock reading.
pub fn hanging_apiserver() -> Report {
    let refused = Finding::new(
        FailureMode::NetRefused,
        "10.0.0.2:443 refused the connection",
    );
    let phases = vec![
        phase(Phase::Connect, 4, PhaseOutcome::Done),
        phase(Phase::Tls, 15_000, PhaseOutcome::TimedOut),
    ];
    let dead = vec![phase(Phase::Connect, 1, PhaseOutcome::Failed)];
    let used = TargetReport {
        not_after: Some(1_800_000_000),
        ..target("10.0.0.1:443", Err(hang()), phases)
    };
    let spare = TargetReport {
        in_use: false,
        ..target("10.0.0.2:443", Err(refused), dead)
    };
    let dates = vec![DateSample {
        source: "apiserver",
        skew: 1.5,
        uncertainty: 0.6,
    }];
    Report {
        targets: vec![used, spare],
        dates,
        at: at(30),
        ..Report::from_verdict(Verdict::failing(hang()))
    }
}

/// Returns a state in which `dns` is ok, `apiserver` fails, `castai_api` warns and `clock` has not
/// run.
pub fn eventful() -> HealthState {
    let health = of(&[
        CheckId::Dns,
        CheckId::Apiserver,
        CheckId::CastaiApi,
        CheckId::Clock,
    ]);
    let names = target(
        "api.cast.ai",
        Ok("1 address"),
        vec![phase(Phase::Resolve, 3, PhaseOutcome::Done)],
    );
    let resolved = Verdict::Ok("api.cast.ai resolves".into());
    post(
        &health,
        CheckId::Dns,
        Report {
            targets: vec![names],
            at: at(10),
            ..Report::from_verdict(resolved)
        },
    );
    post(&health, CheckId::Apiserver, hanging_apiserver());
    let slow = Finding::new(
        FailureMode::CastaiSlow,
        "answered <b>\"late\"</b> & after 11 s",
    );
    post(
        &health,
        CheckId::CastaiApi,
        Report {
            at: at(20),
            ..Report::from_verdict(Verdict::Warning(vec![slow]))
        },
    );
    health
}

/// Returns a state in which no name resolves: `dns` fails, `castai_api` and `agent_log` follow, and
/// `cluster_status` is blocked.
pub fn dns_outage() -> HealthState {
    let health = of(&[
        CheckId::Dns,
        CheckId::Apiserver,
        CheckId::CastaiApi,
        CheckId::ClusterStatus,
        CheckId::AgentLog,
    ]);
    let report = |verdict: Verdict| Report {
        at: at(30),
        ..Report::from_verdict(verdict)
    };
    let unresolved =
        |evidence: &str| Verdict::failing(Finding::new(FailureMode::NetDnsTimeout, evidence));
    let silent = "api.cast.ai: 10.0.0.10:53 did not answer within 5 s";
    post(&health, CheckId::Dns, report(unresolved(silent)));
    let fine = Verdict::Ok("10.0.0.1:443 accepts the agent's token".into());
    post(&health, CheckId::Apiserver, report(fine));
    post(&health, CheckId::CastaiApi, report(unresolved(silent)));
    let blocked = Verdict::Unknown("blocked by castai_api: net_dns_timeout".into());
    post(&health, CheckId::ClusterStatus, report(blocked));
    let line = "agent: lookup api.cast.ai: i/o timeout";
    post(&health, CheckId::AgentLog, report(unresolved(line)));
    health
}

pub fn exporter() -> Exporter {
    Exporter {
        vantage: Vantage::Sidecar,
        scope: None,
        agent_environment: AgentEnvironment::Own,
        cluster: Some("lab".to_owned()),
        runbook_base: "https://example.org/runbooks".to_owned(),
        environment_problems: Vec::new(),
        skipped: Vec::new(),
        agent_timeouts: Vec::new(),
        reload: Reload {
            successful: true,
            succeeded: at(0),
        },
        kube_events: Some(EventCounts {
            written: 3,
            dropped: 1,
        }),
    }
}

/// Returns a state whose target names try to break the exposition format.
pub fn hostile() -> HealthState {
    let health = blank();
    let names = [
        "a\"} 1\nfailure 7\\",
        "twice",
        "twice",
        "\u{1f4a3}{x=\"y\"}",
    ];
    let targets = names
        .map(|name| target(name, Ok("fine"), Vec::new()))
        .to_vec();
    post(
        &health,
        CheckId::Apiserver,
        Report {
            targets,
            ..Report::from_verdict(Verdict::Ok("fine".into()))
        },
    );
    health
}
