//! Tests of foreign text on the status page: it is escaped, cannot run, and stays bounded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use castai_health_exporter::catalogue::{CheckId, FailureMode, Need, Phase, Status};
use castai_health_exporter::exporter::{Exporter, Skipped};
use castai_health_exporter::history::{History, MAX_CHANGES};
use castai_health_exporter::pages::{content_security_policy, status_page};
use castai_health_exporter::report::{Finding, PhaseOutcome, Report, Verdict};
use castai_health_exporter::state::VerdictChange;
use sha2::{Digest, Sha256};
use test_support::fixture;

use super::{between, page, page_of, with_verdicts};

#[test]
fn hostile_evidence_and_names_are_escaped() {
    let attack = "<script>alert('x')</script><img src=x onerror=y> \"quoted\" `<b>code` & </style>";
    let finding = Finding::new(FailureMode::NetRefused, attack);
    let targets = vec![fixture::target(attack, Err(finding.clone()), Vec::new())];
    let health = with_verdicts(vec![
        (CheckId::Dns, Need::Start, Verdict::Ok(attack.into())),
        (
            CheckId::Clock,
            Need::Start,
            Verdict::NotApplicable(attack.into()),
        ),
        (CheckId::Imds, Need::Start, Verdict::Unknown(attack.into())),
        (CheckId::CastaiApi, Need::Start, Verdict::Unknown("".into())),
    ]);
    let report = Report {
        targets,
        ..Report::from_verdict(Verdict::failing(finding))
    };
    fixture::post(&health, CheckId::CastaiApi, report);
    let exporter = Exporter {
        cluster: Some(attack.to_owned()),
        environment_problems: vec![attack.to_owned()],
        skipped: vec![Skipped {
            check: CheckId::Components,
            why: attack.to_owned(),
        }],
        ..fixture::exporter()
    };
    let page = page_of(&health.check_states(), &exporter);
    assert_eq!(page.matches("<script").count(), 1, "only our own script");
    assert_eq!(page.matches("</style").count(), 1, "only our own style");
    for tag in ["<img", "<b>", "onerror=y>"] {
        assert!(!page.contains(tag), "{tag}");
    }
    assert!(
        page.matches("&lt;script&gt;alert(").count() > 6,
        "the text itself is shown"
    );
}

#[test]
fn style_and_script_match_the_content_security_policy() {
    let page = page(&fixture::eventful());
    let policy = content_security_policy();
    for (kind, tag) in [("style-src", "style"), ("script-src", "script")] {
        let text = between(&page, &format!("<{tag}>"), &format!("</{tag}>"));
        let hash = hash_of(text);
        assert!(
            policy.contains(&format!("{kind} 'sha256-{hash}'")),
            "{policy}"
        );
        assert_eq!(page.matches(&format!("<{tag}")).count(), 1);
    }
    assert!(policy.starts_with("default-src 'none'; "));
    for weak in ["unsafe", "*", "http:", "https:"] {
        assert!(!policy.contains(weak), "{policy}");
    }
    for inline in [" style=\"", " onclick", "javascript:"] {
        assert!(!page.contains(inline), "{inline} would be blocked");
    }
}

fn hash_of(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}

#[test]
fn page_names_no_other_server() {
    let page = page(&fixture::eventful());
    for attribute in ["src=\"", "href=\"", "action=\"", "url("] {
        for link in page.split(attribute).skip(1) {
            let link = link.split(['"', ')']).next().unwrap_or_default();
            let is_own = !link.contains("//") || link.starts_with("data:image/svg+xml,");
            assert!(is_own, "{attribute}{link}");
        }
    }
}

#[test]
fn page_stays_small_with_the_largest_evidence_and_history() {
    let long = "<&\"'>`".repeat(2000);
    let finding = || Finding::new(FailureMode::NetRefused, long.as_str());
    let phases = vec![fixture::phase(Phase::Connect, 1, PhaseOutcome::Done); 20];
    let health = fixture::blank();
    let history = History::new(fixture::at(0));
    for check in CheckId::ALL {
        let targets = (0..10).map(|i| {
            fixture::target(
                &format!("{i}.example.org:443"),
                Err(finding()),
                phases.clone(),
            )
        });
        let report = Report {
            targets: targets.collect(),
            ..Report::from_verdict(Verdict::failing(finding()))
        };
        fixture::post(&health, *check, report);
    }
    let states = health.check_states();
    for i in 0..MAX_CHANGES as u64 {
        for state in &states {
            let verdict = if i % 2 == 0 {
                Verdict::Ok("fine".into())
            } else {
                Verdict::failing(finding())
            };
            let report = Report {
                at: fixture::at(i * 300),
                ..Report::from_verdict(verdict)
            };
            history.record(&VerdictChange {
                check: state.check,
                before: Some(Status::Ok),
                report: report.into(),
                stable_modes: Vec::new(),
            });
        }
    }
    let now = fixture::at(86_400);
    let page = status_page::html(
        &states,
        &fixture::exporter(),
        &history.snapshot(now),
        None,
        now,
    );
    assert!(page.len() < 2 * 1024 * 1024, "{} bytes", page.len());
    let ordinary = super::page(&fixture::eventful());
    assert!(ordinary.len() < 64 * 1024, "{} bytes", ordinary.len());
}
