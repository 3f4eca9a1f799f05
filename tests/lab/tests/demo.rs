//! However the demo ends, nothing of it is left.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A running demo with a stand-in for the exporter.
struct Demo {
    process: Child,
    exporter: u32,
    files: PathBuf,
    own: PathBuf,
    /// Closed, it would end the demo, too.
    _stdout: BufReader<ChildStdout>,
}

impl Demo {
    fn start(name: &str) -> Self {
        let own =
            std::env::temp_dir().join(format!("castai-lab-test-{name}-{}", std::process::id()));
        fs::create_dir_all(&own).unwrap();
        let script = own.join("exporter");
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
        let pid = own.join("exporter.pid");
        eventually("the exporter starts", || {
            fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n'))
        });
        let exporter = fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
        Self {
            process,
            exporter,
            files,
            own,
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

    fn assert_nothing_is_left(mut self) {
        self.process.wait().unwrap();
        eventually("the exporter ends", || !alive(self.exporter));
        assert!(!self.files.exists(), "files are left");
        fs::remove_dir_all(&self.own).unwrap();
    }
}

fn alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "not so: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn end_of_input_ends_it() {
    let mut demo = Demo::start("eof");
    drop(demo.process.stdin.take());
    demo.assert_nothing_is_left();
}

#[test]
fn signals_end_it() {
    for name in ["-INT", "-TERM", "-HUP"] {
        let demo = Demo::start(name);
        demo.signal(name, demo.process.id());
        demo.assert_nothing_is_left();
    }
}

#[test]
fn the_exporters_end_ends_it() {
    let demo = Demo::start("death");
    demo.signal("-KILL", demo.exporter);
    demo.assert_nothing_is_left();
}

#[test]
fn the_exporter_does_not_outlive_a_demo_that_was_killed() {
    let mut demo = Demo::start("kill");
    demo.signal("-KILL", demo.process.id());
    demo.process.wait().unwrap();
    eventually("the exporter ends", || !alive(demo.exporter));
    // Whoever is killed cannot tidy up.
    fs::remove_dir_all(&demo.files).unwrap();
    fs::remove_dir_all(&demo.own).unwrap();
}
