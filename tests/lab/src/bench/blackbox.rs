//! Debian's `blackbox_exporter`, for comparison.

use std::net::SocketAddr;
use std::{fs, io};

use tokio::process::Command;

use super::error;
use super::fetch::{fetch, series_value, wait_until_listening};
use super::process::Process;
use crate::demo::free_port;
use crate::demo::test_bed::TestBed;

const PROGRAM: &str = "prometheus-blackbox-exporter";

/// A running `blackbox_exporter`.
pub(crate) struct Blackbox {
    pub(crate) process: Process,
    addr: SocketAddr,
}

/// Returns the version, or an error with the install command.
pub(crate) async fn version() -> io::Result<String> {
    let missing = |cause| {
        error(format!(
            "failed to run {PROGRAM}: {cause}; install it: apt-get install --no-install-recommends {PROGRAM}"
        ))
    };
    let output = Command::new(PROGRAM)
        .arg("--version")
        .output()
        .await
        .map_err(missing)?;
    // Some versions print it to stdout, others to stderr.
    let text = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&text)
        .lines()
        .next()
        .unwrap_or("unknown")
        .to_owned())
}

// === impl Blackbox ===

impl Blackbox {
    /// Starts it with the CA of the test bed's API server.
    pub(crate) async fn start(test_bed: &TestBed) -> io::Result<Self> {
        let ca_file = test_bed.directory().join("serviceaccount/ca.crt");
        let module = format!(
            "modules:\n  https:\n    prober: http\n    timeout: 5s\n    http:\n      preferred_ip_protocol: ip4\n      \
             enable_http2: false\n      tls_config: {{ ca_file: {} }}\n",
            ca_file.display()
        );
        let file = test_bed.directory().join("blackbox.yaml");
        fs::write(&file, module)?;
        let addr = free_port()?;
        let mut command = Command::new(PROGRAM);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg("--log.level=error");
        command.arg(format!("--web.listen-address={addr}"));
        let process = Process::start(&mut command)?;
        wait_until_listening(addr).await?;
        Ok(Self { process, addr })
    }

    /// Probes `/version` of a target over a new connection.
    pub(crate) async fn probe(&self, target: SocketAddr) -> io::Result<()> {
        let metrics = fetch(
            self.addr,
            &format!("/probe?module=https&target=https%3A%2F%2F{target}%2Fversion"),
        )
        .await?;
        if series_value(&metrics, "probe_success") == Some(1.0) {
            Ok(())
        } else {
            Err(error(format!(
                "{PROGRAM} failed to probe {target}:\n{metrics}"
            )))
        }
    }
}
