//! The command: flags, the image registry, reports and exit codes.

use std::fs;
use std::process::Stdio;

use lab::{Fault, Pki, Registry, RegistryFault};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{Bed, refusal};
use crate::documented_output::assert_shown;

const PROVIDER: &[&str] = &["--provider", "eks"];

/// A cluster with a registry of images.
struct CommandBed {
    bed: Bed,
    registry: Registry,
}

/// The output of the program.
struct Output {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl CommandBed {
    fn start() -> Self {
        let bed = Bed::start();
        let pki = Pki::new("Registry Root");
        let registry = Registry::start(&pki).unwrap();
        bed.world.dns.add(lab::registry::NAME, registry.addr().ip());
        fs::write(bed.world.mounted("roots.pem"), pki.ca_pem()).unwrap();
        Self { bed, registry }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let world = &self.bed.world;
        let image = format!(
            "{}:{}/castai/agent:v1",
            lab::registry::NAME,
            self.registry.addr().port()
        );
        let manifest = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: castai-agent}}\n\
             spec: {{template: {{spec: {{containers: [{{name: agent, image: '{image}'}}]}}}}}}\n"
        );
        fs::write(world.mounted("manifest.yaml"), manifest).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_castai-health-exporter"));
        command
            .args(["check", "--preflight", "--config.file"])
            .arg(world.mounted("exporter.yaml"))
            .args(arguments)
            .env_clear()
            .envs(&world.env)
            .env("SSL_CERT_FILE", world.mounted("roots.pem"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        finish(&mut self.command(&[PROVIDER, arguments].concat())).await
    }

    /// Runs with the images of the lab.
    async fn run_with_manifest(&self, arguments: &[&str]) -> Output {
        let path = self
            .bed
            .world
            .mounted("manifest.yaml")
            .display()
            .to_string();
        self.run(&[&["--manifest", &path], arguments].concat())
            .await
    }
}

async fn finish(command: &mut Command) -> Output {
    let output = command.output().await.unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test]
async fn healthy_cluster_exits_0_also_when_strict() {
    let bed = CommandBed::start();
    let output = bed.run_with_manifest(&["--strict"]).await;
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    for line in [
        "√ dns: ",
        "√ castai_api: ",
        "√ ec2_api: ",
        "√ agent_workload: ",
        "√ image_pull: ",
    ] {
        assert!(output.stdout.contains(line), "{line} in {}", output.stdout);
    }
    assert!(output.stderr.is_empty(), "{}", output.stderr);
}

#[tokio::test]
async fn failure_exits_1_in_every_format() {
    let bed = CommandBed::start();
    bed.bed.world.ec2.set(lab::Ec2Fault::DeniedScp).await;
    let text = bed.run_with_manifest(&[]).await;
    assert_eq!(text.code, Some(1), "{}", text.stdout);
    assert!(
        text.stdout
            .ends_with("root cause: ec2_api (ec2_denied_scp)\n"),
        "{}",
        text.stdout
    );
    let json = bed.run_with_manifest(&["-o", "json"]).await;
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json.code, Some(1));
    assert_eq!(document["root_causes"][0]["mode"], "ec2_denied_scp");
    let checks = document["checks"].as_array().unwrap();
    let log = checks
        .iter()
        .find(|check| check["id"] == "agent_log")
        .unwrap();
    assert_eq!(log["status"], "skipped");
    let junit = bed.run_with_manifest(&["-o", "junit"]).await;
    assert_eq!(junit.code, Some(1));
    assert!(
        junit.stdout.contains(r#"<failure type="ec2_denied_scp""#),
        "{}",
        junit.stdout
    );
}

#[tokio::test]
async fn registry_that_nodes_may_not_reach_is_a_warning_with_its_cause() {
    let bed = CommandBed::start();
    let faults: [(RegistryFault, &str); 7] = [
        (Fault::Refused.into(), "image_refused"),
        (Fault::CertForeignCa.into(), "image_tls_untrusted"),
        (RegistryFault::Forbidden, "image_forbidden"),
        (RegistryFault::RateLimited, "image_rate_limited"),
        (RegistryFault::Unavailable, "image_registry_5xx"),
        (RegistryFault::BlockPage, "image_unknown"),
        (RegistryFault::Hostile, "image_unknown"),
    ];
    for (fault, mode) in faults {
        bed.registry.set(fault).await;
        let output = bed.run_with_manifest(&["image_pull"]).await;
        assert_eq!(output.code, Some(0), "{mode}: {}", output.stdout);
        let line = output
            .stdout
            .lines()
            .find(|line| line.starts_with("‼ image_pull: "));
        assert!(
            line.is_some_and(|line| line.contains(mode)),
            "{mode}: {}",
            output.stdout
        );
        assert!(!output.stdout.contains('\u{1b}'), "{}", output.stdout);
        let strict = bed
            .run_with_manifest(&["image_pull", "--strict", "-q"])
            .await;
        assert_eq!((strict.code, strict.stdout.as_str()), (Some(1), ""));
        bed.registry.heal().await;
    }
    bed.bed
        .world
        .dns
        .set_for(lab::registry::NAME, lab::DnsFault::Nxdomain);
    let output = bed.run_with_manifest(&["image_pull"]).await;
    assert!(output.stdout.contains("(image_dns)"), "{}", output.stdout);
}

