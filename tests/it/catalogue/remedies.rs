//! Remedies: commands can be pasted as they are.

use castai_health_exporter::catalogue::situation::SITUATION_REMEDIES;
use castai_health_exporter::catalogue::{
    CheckId, ExporterAlert, FailureMode, Remedy, Step, remedy,
};
use lab::CastAiFault;
use test_support::lab_cluster;
use test_support::lab_cluster::{LabCluster, state_of};

use super::pairs;

fn all() -> Vec<Remedy> {
    let modes = FailureMode::ALL.iter().map(|mode| mode.remedy());
    let pairs = pairs().into_iter().map(|(check, mode)| remedy(check, mode));
    let situations = SITUATION_REMEDIES
        .iter()
        .map(castai_health_exporter::catalogue::situation::SituationRemedy::remedy);
    let alerts = ExporterAlert::ALL.iter().map(|alert| alert.remedy());
    modes.chain(pairs).chain(situations).chain(alerts).collect()
}

fn commands() -> Vec<String> {
    all()
        .iter()
        .flat_map(|remedy| remedy.commands().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn prose_names_programs_but_contains_no_commands() {
    const PROGRAMS: &[&str] = &[
        "aws", "az", "gcloud", "helm", "kubeadm", "kubectl", "openssl",
    ];
    for remedy in all() {
        for step in remedy.steps() {
            let Step::Prose(text) = step else { continue };
            for code in text.split('`').skip(1).step_by(2) {
                let words: Vec<&str> = code.split(' ').collect();
                let is_command = PROGRAMS.contains(&words[0]) && words.len() > 2;
                assert!(!is_command, "`{code}` belongs on a separate line: {remedy}");
            }
            assert!(!text.contains("$ "), "a command within prose: {remedy}");
        }
    }
}

#[test]
fn shell_variables_in_commands_are_guarded() {
    let mut guarded = 0;
    for command in commands() {
        for (at, _) in command.match_indices('$') {
            let after = &command[at + 1..];
            guarded += usize::from(after.starts_with('{'));
            let is_guarded = after.starts_with('{') && after.contains(":?");
            let is_own = after.starts_with('(') || after.starts_with("pod");
            assert!(is_guarded || is_own, "{command}");
        }
    }
    assert!(guarded > 0);
}

#[test]
fn every_placeholder_is_filled_in() {
    for remedy in all() {
        for part in remedy.as_str().split('{').skip(1) {
            let (name, _) = part.split_once('}').unwrap_or_default();
            let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.is_empty() || !name.chars().all(is_name), "{remedy}");
        }
    }
}

#[test]
fn quotes_in_commands_are_balanced() {
    for command in commands() {
        for quote in ['\'', '"'] {
            let count = command.matches(quote).count();
            assert!(count.is_multiple_of(2), "{command}");
        }
    }
}

#[tokio::test]
async fn remedy_names_the_api_host_of_the_installation() {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::CastaiApi]);
    world.configure();
    let foreign_ca = "cert-foreign-ca".parse::<CastAiFault>().unwrap();
    world.castai.set(foreign_ca).await;
    let check_states = world.run_checks().await;
    let found = lab_cluster::remedy(state_of(&check_states, CheckId::CastaiApi));
    assert!(found.as_str().contains("exempt `api.cast.lab`"), "{found}");
}
