//! The tests of the alerts of failure modes: everything that can happen to one, each in a cluster of its own.

use std::time::Duration;

use castai_health_exporter::alerting::rules::failures::annotations;
use castai_health_exporter::alerting::rules::group::KEEP_FIRING_FOR;
use castai_health_exporter::alerting::settings::Settings;
use castai_health_exporter::alerting::visibility::Visibility;
use castai_health_exporter::catalogue::alert::{ALERTS, patience};
use castai_health_exporter::catalogue::{Alert, CheckId, FailureMode, Need, Scope, Severity};

use crate::promtool::simulated_exporter::{Says, Speaker};
use crate::promtool::test_case::{Expected, Firing, STEP, TestCase, Told, expanded};

/// When every fault begins.
const FAULT: Duration = Duration::from_mins(2);
const MINUTE: Duration = Duration::from_mins(1);

/// What happens in one cluster, and from when until when the alert fires there.
struct Story {
    cluster: String,
    mode: FailureMode,
    speakers: Vec<Speaker>,
    fires: Option<(Duration, Duration)>,
    severity: Severity,
    place: Visibility,
}

/// One test per alert; its clusters are the stories.
pub(super) fn test_cases(check: CheckId, settings: &Settings<'_>) -> Vec<TestCase> {
    ALERTS
        .iter()
        .filter(|alert| alert.check == check)
        .map(|alert| case(alert, settings))
        .collect()
}

fn case(alert: &'static Alert, settings: &Settings<'_>) -> TestCase {
    let stories = stories(alert);
    let firing = |story: &Story| {
        let label = |name, value: &str| (name, value.to_owned());
        let words = if alert.check.entry().scope == Scope::Cluster {
            ""
        } else {
            story.place.words()
        };
        Firing {
            labels: vec![
                label("cluster", &story.cluster),
                label("namespace", "castai-agent"),
                label("check", alert.check.label()),
                label("mode", story.mode.label()),
                label("severity", story.severity.label()),
            ],
            annotations: expanded(annotations(alert, story.mode, words, settings.runbook_base)),
        }
    };
    let fires_at = |at: Duration| {
        stories.iter().filter(move |story| {
            story
                .fires
                .is_some_and(|(from, until)| from <= at && at < until)
        })
    };
    let begin = |mode: &FailureMode| FAULT + patience(alert.check, *mode);
    let first = alert.modes.iter().map(begin).min().unwrap_or(FAULT);
    let all = alert.modes.iter().map(begin).max().unwrap_or(FAULT);
    let expected = [first.saturating_sub(STEP), all]
        .map(|at| Expected {
            at,
            alert: alert.name,
            firing: fires_at(at).map(firing).collect(),
        })
        .into();
    // Around the end of a story a moment is left out: the last sample and the evaluation need not coincide.
    let clear = |at: &Duration| {
        stories
            .iter()
            .filter_map(|story| story.fires)
            .all(|(_, until)| at.abs_diff(until) >= MINUTE)
    };
    let mut moments: Vec<Duration> = stories
        .iter()
        .filter_map(|story| story.fires)
        .flat_map(|(from, until)| {
            [
                from.saturating_sub(STEP),
                from,
                until.saturating_sub(MINUTE),
                until + MINUTE,
            ]
        })
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let told = moments
        .into_iter()
        .filter(clear)
        .filter(|at| *at < length(alert))
        .map(|at| Told {
            at,
            alert: alert.name,
            clusters: fires_at(at).map(|story| story.cluster.clone()).collect(),
        })
        .collect();
    TestCase {
        name: format!(
            "{}: each cluster has a story, and its name says which",
            alert.name
        ),
        series: stories
            .iter()
            .flat_map(|story| {
                story
                    .speakers
                    .iter()
                    .map(move |speaker| (speaker, story.mode))
            })
            .flat_map(|(speaker, mode)| speaker.series(alert.check, mode))
            .collect(),
        expected,
        told,
    }
}

/// How long everybody fails who does: long enough for every mode to be told.
fn long(alert: &Alert) -> Duration {
    let longest = alert
        .modes
        .iter()
        .map(|mode| patience(alert.check, *mode))
        .max();
    longest.unwrap_or_default() + 5 * MINUTE
}

/// How long the whole test lasts.
fn length(alert: &Alert) -> Duration {
    FAULT + 2 * long(alert) + 4 * KEEP_FIRING_FOR
}

