//! `--config.check`: validates the configuration and the files that it names.

use std::fs;

use crate::cli::{program, run};

#[test]
fn config_check_opens_referenced_files() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("config.yaml");
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        let mut command = program(&[
            "--config.check",
            "--config.file",
            file.to_str().expect("UTF-8"),
        ]);
        run(command
            .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            .env("KUBERNETES_SERVICE_PORT", "443"))
    };
    let wrong = check(
        "dns:\n  resolv_conf: nowhere\n  hosts_file: nowhere\napiserver:\n  service_account_dir: .\n",
    );
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    for named in [
        "dns.resolv_conf: ",
        "dns.hosts_file: ",
        "apiserver.service_account_dir: ",
    ] {
        assert!(wrong.stderr.contains(named), "{named} in {}", wrong.stderr);
    }
    for name in ["nowhere", "token", "ca.crt"] {
        fs::write(dir.path().join(name), "here").unwrap();
    }
    let right = check("dns:\n  resolv_conf: nowhere\napiserver:\n  service_account_dir: .\n");
    assert_eq!(right.code, Some(0), "{}", right.stderr);
}

#[test]
fn invalid_configuration_exits_2_and_lists_every_problem() {
    let commands: [&[&str]; 4] = [&["--config.check"], &["run"], &["check"], &[]];
    for command in commands {
        let output = run(program(command).args(["--log.level=loud", "--scope=moon"]));
        assert_eq!(
            output.code,
            Some(2),
            "{command:?}: {}{}",
            output.stdout,
            output.stderr
        );
        assert!(
            output.stderr.contains("--log.level") && output.stderr.contains("--scope"),
            "{command:?}: {}",
            output.stderr
        );
    }
    assert_eq!(run(&mut program(&["--config.check"])).code, Some(0));
}