#[tokio::test]
async fn key_is_read_from_a_file_or_standard_input_and_never_shown() {
    let bed = CommandBed::start();
    let key = "wrong-key-5f2c1d0e9b8a7766554433221100ffee";
    let path = bed.bed.world.mounted("key");
    fs::write(&path, format!("{key}\n")).unwrap();
    let file = path.display().to_string();
    let output = bed.run(&["castai_api", "--api-key-file", &file]).await;
    assert_eq!(output.code, Some(1), "{}{}", output.stdout, output.stderr);
    assert!(
        output.stdout.contains("(castai_token_invalid)"),
        "{}",
        output.stdout
    );
    assert!(!output.stdout.contains(key) && !output.stderr.contains(key));

    let right = [PROVIDER, &["castai_api", "--api-key-file", "-"]].concat();
    let mut child = bed.command(&right);
    child
        .env_remove("API_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(format!("{}\n", lab::API_KEY).as_bytes())
        .await
        .unwrap();
    drop(input);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[tokio::test]
async fn wrong_usage_exits_2_with_one_sentence() {
    let bed = CommandBed::start();
    let empty = bed.bed.world.mounted("empty");
    fs::write(&empty, "\n").unwrap();
    let empty = empty.display().to_string();
    let wrong: [(&[&str], &str); 7] = [
        (&[], "--provider"),
        (&["--provider", "ekz"], "ekz"),
        (
            &["--provider", "eks", "--api-key-file", "/nowhere"],
            "--api-key-file: /nowhere: ",
        ),
        (
            &["--provider", "eks", "--api-key-file", &empty],
            "it is empty",
        ),
        (
            &["--provider", "eks", "--manifest", &empty],
            "no Deployment",
        ),
        (
            &["--provider", "eks", "--role-arn", "castai"],
            "not the ARN of a role",
        ),
        (
            &["--provider", "gke", "ec2_api"],
            "cannot run check ec2_api: ",
        ),
    ];
    for (arguments, expected) in wrong {
        let output = finish(&mut bed.command(arguments)).await;
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(
            output.stderr.contains(expected),
            "{arguments:?}: {}",
            output.stderr
        );
    }
}

#[tokio::test]
async fn without_a_cluster_there_is_nothing_to_check() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_castai-health-exporter"));
    command
        .args(["check", "--preflight", "--provider", "gke"])
        .env_clear();
    let output = finish(&mut command).await;
    assert_eq!(output.code, Some(2), "{}", output.stdout);
    assert!(
        output.stderr.contains("set KUBECONFIG"),
        "{}",
        output.stderr
    );
}

#[tokio::test]
async fn documentation_shows_what_the_command_prints() {
    let bed = CommandBed::start();
    let world = &bed.bed.world;
    let message = "admission webhook \"registries.example.com\" denied the request: images must \
                   come from registry.example.com";
    world.api.set_refusals(&[refusal("pods", 400, message)]);
    world.ec2.set(lab::Ec2Fault::DeniedScp).await;
    let output = bed.run_with_manifest(&[]).await;
    assert_eq!(output.code, Some(1), "{}{}", output.stdout, output.stderr);
    let ip = |address: std::net::SocketAddr| address.ip().to_string();
    let registry = format!("{}:{}", lab::registry::NAME, bed.registry.addr().port());
    let names = [
        (world.api.addr().to_string(), "172.20.0.1:443"),
        (ip(world.api.addr()), "172.20.0.1"),
        (world.imds.addr().to_string(), "169.254.169.254:80"),
        (ip(world.castai.addr()), "203.0.113.10"),
        (ip(world.sts.addr()), "203.0.113.20"),
        (ip(world.ec2.addr()), "203.0.113.30"),
        (
            format!("api.cast.lab:{}", world.castai.addr().port()),
            "api.cast.ai:443",
        ),
        ("api.cast.lab".to_owned(), "api.cast.ai"),
        ("sts.lab".to_owned(), "sts.eu-central-1.amazonaws.com"),
        ("ec2.lab".to_owned(), "ec2.eu-central-1.amazonaws.com"),
        ("lab-node".to_owned(), "eks-node"),
        (registry, "us-docker.pkg.dev:443"),
        ("name \"lab\"".to_owned(), "name \"production\""),
        ("plane of lab ".to_owned(), "plane of production "),
    ];
    assert_shown(
        "docs/preflight.md",
        "ec2_denied_scp",
        &output.stdout,
        &names,
    );
}