/// One story for each mode, and for the first mode everything else that can happen.
fn stories(alert: &'static Alert) -> Vec<Story> {
    let mode = alert.modes[0];
    let (long, length) = (long(alert), length(alert));
    let begins = FAULT + patience(alert.check, mode);
    let ill = vec![(FAULT, Says::Ok), (long, Says::Failing), (length, Says::Ok)];
    let well = vec![(length, Says::Ok)];
    let ends = FAULT + long + KEEP_FIRING_FOR;
    let story =
        |cluster: &str, speakers: Vec<Speaker>, fires: Option<(Duration, Duration)>| Story {
            cluster: cluster.to_owned(),
            mode,
            speakers: speakers
                .into_iter()
                .map(|speaker| Speaker {
                    cluster: cluster.to_owned(),
                    ..speaker
                })
                .collect(),
            fires,
            severity: Severity::Critical,
            place: Visibility::Pod,
        };
    let sidecar = |says: &[(Duration, Says)]| Speaker::sidecar(says);
    let mut stories: Vec<Story> = alert
        .modes
        .iter()
        .map(|mode| Story {
            mode: *mode,
            ..story(
                &format!("mode-{mode}"),
                vec![sidecar(&ill)],
                Some((FAULT + patience(alert.check, *mode), ends)),
            )
        })
        .collect();

    let flapping: Vec<_> = (0..length.as_secs() / STEP.as_secs())
        .map(|i| (STEP, if i % 2 == 0 { Says::Ok } else { Says::Failing }))
        .collect();
    let not_applicable = [
        (FAULT, Says::Ok),
        (long, Says::Failing),
        (length, Says::NotApplicable),
    ];
    let unknown = [
        (FAULT, Says::Ok),
        (long, Says::Failing),
        (length, Says::UnknownSince),
    ];
    let (away, dumb) = (3 * MINUTE, KEEP_FIRING_FOR);
    let restart = [
        (FAULT, Says::Ok),
        (long, Says::Failing),
        (away, Says::Nothing),
        (dumb, Says::Unknown),
        (long, Says::Failing),
        (length, Says::Ok),
    ];
    let gone = [
        (FAULT, Says::Ok),
        (long, Says::Failing),
        (length, Says::Nothing),
    ];
    stories.extend([
        story("healthy", vec![sidecar(&well)], None),
        story("flapping", vec![sidecar(&flapping)], None),
        story(
            "not-applicable-later",
            vec![sidecar(&not_applicable)],
            Some((begins, ends)),
        ),
        story(
            "unknown-later",
            vec![sidecar(&unknown)],
            Some((begins, length)),
        ),
        story(
            "exporter-restarts",
            vec![sidecar(&restart)],
            Some((begins, ends + away + dumb + long)),
        ),
        story(
            "exporter-vanishes",
            vec![sidecar(&gone)],
            Some((begins, ends + 3 * KEEP_FIRING_FOR)),
        ),
        story(
            "pod-replaced",
            pod_replaced(long, length, begins.saturating_sub(MINUTE)),
            Some((begins, ends + MINUTE / 2)),
        ),
    ]);

    let needed = |cluster: &str, need: Need, says: Says, severity: Severity| {
        let says = [(FAULT, Says::Ok), (long, says), (length, Says::Ok)];
        let speaker = Speaker {
            need,
            ..sidecar(&says)
        };
        Story {
            severity,
            ..story(cluster, vec![speaker], Some((begins, ends)))
        }
    };
    stories.extend([
        needed(
            "needed-for-a-feature",
            Need::Feature,
            Says::Failing,
            Severity::Warning,
        ),
        needed("not-needed", Need::None, Says::Failing, Severity::Info),
        needed("survived", Need::Start, Says::Warning, Severity::Warning),
    ]);
    if alert.check.entry().scope == Scope::Pod {
        let spare = Speaker {
            instance: "10.0.0.3:9878",
            ..sidecar(&well)
        };
        let placed = |cluster: &str, speakers: Vec<Speaker>, place: Visibility| {
            let severity = if place.survived() {
                Severity::Warning
            } else {
                Severity::Critical
            };
            Story {
                severity,
                place,
                ..story(cluster, speakers, Some((begins, ends)))
            }
        };
        let companion = |says: &[(Duration, Says)]| Speaker::companion(says);
        stories.extend([
            placed(
                "only-the-pod",
                vec![sidecar(&ill), companion(&well)],
                Visibility::PodOnly,
            ),
            placed(
                "everywhere",
                vec![sidecar(&ill), companion(&ill)],
                Visibility::Everywhere,
            ),
            placed(
                "only-the-companion",
                vec![sidecar(&well), companion(&ill)],
                Visibility::BesideOnly,
            ),
            placed(
                "a-companion-alone",
                vec![companion(&ill)],
                Visibility::Beside,
            ),
            placed(
                "one-of-two-pods",
                vec![sidecar(&ill), spare],
                Visibility::SomePods,
            ),
        ]);
    }
    stories
}

/// The old pod fails until this moment, and then a new one fails.
fn pod_replaced(long: Duration, length: Duration, at: Duration) -> Vec<Speaker> {
    let old = [
        (FAULT, Says::Ok),
        (at.saturating_sub(FAULT), Says::Failing),
        (length, Says::Nothing),
    ];
    let new = [
        (at, Says::Nothing),
        (STEP, Says::Unknown),
        ((FAULT + long).saturating_sub(at), Says::Failing),
        (length, Says::Ok),
    ];
    vec![
        Speaker::sidecar(&old),
        Speaker {
            instance: "10.0.0.9:9878",
            ..Speaker::sidecar(&new)
        },
    ]
}
