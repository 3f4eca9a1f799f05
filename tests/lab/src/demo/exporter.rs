//! The exporter as the demo starts it: with a pod's environment, and a file for what differs from a pod.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};
use tokio::time;

use super::keeper;
use super::world::{
    World, {self},
};

/// A running exporter.
pub(crate) struct Exporter {
    keeper: Child,
    /// While this is open the keeper keeps; `Child` itself would close it on waiting.
    lifeline: Option<ChildStdin>,
    listen: SocketAddr,
}

/// Checks that look every two seconds, because somebody waits for them.
const OFTEN: [&str; 15] = [
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
];

// === impl Exporter ===

impl Exporter {
    pub(crate) fn start(
        program: &Path,
        flags: &[OsString],
        listen: SocketAddr,
        world: &World,
    ) -> io::Result<Self> {
        let file = world.directory().join("exporter.yaml");
        std::fs::write(&file, config_file(world))?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg(keeper::WORD)
            .arg(program)
            .arg("--config.file")
            .arg(&file);
        command
            .arg("--web.listen-address")
            .arg(listen.to_string())
            .args(flags);
        command.env_clear().envs(environment(world));
        // Its own group, so that Ctrl-C reaches the demo alone and the demo ends the rest.
        let mut keeper = command.stdin(Stdio::piped()).process_group(0).spawn()?;
        let lifeline = keeper.stdin.take();
        Ok(Self {
            keeper,
            lifeline,
            listen,
        })
    }

    pub(crate) fn description(&self) -> String {
        let listen = self.listen;
        format!("http://{listen}/metrics  http://{listen}/api/v1/status  http://{listen}/")
    }

    /// Resolves when it has ended by itself.
    pub(crate) async fn ended(&mut self) -> String {
        self.keeper
            .wait()
            .await
            .map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    /// Ends it, and returns when it is gone.
    pub(crate) async fn stop(&mut self) {
        drop(self.lifeline.take());
        if time::timeout(Duration::from_secs(5), self.keeper.wait())
            .await
            .is_err()
        {
            eprintln!("lab: the exporter does not end");
        }
    }
}

/// What a pod of the agent would have.
pub(crate) fn environment(world: &World) -> Vec<(&'static str, String)> {
    let api = world.apiserver.addr();
    let mut environment = vec![
        ("KUBERNETES_SERVICE_HOST", api.ip().to_string()),
        ("KUBERNETES_SERVICE_PORT", api.port().to_string()),
        (
            "API_URL",
            format!(
                "https://{}:{}",
                world::CASTAI_NAME,
                world.castai.addr().port()
            ),
        ),
        ("API_KEY", lab::API_KEY.to_owned()),
        ("STATIC_CLUSTER_ID", lab::CLUSTER_ID.to_owned()),
        ("HEALTHZ_PORT", world.agent.health_port().to_string()),
        ("METRICS_PORT", world.agent.metrics_port().to_string()),
        ("TLS_CA_CERT_FILE", world.public.ca_pem()),
    ];
    environment.extend(world.clouds.environment(world.directory()));
    if world.behind_proxy {
        let proxy = world.proxy.addr().port();
        environment.push((
            "HTTPS_PROXY",
            format!("http://{}:{proxy}", world::PROXY_NAME),
        ));
        let direct = world.clouds.names().map(|(name, _)| name).join(",");
        environment.push(("NO_PROXY", format!("127.0.0.0/8,.svc,{direct}")));
    }
    environment
}

/// What differs from a pod: where the account's files are, a resolver with a port, a service without port 443.
fn config_file(world: &World) -> String {
    format!(
        "apiserver:\n  service_account_dir: {account}\n  dns_name: {name}:{port}\n\
         dns:\n  nameservers: [\"{dns}\"]\n  hosts_file: {hosts}\n\
         checks:\n{checks}{clouds}",
        checks = OFTEN
            .map(|check| format!("  {check}: {{ interval: 2s }}\n"))
            .concat(),
        clouds = world.clouds.settings(world.directory()),
        account = world.directory().join("serviceaccount").display(),
        name = world::SERVICE_NAME,
        port = world.apiserver.addr().port(),
        dns = world.dns.addr(),
        hosts = world.directory().join("hosts").display(),
    )
}
