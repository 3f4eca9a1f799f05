//! Tests of the running daemon: start, reload and shutdown.

mod pages;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::cli::program;

/// A daemon on a port that the kernel chose. Dropping it kills it.
struct Daemon {
    child: Child,
    log: BufReader<ChildStderr>,
    address: String,
}

impl Daemon {
    fn start(command: &mut Command) -> Self {
        let command = command.args(["--web.listen-address=127.0.0.1:0"]);
        let mut child = command
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("failed to start the binary");
        let mut log = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let mut first = String::new();
        log.read_line(&mut first).expect("the log has a first line");
        let address = first
            .split("address=")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let address = address
            .unwrap_or_else(|| panic!("no address in {first}"))
            .to_owned();
        Self {
            child,
            log,
            address,
        }
    }

    fn get(&self, path: &str) -> String {
        self.request("GET", path).expect("the daemon responds")
    }

    fn request(&self, method: &str, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .expect("failed to run kill");
        assert!(sent.success());
    }

    /// Waits until `/metrics` contains a line.
    fn wait_for_metric(&self, line: &str) {
        let began = Instant::now();
        while !self.get("/metrics").lines().any(|shown| shown == line) {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "{line} is not in\n{}",
                self.get("/metrics")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it and returns the rest of its log.
    fn kill_and_read_log(mut self) -> String {
        self.signal("TERM");
        let mut rest = String::new();
        self.log
            .read_to_string(&mut rest)
            .expect("the log is not UTF-8");
        assert!(
            self.child
                .wait()
                .expect("the daemon did not exit")
                .success(),
            "{rest}"
        );
        rest
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn with_file(path: &Path) -> Daemon {
    Daemon::start(&mut program(&[
        "run",
        "--web.enable-lifecycle",
        "--config.file",
        path.to_str().expect("UTF-8"),
    ]))
}

#[test]
fn serves_metrics_without_any_flag() {
    let daemon = Daemon::start(&mut program(&[]));
    assert!(daemon.get("/-/healthy").starts_with("HTTP/1.1 200"));
    daemon.wait_for_metric(
        "castai_health_check_status{check=\"castai_api\",status=\"not_applicable\"} 1",
    );
    daemon.wait_for_metric("castai_health_config_last_reload_successful 1");
    assert!(
        daemon
            .get("/api/v1/status")
            .contains("\"schema_version\": 1")
    );
    assert!(daemon.get("/").contains("castai_api"));
    assert!(
        daemon
            .get("/runbooks/CastaiClockSkew")
            .contains("<h2>Mitigation</h2>")
    );
}

#[test]
fn becomes_ready_after_the_first_verdict_of_every_check() {
    let daemon = Daemon::start(&mut program(&[]));
    let began = Instant::now();
    while daemon.get("/-/ready").starts_with("HTTP/1.1 503") {
        assert!(began.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(daemon.get("/-/ready").starts_with("HTTP/1.1 200"));
    assert!(!daemon.get("/api/v1/status").contains("not examined yet"));
}

#[test]
fn sigterm_exits_within_a_second_while_an_attempt_hangs() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!(
        "http://{}",
        silent.local_addr().expect("the log has an address")
    );
    let mut daemon = Daemon::start(program(&[]).env("API_URL", url).env("API_KEY", "key"));
    let _hanging = silent.accept().expect("no attempt started");
    daemon.signal("TERM");
    let began = Instant::now();
    assert!(
        daemon
            .child
            .wait()
            .expect("the daemon did not exit")
            .success()
    );
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn port_in_use_is_reported_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken
        .local_addr()
        .expect("the log has an address")
        .to_string();
    let output = program(&["--web.listen-address", &address])
        .output()
        .expect("failed to start the binary");
    let evidence = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{evidence}");
    assert!(
        evidence.starts_with("error: ")
            && evidence.contains(&address)
            && evidence.lines().count() == 1,
        "{evidence}"
    );
}

#[test]
fn sighup_reloads_and_keeps_the_configuration_if_the_file_is_invalid() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("config.yaml");
    fs::write(&file, "checks:\n  clock:\n    interval: 40s\n").unwrap();
    let daemon = with_file(&file);
    daemon.wait_for_metric("castai_health_check_interval_seconds{check=\"clock\"} 40");

    fs::write(
        &file,
        "checks:\n  clock:\n    interval: 50s\n  dns:\n    enabled: false\n",
    )
    .unwrap();
    daemon.signal("HUP");
    daemon.wait_for_metric("castai_health_check_interval_seconds{check=\"clock\"} 50");
    assert!(!daemon.get("/metrics").contains("check=\"dns\""));
    assert!(
        daemon
            .get("/api/v1/status")
            .contains("disabled in the configuration")
    );

    fs::write(&file, "checks:\n  clock:\n    interval: soon\n").unwrap();
    daemon.signal("HUP");
    daemon.wait_for_metric("castai_health_config_last_reload_successful 0");
    daemon.wait_for_metric("castai_health_check_interval_seconds{check=\"clock\"} 50");
    let log = daemon.kill_and_read_log();
    assert!(
        log.contains(
            "level=error msg=\"configuration reload failed; keeping the previous configuration\""
        ),
        "{log}"
    );
    assert!(log.contains("checks.clock.interval"), "{log}");
}

#[test]
fn reload_removes_series_of_former_targets() {
    let dir = tempfile::tempdir().expect("a folder");
    let (file, key) = (dir.path().join("config.yaml"), dir.path().join("key"));
    fs::write(&key, "key").unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let written = |port: u16| {
        format!(
            "castai:\n  api_url: http://127.0.0.1:{port}\n  key_file: key\napiserver:\n  dns_name: a.test\n"
        )
    };
    fs::write(&file, written(1)).unwrap();
    let daemon = with_file(&file);
    let refused = "castai_health_failure{check=\"castai_api\",mode=\"net_refused\",severity=\"critical\",caused_by=\"\"} 1";
    let attempts = "castai_health_check_attempts_total{check=\"castai_api\"} 1";
    daemon.wait_for_metric(refused);
    daemon.wait_for_metric(attempts);

    fs::write(&file, written(1) + "log:\n  level: warn\n").unwrap();
    assert!(
        daemon
            .request("POST", "/-/reload")
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    daemon.wait_for_metric(refused);

    fs::write(
        &file,
        written(silent.local_addr().expect("the log has an address").port()),
    )
    .unwrap();
    assert!(
        daemon
            .request("POST", "/-/reload")
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    let metrics = daemon.get("/metrics");
    assert!(!metrics.lines().any(|line| line == refused), "{metrics}");
    daemon.wait_for_metric("castai_health_check_status{check=\"castai_api\",status=\"unknown\"} 1");
    assert!(
        !daemon
            .get("/metrics")
            .contains("castai_health_check_attempts_total{check=\"castai_api\"} 0")
    );
}

#[test]
fn http_reload_reports_configuration_problems() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("config.yaml");
    fs::write(&file, "scope: pod\n").unwrap();
    let daemon = with_file(&file);
    assert!(
        daemon
            .request("POST", "/-/reload")
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    fs::write(&file, "scope: moon\n").unwrap();
    let refused = daemon.request("POST", "/-/reload").unwrap();
    assert!(
        refused.starts_with("HTTP/1.1 500") && refused.contains("moon"),
        "{refused}"
    );
    daemon.wait_for_metric("castai_health_config_last_reload_successful 0");
    fs::write(&file, "scope: pod\n").unwrap();
    assert!(
        daemon
            .request("POST", "/-/reload")
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    daemon.wait_for_metric("castai_health_config_last_reload_successful 1");
}

#[test]
fn logs_one_line_per_verdict_change_and_environment_problem() {
    let mut command = program(&[]);
    let daemon = Daemon::start(
        command
            .env("API_URL", ":::")
            .env("API_KEY", "squeamish-ossifrage"),
    );
    daemon.wait_for_metric(
        "castai_health_failure{check=\"castai_api\",mode=\"agent_config_invalid\",severity=\"critical\",caused_by=\"\"} 1",
    );
    let log = daemon.kill_and_read_log();
    let lines = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    assert_eq!(lines("problem="), 1, "{log}");
    assert_eq!(lines("check=castai_api status=failing"), 1, "{log}");
    assert!(!log.contains("squeamish"), "{log}");
}

#[test]
fn log_format_json_writes_json() {
    let mut command = program(&["--log.format=json"]);
    command
        .args(["--web.listen-address=127.0.0.1:0"])
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("failed to start the binary");
    let mut line = String::new();
    BufReader::new(child.stderr.take().expect("stderr is piped"))
        .read_line(&mut line)
        .expect("a line");
    let _ = child.kill();
    let _ = child.wait();
    let line: serde_json::Value = serde_json::from_str(&line).expect("one JSON object per line");
    assert_eq!(line["level"], "info");
    assert_eq!(line["msg"], "castai-health-exporter starts");
}
