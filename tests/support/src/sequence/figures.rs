//! The figures of sequences: how long faults took to be named, and recovery to show.

use std::time::Duration;

use super::observed::Settled;

/// The rows below the faults, with their limits. They are printed and not asserted, because a busy
/// machine stretches the figures.
const SUMMARY: [&str; 2] = ["median (limit 15 s)", "worst (limits 45 s and 60 s)"];

/// The figures of one fault; `None` if it took too long.
pub struct Figures {
    name: &'static str,
    named: Option<Duration>,
    recovered: Option<Duration>,
    /// The reports instead.
    problem: String,
}

impl Figures {
    /// Collects the figures of a fault, and prints them.
    pub fn new(
        sequence: &str,
        name: &'static str,
        named: Result<Settled, Vec<String>>,
        recovered: Result<Settled, Vec<String>>,
    ) -> Self {
        let problem = [named.as_ref().err(), recovered.as_ref().err()];
        let problem: Vec<&str> = problem
            .into_iter()
            .flatten()
            .flatten()
            .map(String::as_str)
            .collect();
        let problem = problem.join("; ");
        let last = match &recovered {
            Ok(settled) => settled.last.join("; "),
            Err(_) => String::new(),
        };
        let named = named.ok().map(|settled| settled.after);
        let recovered = recovered.ok().map(|settled| settled.after);
        println!(
            "{sequence}: {name}: named after {} s, ok after {} s; last {last}; {problem}",
            seconds(named),
            seconds(recovered),
        );
        Self {
            name,
            named,
            recovered,
            problem,
        }
    }
}

/// Prints the figures as a table. Fails if a fault was not named or was still reported.
pub fn print_and_assert(figures: &[Figures]) {
    let heads = ["fault", "break to mode", "heal to ok"];
    println!("{:<45} {:>14} {:>14}", heads[0], heads[1], heads[2]);
    let row = |name: &str, named, recovered, problem: &str| {
        let (named, recovered) = (seconds(named), seconds(recovered));
        println!("{name:<45} {named:>14} {recovered:>14} {problem}");
    };
    let mut sorted: Vec<&Figures> = figures.iter().collect();
    sorted.sort_by_key(|one| (one.name, one.named));
    for one in sorted {
        row(one.name, one.named, one.recovered, &one.problem);
    }
    let column = |of: fn(&Figures) -> Option<Duration>| {
        let mut times: Vec<Duration> = figures.iter().filter_map(of).collect();
        times.sort_unstable();
        [times.get(times.len() / 2).copied(), times.last().copied()]
    };
    let (named, recovered) = (column(|one| one.named), column(|one| one.recovered));
    for (at, name) in SUMMARY.into_iter().enumerate() {
        row(name, named[at], recovered[at], "");
    }
    let missed = figures.iter().filter(|one| !one.problem.is_empty()).count();
    assert_eq!(missed, 0, "faults were not named, or were still reported");
}

fn seconds(time: Option<Duration>) -> String {
    time.map_or_else(
        || "never".to_owned(),
        |time| format!("{:.1}", time.as_secs_f64()),
    )
}
