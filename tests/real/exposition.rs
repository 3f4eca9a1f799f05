//! `/metrics` as promtool reads it.

use castai_health_exporter::state::Board;
use castai_health_exporter::metrics::exposition;
use castai_health_exporter::metrics::process::Process;
use test_support::fixture;

use crate::support::promtool;

fn exposed(board: &Board) -> String {
    exposition(&board.standings(), &fixture::exporter(), &Process::read())
}

#[test]
fn promtool_accepts_the_exposition() {
    for board in [fixture::blank(), fixture::eventful(), fixture::hostile()] {
        promtool::assert_accepts(&exposed(&board));
    }
}
