//! The program for arm64, run by an emulator: `make test-arm64`.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use lab::{CastAi, Pki};
use test_support::lab_cluster::CASTAI;

const PROGRAM_VARIABLE: &str = "ARM64_TEST_BINARY";
const EMULATOR: &str = "qemu-aarch64-static";

/// Returns the emulator with the program as its first argument.
fn program() -> Command {
    let path = env::var_os(PROGRAM_VARIABLE).map(PathBuf::from);
    let path = path.filter(|path| path.is_file());
    let path = path
        .unwrap_or_else(|| panic!("{PROGRAM_VARIABLE} is not a program; run `make test-arm64`"));
    let mut command = Command::new(EMULATOR);
    command.arg(path).env_clear();
    command
}

fn run(command: &mut Command) -> (Option<i32>, String) {
    let ran = command.output().expect("make test-arm64 installs QEMU");
    let text = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (ran.status.code(), text.concat())
}

#[test]
#[ignore = "needs the program for arm64: make test-arm64"]
fn arm64_program_names_its_architecture_and_explains_a_line() {
    let (code, text) = run(program().arg("--version"));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("aarch64") || text.contains("arm64"), "{text}");
    let line = "Get \"https://10.96.0.1:443/api\": net/http: TLS handshake timeout";
    let (code, text) = run(program().args(["explain", line]));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("tls_handshake_timeout"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the program for arm64: make test-arm64"]
async fn arm64_program_checks_castai_over_tls() {
    let public = Pki::new("Lab Public Root");
    let castai = CastAi::start(&public, lab::castai::Options::default()).unwrap();
    let dir = tempfile::TempDir::new().unwrap();
    let folder = dir.path();
    fs::write(folder.join("ca.pem"), public.ca_pem()).unwrap();
    fs::write(
        folder.join("hosts"),
        format!("{} {CASTAI}\n", castai.addr().ip()),
    )
    .unwrap();
    fs::write(folder.join("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
    let config = |key: &str| {
        fs::write(folder.join("key"), key).unwrap();
        let text = format!(
            "castai: {{ api_url: 'https://{CASTAI}:{}', cluster_id: {}, ca_file: ca.pem, key_file: key }}\n\
             dns: {{ hosts_file: hosts, resolv_conf: resolv.conf }}\n",
            castai.addr().port(),
            lab::CLUSTER_ID,
        );
        fs::write(folder.join("exporter.yaml"), text).unwrap();
    };
    let file = format!("--config.file={}", folder.join("exporter.yaml").display());
    let check = || run(program().args(["check", "castai_api", &file]));
    config(lab::API_KEY);
    let (code, text) = check();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("√ castai_api"), "{text}");
    config("another-key");
    let (code, text) = check();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("castai_token_invalid"), "{text}");
}
