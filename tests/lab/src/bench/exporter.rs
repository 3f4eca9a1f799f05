//! The exporter as the benchmark starts it: in a pod's surroundings, without a keeper between it and the kernel.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use tokio::process::Command;
use tokio::time;

use super::fetch::{answers, fetch, value};
use super::process::Process;
use crate::demo::exporter::environment;
use crate::demo::free_port;
use crate::demo::world::{SERVICE_NAME, World};

/// A running exporter.
pub(crate) struct Exporter {
    pub(crate) process: Process,
    pub(crate) addr: SocketAddr,
}

/// How it is told to run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setting {
    /// These checks alone.
    pub(crate) only: Option<&'static str>,
    /// An attempt each second, as often as can be.
    pub(crate) hurried: bool,
    /// Fixed addresses of the API servers, instead of those that the API lists.
    pub(crate) fixed: bool,
    /// The system's authorities, instead of `TLS_CA_CERT_FILE`.
    pub(crate) system_roots: bool,
}

const CHECKS: [&str; 4] = ["dns", "apiserver", "castai_api", "clock"];
/// What a pod's resolver is told by default.
const RESOLV_CONF: &str =
    "search castai-agent.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";
/// Where distributions keep the authorities that they know.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

// === impl Exporter ===

impl Exporter {
    /// Starts it; it may not listen yet.
    pub(crate) fn begin(program: &Path, world: &World, setting: Setting) -> io::Result<Self> {
        let (mut command, addr) = Self::command(program, world, setting)?;
        Ok(Self {
            process: Process::start(&mut command)?,
            addr,
        })
    }

    /// Starts it, and waits until it listens.
    pub(crate) async fn start(program: &Path, world: &World, setting: Setting) -> io::Result<Self> {
        let exporter = Self::begin(program, world, setting)?;
        answers(exporter.addr).await?;
        Ok(exporter)
    }

    /// What starts it, and where it will listen.
    pub(crate) fn command(
        program: &Path,
        world: &World,
        setting: Setting,
    ) -> io::Result<(Command, SocketAddr)> {
        let addr = free_port()?;
        let file = world
            .directory()
            .join(format!("exporter-{}.yaml", addr.port()));
        fs::write(world.directory().join("resolv.conf"), RESOLV_CONF)?;
        fs::write(&file, setting.file(world))?;
        let mut command = Command::new(program);
        command.arg("--config.file").arg(file).args([
            "--log.level",
            "error",
            "--web.listen-address",
        ]);
        command
            .arg(addr.to_string())
            .env_clear()
            .envs(environment(world));
        if setting.system_roots {
            command
                .env_remove("TLS_CA_CERT_FILE")
                .env("SSL_CERT_FILE", bundle(world)?);
        }
        Ok((command, addr))
    }

    pub(crate) async fn metrics(&self) -> io::Result<String> {
        fetch(self.addr, "/metrics").await
    }

    /// Waits until every check has been examined so often, and always found all well.
    pub(crate) async fn rounds(&self, wanted: u32) -> io::Result<()> {
        let of = |metrics: &str, metric: &str, check: &str| {
            value(
                metrics,
                &format!("castai_health_check_{metric}_total{{check=\"{check}\"}}"),
            )
        };
        loop {
            let metrics = self.metrics().await?;
            let failed = CHECKS
                .iter()
                .find(|check| of(&metrics, "failures", check).is_some_and(|count| count > 0.0));
            if let Some(check) = failed {
                return Err(super::failed(format!(
                    "{check} fails in a healthy world; the figures would tell nothing"
                )));
            }
            if CHECKS.iter().all(|check| {
                of(&metrics, "attempts", check).is_some_and(|count| count >= wanted.into())
            }) {
                return Ok(());
            }
            time::sleep(Duration::from_millis(500)).await;
        }
    }
}

// === impl Setting ===

impl Setting {
    fn file(self, world: &World) -> String {
        let directory = world.directory().display();
        let mut file = format!(
            "dns:\n  nameservers: [\"{dns}\"]\n  hosts_file: {directory}/hosts\n  resolv_conf: {directory}/resolv.conf\n\
             apiserver:\n  service_account_dir: {directory}/serviceaccount\n  dns_name: {SERVICE_NAME}:{port}\n",
            dns = world.dns.addr(),
            port = world.apiserver.addr().port(),
        );
        if self.fixed {
            let addresses: Vec<_> = world
                .apiserver
                .endpoints()
                .iter()
                .map(|one| format!("\"{}\"", one.addr()))
                .collect();
            writeln!(file, "  addresses: [{}]", addresses.join(", "))
                .expect("a String takes everything");
        }
        // Without it one check could not be ok.
        file.push_str("agent:\n  latest_version: v0.123.1\n");
        file.push_str("checks:\n");
        for check in CHECKS {
            let enabled = self.only.is_none_or(|only| only == check);
            let interval = if self.hurried { ", interval: 1s" } else { "" };
            writeln!(file, "  {check}: {{ enabled: {enabled}{interval} }}")
                .expect("a String takes everything");
        }
        file
    }
}

/// The system's authorities and the world's own, so that all is well with either.
fn bundle(world: &World) -> io::Result<PathBuf> {
    let path = world.directory().join("bundle.pem");
    fs::write(
        &path,
        format!(
            "{}\n{}",
            fs::read_to_string(SYSTEM_ROOTS)?,
            world.public.ca_pem()
        ),
    )?;
    Ok(path)
}
