//! Runs the exporter for the demo, with a pod's environment and a configuration file.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};
use tokio::time;

use super::test_bed::{self, TestBed};
use super::{check_script, supervisor};

/// A running exporter.
pub(crate) struct Exporter {
    supervisor: Child,
    /// Open while the exporter should run. `Child::wait` would close it.
    stdin: Option<ChildStdin>,
    listen: SocketAddr,
}

/// Checks that run every two seconds, because a user is waiting for them.
const FAST_CHECKS: [&str; 16] = [
    "dns",
    "apiserver",
    "castai_api",
    "imds",
    "aws_credentials",
    "gce_metadata",
    "azure_imds",
    "sts_identity",
    "ec2_api",
    "cluster_metadata",
    "control_plane_access",
    "node_lifecycle",
    "cluster_status",
    "agent_health",
    "agent_log",
    "agent_permissions",
];

// === impl Exporter ===

impl Exporter {
    pub(crate) fn start(
        program: &Path,
        flags: &[OsString],
        listen: SocketAddr,
        test_bed: &TestBed,
    ) -> io::Result<Self> {
        let file = test_bed.directory().join("exporter.yaml");
        std::fs::write(&file, config_file(test_bed))?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg(supervisor::SUBCOMMAND)
            .arg(program)
            .arg("--config.file")
            .arg(&file);
        command
            .arg("--web.listen-address")
            .arg(listen.to_string())
            .args(flags);
        command.env_clear().envs(environment(test_bed));
        // A separate process group: Ctrl-C reaches the demo only, which then stops the exporter.
        let log = File::options()
            .create(true)
            .append(true)
            .open(log_file(test_bed))?;
        command.stdout(log.try_clone()?).stderr(log);
        check_script::write(program, &file, test_bed)?;
        let mut supervisor = command.stdin(Stdio::piped()).process_group(0).spawn()?;
        let stdin = supervisor.stdin.take();
        Ok(Self {
            supervisor,
            stdin,
            listen,
        })
    }

    pub(crate) fn description(&self) -> String {
        let listen = self.listen;
        format!("http://{listen}/metrics  http://{listen}/api/v1/status  http://{listen}/")
    }

    /// Resolves when the exporter exits on its own.
    pub(crate) async fn exited(&mut self) -> String {
        self.supervisor
            .wait()
            .await
            .map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    /// Stops the exporter and waits until it has exited.
    pub(crate) async fn stop(&mut self) {
        drop(self.stdin.take());
        if time::timeout(Duration::from_secs(5), self.supervisor.wait())
            .await
            .is_err()
        {
            eprintln!("lab: exporter did not exit within 5 s");
        }
    }
}

/// Returns the file that the exporter logs to.
pub(crate) fn log_file(test_bed: &TestBed) -> PathBuf {
    test_bed.directory().join("exporter.log")
}

/// Returns the last lines of the exporter's log.
pub(crate) fn end_of_log(test_bed: &TestBed) -> String {
    const LINES: usize = 20;
    let log = std::fs::read_to_string(log_file(test_bed)).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Returns the environment of an agent pod.
pub(crate) fn environment(test_bed: &TestBed) -> Vec<(&'static str, String)> {
    let api = test_bed.apiserver.addr();
    let mut environment = vec![
        ("KUBERNETES_SERVICE_HOST", api.ip().to_string()),
        ("KUBERNETES_SERVICE_PORT", api.port().to_string()),
        (
            "API_URL",
            format!(
                "https://{}:{}",
                test_bed::CASTAI_NAME,
                test_bed.castai.addr().port()
            ),
        ),
        ("API_KEY", lab::API_KEY.to_owned()),
        ("STATIC_CLUSTER_ID", lab::CLUSTER_ID.to_owned()),
        ("HEALTHZ_PORT", test_bed.agent.health_port().to_string()),
        ("METRICS_PORT", test_bed.agent.metrics_port().to_string()),
        ("TLS_CA_CERT_FILE", test_bed.public_ca.ca_pem()),
    ];
    environment.extend(test_bed.clouds.environment(test_bed.directory()));
    if test_bed.behind_proxy {
        let proxy = test_bed.proxy.addr().port();
        environment.push((
            "HTTPS_PROXY",
            format!("http://{}:{proxy}", test_bed::PROXY_NAME),
        ));
        let direct = test_bed
            .clouds
            .dns_records()
            .map(|(name, _)| name)
            .join(",");
        environment.push(("NO_PROXY", format!("127.0.0.0/8,.svc,{direct}")));
    }
    environment
}

/// Returns settings that differ from a pod: paths of mounted files, DNS server, service port.
fn config_file(test_bed: &TestBed) -> String {
    format!(
        "apiserver:\n  service_account_dir: {account}\n  dns_name: {name}:{port}\n\
         dns:\n  nameservers: [\"{dns}\"]\n  hosts_file: {hosts}\n\
         checks:\n{checks}{clouds}",
        checks = FAST_CHECKS
            .map(|check| format!("  {check}: {{ interval: 2s }}\n"))
            .concat(),
        clouds = test_bed.clouds.config(test_bed.directory()),
        account = test_bed.directory().join("serviceaccount").display(),
        name = test_bed::SERVICE_NAME,
        port = test_bed.apiserver.addr().port(),
        dns = test_bed.dns.addr(),
        hosts = test_bed.directory().join("hosts").display(),
    )
}
