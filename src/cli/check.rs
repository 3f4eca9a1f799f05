//! `check`: examines everything once, or until nothing fails, and says what is wrong.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::catalogue::{CheckId, Status};
use crate::checks::{Plan, preflight};
use crate::cli::args::Output;
use crate::cli::output::print;
use crate::cli::{Exit, args, junit, output, refuse, text, usage};
use crate::config::{AgentSeen, Config, Problems, Purpose};
use crate::exporter::Exporter;
use crate::scheduler::OnChange;
use crate::state::{Board, Standing};
use crate::status::Document;
use crate::{daemon, log, scheduler};

/// The pause between two rounds while waiting.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) fn run(
    options: &args::Check,
    config: Config,
    load: &impl Fn(&AgentSeen) -> Result<Config, Problems>,
) -> Exit {
    log::install(config.log.level, config.log.format);
    log::install_panic_hook();
    let runtime = daemon::runtime();
    let config = &runtime.block_on(daemon::beside_the_agent(config, load));
    let plan = Plan::new(config);
    let runs: Vec<CheckId> = plan.rows.iter().map(|row| row.check).collect();
    let all = Exporter::new(config, &runs);
    if let Some(skipped) = all
        .skipped
        .iter()
        .find(|skipped| options.checks.contains(&skipped.check))
    {
        return usage(&format!(
            "the check {} does not run: {}",
            skipped.check, skipped.why
        ));
    }
    let plan = if options.checks.is_empty() {
        plan
    } else {
        plan.only(&options.checks)
    };
    let board = Arc::new(Board::new(&scheduler::entries(&plan)));
    let problems = runtime.block_on(preflight::problems(config, &[Purpose::Kubeconfig]));
    if !problems.is_empty() {
        return refuse(&problems);
    }
    runtime.block_on(run_checks(options, &plan, &board));
    let standings = board.standings();
    let entered: Vec<CheckId> = standings.iter().map(|standing| standing.check).collect();
    let exporter = Exporter::new(config, &entered);
    print(&match options.output {
        Output::Text => text::Report {
            standings: &standings,
            exporter: &exporter,
            colours: output::colours(),
            skipped: options.checks.is_empty(),
        }
        .to_string(),
        Output::Json => Document::new(&standings, &exporter).json(),
        Output::Junit => junit::report(&standings, &exporter, options.strict),
    });
    if fine(&standings, options.strict) {
        Exit::Fine
    } else {
        Exit::Failing
    }
}

async fn run_checks(options: &args::Check, plan: &Plan, board: &Arc<Board>) {
    let until = options.wait.map(|wait| Instant::now() + wait);
    let on_change = progress(board);
    loop {
        scheduler::once(plan, board, &on_change).await;
        let again = until.is_some_and(|until| Instant::now() + PAUSE < until);
        if !again || fine(&board.standings(), options.strict) {
            break;
        }
        sleep(PAUSE).await;
    }
    if output::shows_progress() {
        output::progress("");
    }
}

/// One line that says which checks are still awaited, on a terminal only.
fn progress(board: &Arc<Board>) -> OnChange {
    if !output::shows_progress() {
        return Arc::new(|_| {});
    }
    let show = |board: &Board| {
        let waiting: Vec<&str> = board.waiting().iter().map(|check| check.label()).collect();
        let failing = board
            .standings()
            .iter()
            .filter(|standing| standing.status() == Status::Failing)
            .count();
        output::progress(&match (waiting.is_empty(), failing) {
            (false, _) => format!("examining {} …", waiting.join(", ")),
            (true, 0) => String::new(),
            (true, failing) => format!("waiting, {failing} failing …"),
        });
    };
    show(board);
    let board = Arc::clone(board);
    Arc::new(move |_| show(&board))
}

fn fine(standings: &[Standing], strict: bool) -> bool {
    standings
        .iter()
        .all(|standing| !counts_as_failure(standing.status(), strict))
}

/// Whether a status makes `check` end with 1.
pub(super) const fn counts_as_failure(status: Status, strict: bool) -> bool {
    match status {
        Status::Failing => true,
        Status::Warning | Status::Unknown => strict,
        Status::Ok | Status::NotApplicable => false,
    }
}
