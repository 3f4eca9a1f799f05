//! Command-line tool around the fake servers: `lab demo` and `lab bench`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool"
)]

mod bench;
mod demo;

use std::ffi::OsString;
use std::process::ExitCode;

const USAGE: &str = "\
usage: lab demo --exporter PATH [--listen ADDRESS:PORT] [--provider eks|gke|aks] [-- EXPORTER-FLAG...]
       lab bench --exporter PATH [--quick] [--scale]

demo starts a fake API server, CAST AI, DNS server, proxy and cloud on loopback, and the exporter.
It reads commands from stdin that inject faults. End of input, Ctrl-C or SIGTERM stops everything.

bench measures the exporter and compares the figures with their limits; --scale does so for a large
cluster, --quick takes rough figures. The exit code is 1 if a limit is exceeded.
";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let task = match arguments.split_first() {
        Some((subcommand, rest)) if subcommand == "demo" => {
            demo::Arguments::parse(rest).map(Task::Demo)
        }
        Some((subcommand, rest)) if subcommand == "bench" => {
            bench::Arguments::parse(rest).map(Task::Bench)
        }
        Some((subcommand, rest)) if subcommand == demo::supervisor::SUBCOMMAND => {
            Ok(Task::Supervise(rest.to_vec()))
        }
        _ => Err("missing or unknown command".to_owned()),
    };
    let task = match task {
        Ok(task) => task,
        Err(problem) => {
            eprint!("lab: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // The servers get a worker thread so that they do not delay what the main thread measures.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let result = runtime.and_then(|runtime| match task {
        Task::Demo(arguments) => runtime.block_on(demo::run(arguments)),
        Task::Bench(arguments) => runtime.block_on(bench::run(arguments)),
        Task::Supervise(command) => runtime.block_on(demo::supervisor::supervise(&command)),
    });
    result.unwrap_or_else(|error| {
        eprintln!("lab: {error}");
        ExitCode::FAILURE
    })
}

enum Task {
    Bench(bench::Arguments),
    Demo(demo::Arguments),
    Supervise(Vec<OsString>),
}
