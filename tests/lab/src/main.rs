//! The pretend world to play with, `lab demo --exporter PATH`, and to measure in, `lab bench --exporter PATH`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks with a person at a terminal"
)]

mod bench;
mod demo;

use std::ffi::OsString;
use std::process::ExitCode;

const USAGE: &str = "\
usage: lab demo --exporter PATH [--listen ADDRESS:PORT] [--provider eks|gke|aks] [-- EXPORTER-FLAG...]
       lab bench --exporter PATH [--quick] [--scale]

demo starts a pretend API server, CAST AI, DNS, proxy and cloud on loopback and the exporter beside them,
then reads from stdin how the world shall break. End of input, Ctrl-C and SIGTERM end it all.
bench measures the budgets on that exporter and prints them beside their limits; exit 1 when one is exceeded;
with --scale those of a large cluster.
";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let task = match arguments.split_first() {
        Some((word, rest)) if word == "demo" => demo::Arguments::read(rest).map(Task::Demo),
        Some((word, rest)) if word == "bench" => bench::Arguments::read(rest).map(Task::Bench),
        Some((word, rest)) if word == demo::keeper::WORD => Ok(Task::Keep(rest.to_vec())),
        _ => Err("say what to do".to_owned()),
    };
    let task = match task {
        Ok(task) => task,
        Err(problem) => {
            eprint!("lab: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // What is measured must not wait for the servers, so they have a thread of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let ended = runtime.and_then(|runtime| match task {
        Task::Demo(arguments) => runtime.block_on(demo::run(arguments)),
        Task::Bench(arguments) => runtime.block_on(bench::run(arguments)),
        Task::Keep(command) => runtime.block_on(demo::keeper::keep(&command)),
    });
    ended.unwrap_or_else(|error| {
        eprintln!("lab: {error}");
        ExitCode::FAILURE
    })
}

enum Task {
    Bench(bench::Arguments),
    Demo(demo::Arguments),
    Keep(Vec<OsString>),
}
