//! Usage: help, version, completion and man pages.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;

use serde_json::Value;

use crate::cli::{piped, program, run};

#[test]
fn wrong_usage_exits_2() {
    let wrong: [&[&str]; 8] = [
        &["check", "nonsense"],
        &["--nonsense"],
        &["explain", "nonsense"],
        &["explain"],
        &["check", "--wait", "5"],
        &["sit"],
        &["man", "sit"],
        &["completion", "tcsh"],
    ];
    for args in wrong {
        let output = run(&mut program(args));
        assert_eq!(
            output.code,
            Some(2),
            "{args:?}: {}{}",
            output.stdout,
            output.stderr
        );
        assert!(
            output.stdout.is_empty() && output.stderr.starts_with("error: "),
            "{args:?}: {}{}",
            output.stdout,
            output.stderr
        );
    }
}

#[test]
fn help_and_version_are_written_to_stdout() {
    for args in [["--help"], ["--version"]] {
        let output = run(&mut program(&args));
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
        assert!(
            output.stdout.contains("castai-health-exporter"),
            "{}",
            output.stdout
        );
    }
}

#[test]
fn version_is_printed_as_text_and_json() {
    let text = run(&mut program(&["version"]));
    assert_eq!(text.stdout, run(&mut program(&["--version"])).stdout);
    let json = run(&mut program(&["version", "-o", "json"]));
    let json: Value = serde_json::from_str(&json.stdout).expect("output is JSON");
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    let platform = json["platform"].as_str().unwrap();
    let (_, architecture) = platform.split_once('/').expect("system and architecture");
    assert_eq!(architecture, image_architecture());
    assert!(text.stdout.contains(platform), "{}", text.stdout);
}

/// Returns the architecture of this machine in the words of container images.
fn image_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[test]
fn help_of_a_command_shows_only_its_flags() {
    let serving = ["--web.listen-address", "--config.check"];
    let cluster = ["--kubeconfig", "--agent.namespace", "--log.level"];
    for (command, shown, hidden) in [
        ("run", [&serving[..], &cluster].concat(), vec![]),
        ("check", cluster.to_vec(), serving.to_vec()),
        (
            "explain",
            vec!["--output"],
            [&serving[..], &cluster].concat(),
        ),
        (
            "catalogue",
            vec!["--output"],
            [&serving[..], &cluster].concat(),
        ),
        (
            "generate",
            vec!["--runbook.base-url"],
            [&serving[..], &cluster].concat(),
        ),
    ] {
        let help = run(&mut program(&[command, "--help"])).stdout;
        for flag in shown {
            assert!(help.contains(flag), "{command} lacks {flag}: {help}");
        }
        for flag in hidden {
            assert!(!help.contains(flag), "{command} has {flag}: {help}");
        }
    }
}

#[test]
fn flags_before_a_command_are_refused() {
    let output = run(&mut program(&["--log.level=info", "check"]));
    assert!(
        output.code == Some(2) && output.stderr.contains("--log.level"),
        "{}",
        output.stderr
    );
}

#[test]
fn completion_scripts_know_commands_and_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&mut program(&["completion", shell]));
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        for word in ["explain", "strict"] {
            assert!(output.stdout.contains(word), "{shell} lacks {word}");
        }
    }
}

/// Completes the last word as bash does when Tab is pressed.
fn completed(words: &[&str]) -> String {
    let script = run(&mut program(&["completion", "bash"])).stdout;
    let [.., before, last] = words else {
        panic!("a word to complete, and one before it")
    };
    let complete = format!(
        "COMP_WORDS=({}); COMP_CWORD={}; \
         _castai__health__exporter castai-health-exporter '{last}' '{before}'; \
         echo \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words.len() - 1
    );
    let output = Command::new("bash")
        .args(["-c", &format!("{script}\n{complete}")])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let name = "castai-health-exporter";
    for (words, completion) in [
        (&[name, "expla"][..], "explain"),
        (&[name, "check", "--stri"], "--strict"),
        (&[name, "check", "--output", "sho"], "short"),
        (&[name, "completion", "zs"], "zsh"),
    ] {
        assert_eq!(completed(words), completion, "{words:?}");
    }
}

#[test]
fn man_pages_exist_for_the_program_and_each_command() {
    let page = run(&mut program(&["man"])).stdout;
    assert!(page.contains(".TH castai-health-exporter 1"), "{page}");
    let help = run(&mut program(&["--help"])).stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands: BTreeMap<&str, &str> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.trim().split_once(' '))
        .filter(|(name, _)| *name != "help")
        .collect();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands.keys() {
        let page = run(&mut program(&["man", command])).stdout;
        let title = format!(".TH castai-health-exporter-{command} 1");
        let heading = page.lines().find(|line| line.starts_with(&title));
        let heading = heading.unwrap_or_else(|| panic!("{title} in {page}"));
        assert!(heading.contains(env!("CARGO_PKG_VERSION")), "{heading}");
    }
}

#[test]
fn closed_pipe_is_not_an_error() {
    for args in [&["catalogue", "-o", "json"][..], &["explain", "-"][..]] {
        let mut child = piped(args);
        drop(child.stdout.take());
        let mut input = child.stdin.take().expect("the stream is piped");
        let lines = "x509: certificate signed by unknown authority\n".repeat(10_000);
        let _ = input.write_all(lines.as_bytes());
        drop(input);
        let output = child.wait_with_output().expect("the binary exits");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(
            output.stderr.is_empty(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
