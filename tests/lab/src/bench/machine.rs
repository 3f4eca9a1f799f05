//! Description of the machine.

use std::{fs, io};

pub(crate) fn description() -> io::Result<String> {
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown", |(_, name)| name.trim());
    Ok(format!(
        "{cores} cores of {model}, Linux {}, load average {}",
        kernel.trim(),
        load()?
    ))
}

/// Returns the load average of the last minute.
pub(crate) fn load() -> io::Result<String> {
    let load = fs::read_to_string("/proc/loadavg")?;
    Ok(load
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned())
}
