//! The demo cleans up after itself, however it exits.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A running demo with a shell script in place of the exporter.
struct Demo {
    process: Child,
    exporter: u32,
    files: PathBuf,
    directory: PathBuf,
    /// Kept open: closing it would end the demo.
    _stdout: BufReader<ChildStdout>,
}

impl Demo {
    fn start(name: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("castai-lab-test-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let script = directory.join("exporter");
        fs::write(
            &script,
            "#!/bin/sh\necho $$ > \"$0.pid\"\nexec /bin/sleep 600\n",
        )
        .unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_lab"))
            .args(["demo", "--exporter"])
            .arg(&script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let lines = stdout.by_ref().lines();
        let files = lines
            .map(Result::unwrap)
            .find_map(|line| Some(line.strip_prefix("files")?.trim().into()))
            .unwrap();
        let pid = directory.join("exporter.pid");
        wait_until("exporter started", || {
            fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n'))
        });
        let exporter = fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
        Self {
            process,
            exporter,
            files,
            directory,
            _stdout: stdout,
        }
    }

    fn signal(&self, name: &str, pid: u32) {
        assert!(self.files.join("serviceaccount/token").exists() && alive(self.exporter));
        assert!(
            Command::new("/bin/kill")
                .args([name, &pid.to_string()])
                .status()
                .unwrap()
                .success()
        );
    }

    fn assert_cleaned_up(mut self) {
        self.process.wait().unwrap();
        wait_until("exporter exited", || !alive(self.exporter));
        assert!(!self.files.exists(), "temporary files remain");
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

fn alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "timed out waiting until {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn demo_exits_at_end_of_input() {
    let mut demo = Demo::start("eof");
    drop(demo.process.stdin.take());
    demo.assert_cleaned_up();
}

#[test]
fn demo_exits_on_signals() {
    for name in ["-INT", "-TERM", "-HUP"] {
        let demo = Demo::start(name);
        demo.signal(name, demo.process.id());
        demo.assert_cleaned_up();
    }
}

#[test]
fn demo_exits_with_the_exporter() {
    let demo = Demo::start("death");
    demo.signal("-KILL", demo.exporter);
    demo.assert_cleaned_up();
}

#[test]
fn exporter_dies_with_a_killed_demo() {
    let mut demo = Demo::start("kill");
    demo.signal("-KILL", demo.process.id());
    demo.process.wait().unwrap();
    wait_until("exporter exited", || !alive(demo.exporter));
    // A killed demo cannot clean up its files.
    fs::remove_dir_all(&demo.files).unwrap();
    fs::remove_dir_all(&demo.directory).unwrap();
}
