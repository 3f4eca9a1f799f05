//! A board with one check of each kind, for the tests of the views.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use castai_health_exporter::board::{Board, Entry, Posting};
use castai_health_exporter::catalogue::{Check, FailureMode, Need, Phase};
use castai_health_exporter::config::{AgentEnvironment, Vantage};
use castai_health_exporter::exporter::{Exporter, Reload};
use castai_health_exporter::verdict::{
    DateSample, Ended, Finding, PhaseTime, Report, TargetReport, Verdict,
};

/// 2025-01-01T00:00:00Z.
pub(crate) const NEW_YEAR: u64 = 1_735_689_600;

pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NEW_YEAR + seconds)
}

/// All checks, none examined.
pub(crate) fn blank() -> Board {
    of(Check::ALL)
}

/// These checks, none examined.
fn of(checks: &[Check]) -> Board {
    let entry = |check: &Check| Entry {
        check: *check,
        need: Need::Start,
        interval: check.entry().interval,
        subject: 0,
    };
    Board::new(&checks.iter().map(entry).collect::<Vec<_>>())
}

pub(crate) fn post(board: &Board, check: Check, report: Report) {
    board.post(
        check,
        Posting {
            report,
            disturbed: false,
            panicked: false,
        },
    );
}

pub(crate) fn phase(phase: Phase, millis: u64, ended: Ended) -> PhaseTime {
    PhaseTime {
        phase,
        took: Duration::from_millis(millis),
        ended,
    }
}

pub(crate) fn target(
    name: &str,
    outcome: Result<&str, Finding>,
    phases: Vec<PhaseTime>,
) -> TargetReport {
    TargetReport {
        target: name.to_owned(),
        in_use: true,
        outcome: outcome.map(Into::into),
        phases,
        not_after: None,
    }
}

pub(crate) fn hang() -> Finding {
    Finding::new(
        FailureMode::TlsHandshakeTimeout,
        "10.0.0.1:443 took the connection, then said nothing for 15 s",
    )
}

/// One target hangs in its handshake, one is dead, and the server's clock was read earlier.
pub(crate) fn hanging_apiserver() -> Report {
    let refused = Finding::new(
        FailureMode::NetRefused,
        "10.0.0.2:443 refused the connection",
    );
    let phases = vec![
        phase(Phase::Connect, 4, Ended::Done),
        phase(Phase::Tls, 15_000, Ended::TimedOut),
    ];
    let dead = vec![phase(Phase::Connect, 1, Ended::Failed)];
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
        ..Report::bare(Verdict::failing(hang()))
    }
}

/// `dns` is ok, `apiserver` fails, `castai_api` warns, `clock` was not examined.
pub(crate) fn eventful() -> Board {
    let board = of(&[Check::Dns, Check::Apiserver, Check::CastaiApi, Check::Clock]);
    let names = target(
        "api.cast.ai",
        Ok("1 address"),
        vec![phase(Phase::Resolve, 3, Ended::Done)],
    );
    let resolved = Verdict::Ok("api.cast.ai resolves".into());
    post(
        &board,
        Check::Dns,
        Report {
            targets: vec![names],
            at: at(10),
            ..Report::bare(resolved)
        },
    );
    post(&board, Check::Apiserver, hanging_apiserver());
    let slow = Finding::new(
        FailureMode::CastaiSlow,
        "answered <b>\"late\"</b> & after 11 s",
    );
    post(
        &board,
        Check::CastaiApi,
        Report {
            at: at(20),
            ..Report::bare(Verdict::Warning(vec![slow]))
        },
    );
    board
}

pub(crate) fn exporter() -> Exporter {
    Exporter {
        vantage: Vantage::Sidecar,
        scope: None,
        agent_environment: AgentEnvironment::Own,
        runbook_base: "https://example.org/runbooks".to_owned(),
        environment_problems: Vec::new(),
        skipped: Vec::new(),
        reload: Reload {
            successful: true,
            succeeded: at(0),
        },
    }
}
