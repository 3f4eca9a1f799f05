//! Keeps the exporter for the demo, and ends it when the demo is gone, however it went.
//!
//! The demo holds the other end of this process's stdin.
//! When the demo dies, even by SIGKILL, the kernel closes that end, and the keeper kills the exporter and leaves.

use std::ffi::OsString;
use std::io;
use std::process::{ExitCode, Stdio};

use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// How the demo calls this.
pub(crate) const WORD: &str = "keep-until-eof";

/// Runs a command until it ends or stdin does.
pub(crate) async fn keep(command: &[OsString]) -> io::Result<ExitCode> {
    let (mut interrupt, mut terminate, mut hangup) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    );
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;

    let (gone, demo_gone) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        // Nothing is ever written there; it only ends.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        drop(gone);
    });
    tokio::select! {
        status = child.wait() => {
            let code = status?.code().and_then(|code| u8::try_from(code).ok());
            return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
        }
        _ = demo_gone => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    child.kill().await?;
    Ok(ExitCode::SUCCESS)
}
