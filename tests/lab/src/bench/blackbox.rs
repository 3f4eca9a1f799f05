//! Debian's blackbox exporter, which does the same with other means.

use std::net::SocketAddr;
use std::{fs, io};

use tokio::process::Command;

use super::failed;
use super::fetch::{answers, fetch, value};
use super::process::Process;
use crate::demo::free_port;
use crate::demo::world::World;

const PROGRAM: &str = "prometheus-blackbox-exporter";

/// A running blackbox exporter.
pub(crate) struct Blackbox {
    pub(crate) process: Process,
    addr: SocketAddr,
}

/// Its version; or how it is installed.
pub(crate) async fn version() -> io::Result<String> {
    let missing = |error| {
        failed(format!(
            "{PROGRAM} cannot be run ({error}); install it: apt-get install --no-install-recommends {PROGRAM}"
        ))
    };
    let output = Command::new(PROGRAM)
        .arg("--version")
        .output()
        .await
        .map_err(missing)?;
    // It has told this on either stream.
    let text = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&text)
        .lines()
        .next()
        .unwrap_or("unknown")
        .to_owned())
}

// === impl Blackbox ===

impl Blackbox {
    /// Starts it with the authority of this world's API server.
    pub(crate) async fn start(world: &World) -> io::Result<Self> {
        let authority = world.directory().join("serviceaccount/ca.crt");
        let module = format!(
            "modules:\n  https:\n    prober: http\n    timeout: 5s\n    http:\n      preferred_ip_protocol: ip4\n      \
             enable_http2: false\n      tls_config: {{ ca_file: {} }}\n",
            authority.display()
        );
        let file = world.directory().join("blackbox.yaml");
        fs::write(&file, module)?;
        let addr = free_port()?;
        let mut command = Command::new(PROGRAM);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg("--log.level=error");
        command.arg(format!("--web.listen-address={addr}"));
        let process = Process::start(&mut command)?;
        answers(addr).await?;
        Ok(Self { process, addr })
    }

    /// Asks for `/version` there, on a fresh connection.
    pub(crate) async fn probe(&self, target: SocketAddr) -> io::Result<()> {
        let told = fetch(
            self.addr,
            &format!("/probe?module=https&target=https%3A%2F%2F{target}%2Fversion"),
        )
        .await?;
        if value(&told, "probe_success") == Some(1.0) {
            Ok(())
        } else {
            Err(failed(format!(
                "{PROGRAM} does not reach {target}:\n{told}"
            )))
        }
    }
}
