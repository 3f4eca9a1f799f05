//! A process that is measured, and what the kernel says of it.

use std::process::Stdio;
use std::time::Duration;
use std::{fs, io};

use tokio::process::{Child, Command};

use super::failed;

/// A running process; dropped, it is killed.
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
            .ok_or_else(|| failed("the process ended at once"))?;
        Ok(Self { child, pid })
    }

    /// CPU time of all threads so far, in milliseconds.
    pub(crate) fn cpu(&self) -> io::Result<f64> {
        let mut sum = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let schedstat = fs::read_to_string(task?.path().join("schedstat"))?;
            let nanos = schedstat
                .split_whitespace()
                .next()
                .and_then(|nanos| nanos.parse().ok());
            sum += Duration::from_nanos(nanos.ok_or_else(|| failed("schedstat holds no number"))?);
        }
        Ok(sum.as_secs_f64() * 1000.0)
    }

    /// Resident memory in MiB, now and at its highest.
    pub(crate) fn memory(&self) -> io::Result<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
        };
        mib("VmRSS:")
            .zip(mib("VmHWM:"))
            .ok_or_else(|| failed("the process has no memory any more"))
    }

    /// Ends it, and returns when it is gone.
    pub(crate) async fn end(mut self) -> io::Result<()> {
        self.child.kill().await
    }
}
