//! Tests of web configuration files that the exporter-toolkit accepts or rejects.

use std::process::Command;
use std::time::Duration;

use castai_health_exporter::server;
use test_support::exporter::program;

use super::certificates::Authority;
use super::{RunningServer, fixed_handlers, with_file};

#[tokio::test]
async fn incomplete_tls_section_never_serves_plain_http() {
    let signed = Authority::new().sign("exporter.example");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tls.crt"), &signed.certificate).unwrap();
    std::fs::write(folder.path().join("tls.key"), &signed.key).unwrap();
    std::fs::write(folder.path().join("empty"), "").unwrap();
    for section in [
        "cert_file: ''",
        "key_file: ''",
        "cert: ''",
        "key: ''",
        "cert_file: '', key_file: ''",
        "cert: '', key: ''",
        "cert_file: tls.crt",
        "key_file: tls.key",
        "cert_file: tls.crt, key_file: ''",
        "cert_file: '', key_file: tls.key",
        "cert_file: tls.crt, key: ''",
        "cert: '', key_file: tls.key",
        "cert_file: empty, key_file: tls.key",
        "cert_file: tls.crt, key_file: empty",
        "cert_file: tls.crt, key_file: missing",
        "cert_file: tls.crt, cert: x, key_file: tls.key",
        "cert_file: ., key_file: tls.key",
        "cert_file: tls.key, key_file: tls.crt",
        "cert_file: ~, key_file: ~",
        "min_version: TLS13",
        "client_auth_type: NoClientCert",
    ] {
        let path = folder.path().join("web.yaml");
        std::fs::write(&path, format!("tls_server_config: {{{section}}}\n")).unwrap();
        let error = server::bind(&with_file(path.clone()))
            .expect_err(section)
            .to_string();
        assert!(error.contains("tls_server_config"), "{section}: {error}");
        let checked = Command::new(program())
            .args(["--config.check", "--web.config.file"])
            .arg(&path)
            .env_clear()
            .output()
            .unwrap();
        assert_eq!(checked.status.code(), Some(2), "{section}");
    }
}

#[tokio::test]
async fn settings_of_the_exporter_toolkit_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let hash = format!("$2y$18${}", ".".repeat(53));
    let file = format!(
        "http_server_config:\n  headers:\n    X-XSS-Protection: 0\n\
         basic_auth_users:\n  alice: {hash}\nrate_limit:\n  interval: 0s\n  burst: 1\n"
    );
    let path = folder.path().join("web.yaml");
    std::fs::write(&path, file).unwrap();
    let server = RunningServer::start(&with_file(path), fixed_handlers());
    let reply = server.get("/metrics").await;
    assert_eq!((reply.status, reply.header("x-xss-protection")), (401, "0"));
}

#[tokio::test]
async fn requests_above_rate_limit_get_429() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yaml");
    std::fs::write(&path, "rate_limit:\n  interval: 1h\n  burst: 2\n").unwrap();
    let server = RunningServer::start(&with_file(path), fixed_handlers());
    assert_eq!(server.get("/metrics").await.status, 200);
    assert_eq!(server.get("/metrics").await.status, 200);
    let reply = server.get("/metrics").await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after").len(), 4);
}

#[tokio::test]
async fn only_regular_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let web = folder.path().join("web.yaml");
    std::fs::write(
        &web,
        "tls_server_config: {cert_file: fifo, key_file: fifo}\n",
    )
    .unwrap();
    for arguments in [
        ["--config.file", fifo.to_str().unwrap()],
        ["--config.file", "/dev/zero"],
        ["--web.config.file", fifo.to_str().unwrap()],
        ["--web.config.file", web.to_str().unwrap()],
    ] {
        let checked = tokio::process::Command::new(program())
            .arg("--config.check")
            .args(arguments)
            .env_clear()
            .kill_on_drop(true)
            .output();
        let checked = tokio::time::timeout(Duration::from_secs(10), checked)
            .await
            .unwrap_or_else(|_| panic!("{arguments:?} blocks"))
            .unwrap();
        let shown = String::from_utf8_lossy(&checked.stderr).into_owned()
            + &String::from_utf8_lossy(&checked.stdout);
        assert_eq!(checked.status.code(), Some(2), "{arguments:?}: {shown}");
        assert!(
            shown.contains("not a regular file"),
            "{arguments:?}: {shown}"
        );
    }
}

#[test]
fn seventy_thousand_unknown_keys_give_a_bounded_list_of_errors() {
    use std::fmt::Write;

    use castai_health_exporter::config::WebConfig;

    let mut file = String::new();
    for key in 0..70_000 {
        writeln!(file, "key{key}: 1").unwrap();
    }
    let errors = WebConfig::parse("web.yaml", &file, std::path::Path::new("")).unwrap_err();
    assert_eq!(errors.0.len(), 101);
    let last = errors.0.last().unwrap().to_string();
    assert!(
        last.contains("69900 further errors are not listed"),
        "{last}"
    );
}
