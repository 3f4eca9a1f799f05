//! Runs the exporter for the benchmark, in a pod's environment and without a supervisor.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use serde_json::Value;
use tokio::process::Command;
use tokio::time;

use super::fetch::{fetch, series_value, wait_until_listening};
use super::process::Process;
use crate::demo::exporter::environment;
use crate::demo::free_port;
use crate::demo::test_bed::{SERVICE_NAME, TestBed};

/// A running exporter.
pub(crate) struct Exporter {
    pub(crate) process: Process,
    pub(crate) addr: SocketAddr,
}

/// Settings of an exporter under test.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExporterSettings {
    /// Enable this check only.
    pub(crate) only: Option<&'static str>,
    /// Run checks every second, the shortest interval.
    pub(crate) every_second: bool,
    /// Configure the API-server addresses instead of discovering them.
    pub(crate) static_addresses: bool,
    /// Trust the system's CAs instead of `TLS_CA_CERT_FILE`.
    pub(crate) system_roots: bool,
}

const CHECKS: [&str; 4] = ["dns", "apiserver", "castai_api", "clock"];
/// Default resolver configuration of a pod.
const RESOLV_CONF: &str =
    "search castai-agent.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";
/// The system's CA bundle.
const SYSTEM_CA_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

// === impl Exporter ===

impl Exporter {
    /// Starts the exporter without waiting until it listens.
    pub(crate) fn spawn(
        program: &Path,
        test_bed: &TestBed,
        settings: ExporterSettings,
    ) -> io::Result<Self> {
        let (mut command, addr) = Self::command(program, test_bed, settings)?;
        Ok(Self {
            process: Process::start(&mut command)?,
            addr,
        })
    }

    /// Starts the exporter and waits until it listens.
    pub(crate) async fn start(
        program: &Path,
        test_bed: &TestBed,
        settings: ExporterSettings,
    ) -> io::Result<Self> {
        let exporter = Self::spawn(program, test_bed, settings)?;
        wait_until_listening(exporter.addr).await?;
        Ok(exporter)
    }

    /// Returns the command that starts the exporter, and the address it will listen on.
    pub(crate) fn command(
        program: &Path,
        test_bed: &TestBed,
        settings: ExporterSettings,
    ) -> io::Result<(Command, SocketAddr)> {
        let addr = free_port()?;
        let file = test_bed
            .directory()
            .join(format!("exporter-{}.yaml", addr.port()));
        fs::write(test_bed.directory().join("resolv.conf"), RESOLV_CONF)?;
        fs::write(&file, settings.config_file(program, test_bed)?)?;
        let mut command = Command::new(program);
        command.arg("--config.file").arg(file).args([
            "--log.level",
            "error",
            "--web.listen-address",
        ]);
        command
            .arg(addr.to_string())
            .env_clear()
            .envs(environment(test_bed));
        if settings.system_roots {
            command
                .env_remove("TLS_CA_CERT_FILE")
                .env("SSL_CERT_FILE", write_ca_bundle(test_bed)?);
        }
        Ok((command, addr))
    }

    pub(crate) async fn metrics(&self) -> io::Result<String> {
        fetch(self.addr, "/metrics").await
    }

    /// Waits until every check has run `wanted` times. Fails if a check fails.
    pub(crate) async fn wait_for_rounds(&self, rounds: u32) -> io::Result<()> {
        let counter = |metrics: &str, metric: &str, check: &str| {
            series_value(
                metrics,
                &format!("castai_health_check_{metric}_total{{check=\"{check}\"}}"),
            )
        };
        loop {
            let metrics = self.metrics().await?;
            let failing = CHECKS.iter().find(|check| {
                counter(&metrics, "failures", check).is_some_and(|count| count > 0.0)
            });
            if let Some(check) = failing {
                return Err(super::error(format!(
                    "{check} fails although the test bed is healthy"
                )));
            }
            if CHECKS.iter().all(|check| {
                counter(&metrics, "attempts", check).is_some_and(|count| count >= rounds.into())
            }) {
                return Ok(());
            }
            time::sleep(Duration::from_millis(500)).await;
        }
    }
}

// === impl ExporterSettings ===

impl ExporterSettings {
    fn config_file(self, program: &Path, test_bed: &TestBed) -> io::Result<String> {
        let directory = test_bed.directory().display();
        let mut file = format!(
            "dns:\n  nameservers: [\"{dns}\"]\n  hosts_file: {directory}/hosts\n  resolv_conf: {directory}/resolv.conf\n\
             apiserver:\n  service_account_dir: {directory}/serviceaccount\n  dns_name: {SERVICE_NAME}:{port}\n",
            dns = test_bed.dns.addr(),
            port = test_bed.apiserver.addr().port(),
        );
        if self.static_addresses {
            let addresses: Vec<_> = test_bed
                .apiserver
                .endpoints()
                .iter()
                .map(|endpoint| format!("\"{}\"", endpoint.addr()))
                .collect();
            writeln!(file, "  addresses: [{}]", addresses.join(", "))
                .expect("writing to a String never fails");
        }
        // Without a latest version, one check could not be ok.
        file.push_str("agent:\n  latest_version: v0.123.1\n");
        file.push_str("checks:\n");
        let checks = match self.only {
            None => CHECKS.map(str::to_owned).to_vec(),
            Some(_) => all_checks(program)?,
        };
        for check in checks {
            let enabled = self.only.is_none_or(|only| only == check);
            let interval = if self.every_second && enabled {
                ", interval: 1s"
            } else {
                ""
            };
            writeln!(file, "  {check}: {{ enabled: {enabled}{interval} }}")
                .expect("writing to a String never fails");
        }
        Ok(file)
    }
}

/// Returns the names of all checks of the exporter.
fn all_checks(program: &Path) -> io::Result<Vec<String>> {
    let output = std::process::Command::new(program)
        .args(["catalogue", "-o", "json"])
        .env_clear()
        .output()?;
    let catalogue: Value = serde_json::from_slice(&output.stdout)?;
    let checks = catalogue["checks"].as_array().into_iter().flatten();
    let names: Vec<_> = checks
        .filter_map(|check| check["check"].as_str().map(str::to_owned))
        .collect();
    if names.is_empty() {
        return Err(super::error("the catalogue lists no checks"));
    }
    Ok(names)
}

/// Writes a bundle of the system's CAs and the test bed's, so that checks succeed with either.
fn write_ca_bundle(test_bed: &TestBed) -> io::Result<PathBuf> {
    let path = test_bed.directory().join("bundle.pem");
    fs::write(
        &path,
        format!(
            "{}\n{}",
            fs::read_to_string(SYSTEM_CA_BUNDLE)?,
            test_bed.public_ca.ca_pem()
        ),
    )?;
    Ok(path)
}
