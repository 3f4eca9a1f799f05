//! A board with one check of each kind, for the tests of the views.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use castai_health_exporter::catalogue::{CheckId, FailureMode, Need, Phase};
use castai_health_exporter::config::{AgentEnvironment, Vantage};
use castai_health_exporter::exporter::{Exporter, Reload};
use castai_health_exporter::report::{
    DateSample, Ended, Finding, PhaseTime, Report, TargetReport, Verdict,
};
use castai_health_exporter::state::{Board, Entry, Posting};

/// 2025-01-01T00:00:00Z.
pub const NEW_YEAR: u64 = 1_735_689_600;

pub fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NEW_YEAR + seconds)
}

/// All checks, none examined.
pub fn blank() -> Board {
    of(CheckId::ALL)
}

/// These checks, none examined.
fn of(checks: &[CheckId]) -> Board {
    let entry = |check: &CheckId| Entry {
        check: *check,
        need: Need::Start,
        interval: check.entry().interval,
        subject: 0,
    };
    Board::new(&checks.iter().map(entry).collect::<Vec<_>>())
}

pub fn post(board: &Board, check: CheckId, report: Report) {
    board.post(
        check,
        Posting {
            report,
            disturbed: false,
            panicked: false,
        },
    );
}

pub fn phase(phase: Phase, millis: u64, ended: Ended) -> PhaseTime {
    PhaseTime {
        phase,
        took: Duration::from_millis(millis),
        ended,
    }
}

pub fn target(name: &str, outcome: Result<&str, Finding>, phases: Vec<PhaseTime>) -> TargetReport {
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

/// One target hangs in its handshake, one is dead, and the server's clock was read earlier.
pub fn hanging_apiserver() -> Report {
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
pub fn eventful() -> Board {
    let board = of(&[
        CheckId::Dns,
        CheckId::Apiserver,
        CheckId::CastaiApi,
        CheckId::Clock,
    ]);
    let names = target(
        "api.cast.ai",
        Ok("1 address"),
        vec![phase(Phase::Resolve, 3, Ended::Done)],
    );
    let resolved = Verdict::Ok("api.cast.ai resolves".into());
    post(
        &board,
        CheckId::Dns,
        Report {
            targets: vec![names],
            at: at(10),
            ..Report::bare(resolved)
        },
    );
    post(&board, CheckId::Apiserver, hanging_apiserver());
    let slow = Finding::new(
        FailureMode::CastaiSlow,
        "answered <b>\"late\"</b> & after 11 s",
    );
    post(
        &board,
        CheckId::CastaiApi,
        Report {
            at: at(20),
            ..Report::bare(Verdict::Warning(vec![slow]))
        },
    );
    board
}

pub fn exporter() -> Exporter {
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

/// A board whose targets try to break the exposition with their names.
pub fn hostile() -> Board {
    let board = blank();
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
        &board,
        CheckId::Apiserver,
        Report {
            targets,
            ..Report::bare(Verdict::Ok("fine".into()))
        },
    );
    board
}
