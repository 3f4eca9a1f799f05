//! Tests of `/metrics` with promtool.

use castai_health_exporter::metrics::exposition;
use castai_health_exporter::metrics::process::Process;
use castai_health_exporter::state::HealthState;
use test_support::fixture;

use crate::support::promtool;

fn exposed(board: &HealthState) -> String {
    exposition(
        &board.check_states(),
        &fixture::exporter(),
        &Process::read(),
    )
}

#[test]
fn promtool_accepts_the_exposition() {
    for board in [fixture::blank(), fixture::eventful(), fixture::hostile()] {
        promtool::assert_accepts(&exposed(&board));
    }
}
