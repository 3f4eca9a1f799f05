//! A process under test and its resource usage.

use std::process::Stdio;
use std::time::Duration;
use std::{fs, io};

use tokio::process::{Child, Command};

use super::error;

/// A running process; killed when dropped.
pub(crate) struct Process {
    child: Child,
    pid: u32,
}

// === impl Process ===

impl Process {
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child
            .id()
            .ok_or_else(|| error("the process exited immediately"))?;
        Ok(Self { child, pid })
    }

    /// Returns the CPU time of all threads, in milliseconds.
    pub(crate) fn cpu(&self) -> io::Result<f64> {
        let mut sum = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let schedstat = fs::read_to_string(task?.path().join("schedstat"))?;
            let nanos = schedstat
                .split_whitespace()
                .next()
                .and_then(|nanos| nanos.parse().ok());
            sum += Duration::from_nanos(nanos.ok_or_else(|| error("failed to parse schedstat"))?);
        }
        Ok(sum.as_secs_f64() * 1000.0)
    }

    /// Returns the current and the peak resident memory in MiB.
    pub(crate) fn memory(&self) -> io::Result<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
        };
        mib("VmRSS:")
            .zip(mib("VmHWM:"))
            .ok_or_else(|| error("the process has exited"))
    }

    /// Kills the process and waits until it has exited.
    pub(crate) async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }
}
