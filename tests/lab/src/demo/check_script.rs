//! A script that runs `check` with the environment of the exporter in the demo, for another terminal.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use tokio::process::Command;

use super::exporter::environment;
use super::test_bed::TestBed;

/// Returns the path of the script.
pub(crate) fn path(test_bed: &TestBed) -> PathBuf {
    test_bed.directory().join("check")
}

/// Writes the script.
pub(crate) fn write(program: &Path, config_file: &Path, test_bed: &TestBed) -> io::Result<()> {
    let mut script = "#!/bin/sh\nexec env -i".to_owned();
    for (name, value) in environment(test_bed) {
        write!(script, " {name}={}", quoted(&value)).expect("writing to a String never fails");
    }
    let program = std::path::absolute(program)?;
    writeln!(
        script,
        " {} check --config.file {} \"$@\"",
        quoted(&program.display().to_string()),
        quoted(&config_file.display().to_string())
    )
    .expect("writing to a String never fails");
    let path = path(test_bed);
    fs::write(&path, script)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
}

/// Runs the script and returns what it prints.
pub(crate) async fn run(arguments: &[&str], test_bed: &TestBed) -> Result<String, String> {
    let output = Command::new(path(test_bed)).args(arguments).output().await;
    let output = output.map_err(|error| format!("the check script does not start: {error}"))?;
    let text = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&text).trim_end().to_owned())
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn script_passes_environment_and_arguments() {
        let test_bed = TestBed::start().unwrap();
        let program = test_bed.directory().join("it's a program");
        fs::write(&program, "#!/bin/sh\nprintf '%s\\n' \"$API_KEY\" \"$@\"\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        write(&program, Path::new("file.yaml"), &test_bed).unwrap();
        assert_eq!(
            run(&["-o", "short"], &test_bed).await.unwrap(),
            format!(
                "{}\ncheck\n--config.file\nfile.yaml\n-o\nshort",
                lab::API_KEY
            )
        );
    }
}
