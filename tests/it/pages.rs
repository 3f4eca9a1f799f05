//! Tests of the HTML pages: what they say and where. `tests/real/status_page.rs` opens them in a
//! browser.

mod headline;
mod runbook;
mod sidecars;
mod untrusted_text;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Need};
use castai_health_exporter::exporter::{Exporter, Reload};
use castai_health_exporter::history::History;
use castai_health_exporter::pages::status_page;
use castai_health_exporter::report::{Finding, Report, Verdict};
use castai_health_exporter::state::{CheckSpec, CheckState, HealthState, VerdictChange};
use test_support::fixture;
use test_support::lab_cluster::LabCluster;

/// Renders the page ten minutes after the fixtures' last report, with a history since the start.
fn page_of(check_states: &[CheckState], exporter: &Exporter) -> String {
    let history = History::new(fixture::at(0));
    history.replace_checks(check_states, fixture::at(30));
    let now = fixture::at(30 + 14 * 60);
    status_page::html(check_states, exporter, &history.snapshot(now), None, now)
}

fn page(health: &HealthState) -> String {
    page_of(&health.check_states(), &fixture::exporter())
}

/// Returns a state in which these checks have these verdicts.
fn with_verdicts(verdicts: Vec<(CheckId, Need, Verdict)>) -> HealthState {
    let spec = |(check, need, _): &(CheckId, Need, Verdict)| CheckSpec {
        check: *check,
        need: *need,
        interval: check.entry().interval,
        subject: 0,
    };
    let health = HealthState::new(&verdicts.iter().map(spec).collect::<Vec<_>>());
    for (check, _, verdict) in verdicts {
        let report = Report {
            at: fixture::at(30),
            ..Report::from_verdict(verdict)
        };
        fixture::post(&health, check, report);
    }
    health
}

/// Returns the text between two marks.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = page
        .split_once(from)
        .unwrap_or_else(|| panic!("no {from} in\n{page}"));
    rest.split_once(to).map_or(rest, |(text, _)| text)
}

fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    text
}

fn headline(page: &str) -> String {
    let (_, text) = between(page, "<h1 id=\"headline\"", "</h1>")
        .split_once('>')
        .expect("the tag ends");
    without_tags(text)
}

fn denied(need: Need) -> HealthState {
    let evidence = "EC2: UnauthorizedOperation with an explicit deny in a service control policy";
    let finding = Finding::new(FailureMode::Ec2DeniedScp, evidence);
    let line = Finding::new(FailureMode::Ec2DeniedScp, "agent: UnauthorizedOperation");
    with_verdicts(vec![
        (CheckId::Dns, Need::Start, Verdict::Ok("3 names".into())),
        (CheckId::Ec2Api, need, Verdict::failing(finding)),
        (CheckId::AgentLog, need, Verdict::failing(line)),
    ])
}

#[test]
fn first_screen_has_the_cluster_and_the_first_step_of_the_fix() {
    let page = page(&fixture::dns_outage());
    let top = between(&page, "<section class=\"headline", "</section>");
    for part in [
        "Cluster <strong>lab</strong>",
        "<strong>Fix: </strong>Check that the DNS pods are running.",
        "<a href=\"#root-dns-net-dns-timeout\">Show all steps</a>",
    ] {
        assert!(top.contains(part), "no {part} in\n{top}");
    }
    assert!(page.contains("id=\"root-dns-net-dns-timeout\""));
    let unneeded = self::page(&denied(Need::None));
    assert!(!unneeded.contains("Fix: "), "the agent can work");
}

#[test]
fn root_cause_has_a_card_with_evidence_fix_runbook_and_consequences() {
    let page = page(&fixture::dns_outage());
    let card = between(&page, "<article", "</article>");
    assert_eq!(page.matches("<article").count(), 1, "one root, one card");
    for part in [
        "Critical: the agent cannot work",
        "for <time datetime=\"2025-01-01T00:00:30Z\" title=\"2025-01-01 00:00:30 UTC\">14 minutes</time>",
        "api.cast.ai: 10.0.0.10:53 did not answer within 5 s",
        "<h4>Fix</h4>",
        "<pre tabindex=\"0\"><code>kubectl -n kube-system get pods -l k8s-app=kube-dns",
        "href=\"runbooks/CastaiDnsFailing#dns-net-dns-timeout\"",
        "Also affects <a href=\"#check-castai_api\">castai_api</a>, <a href=\"#check-cluster_status\">\
         cluster_status</a>, <a href=\"#check-agent_log\">agent_log</a>",
    ] {
        assert!(card.contains(part), "no {part} in\n{card}");
    }
    let follows = between(&page, "id=\"check-castai_api\"", "</summary>");
    assert!(follows.contains("caused by <code>dns</code>"), "{follows}");
}

#[test]
fn commands_of_every_remedy_stand_on_their_own() {
    for mode in FailureMode::ALL {
        for check in mode.entry().checks {
            let finding = Finding::new(*mode, "evidence");
            let remedy = finding.remedy(*check);
            let of = (*check, Need::Start, Verdict::failing(finding));
            let page = page(&with_verdicts(vec![of]));
            let fix = between(&page, "<h4>Fix</h4>", "</article>");
            for command in remedy.commands() {
                let escaped = command
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;")
                    .replace('"', "&quot;");
                let block = format!("<pre tabindex=\"0\"><code>{escaped}</code></pre>");
                assert!(
                    fix.contains(&block),
                    "{check}, {mode}: no {command} in\n{fix}"
                );
            }
            assert!(!without_tags(fix).contains('`'), "{check}, {mode}: {fix}");
        }
    }
}

#[test]
fn checks_are_listed_by_group_with_status_times_and_latency() {
    let health = fixture::eventful();
    health.plan_next_attempt(CheckId::Apiserver, fixture::at(30 + 14 * 60 + 8));
    let page = page(&health);
    let order: Vec<_> = ["Network", "Kubernetes", "CAST AI"]
        .map(|group| page.find(&format!("\">{group}</h3>")).expect(group))
        .into();
    assert!(order.is_sorted());
    assert!(!page.contains(">Azure</h3>"), "no check of that group runs");
    let apiserver = between(&page, "id=\"check-apiserver\"", "</summary>");
    for part in ["failing", ">14 min ago<", ">in 8 s<", "15 s"] {
        assert!(apiserver.contains(part), "no {part} in\n{apiserver}");
    }
    let clock = between(&page, "id=\"check-clock\"", "</summary>");
    assert!(
        clock.contains("not yet") && clock.contains("now"),
        "{clock}"
    );
}

#[test]
fn details_show_each_target_against_the_limits_of_the_agent() {
    let page = page(&fixture::eventful());
    let details = between(&page, "id=\"check-apiserver\"", "</details>");
    let rows: Vec<String> = details
        .split("<tr>")
        .map(|row| without_tags(row.split("</tr>").next().unwrap_or_default()))
        .collect();
    for row in ["connect4 ms10 s", "tls15 s timed out10 s", "total15 s"] {
        assert!(
            rows.iter().any(|shown| shown == row),
            "no {row} in {rows:#?}"
        );
    }
    assert!(details.contains("used by the agent") && details.contains("not used by the agent now"));
    assert!(details.contains("Its certificate is valid until 2027-01-15 08:00:00 UTC."));
}

#[test]
fn changes_are_listed_newest_first_and_begin_with_the_history() {
    let health = fixture::eventful();
    let history = History::new(fixture::at(0));
    history.replace_checks(&fixture::blank().check_states(), fixture::at(0));
    let report = health.check_states()[1].latest.clone().expect("a report");
    history.record(&VerdictChange {
        check: CheckId::Apiserver,
        before: None,
        report,
        stable_modes: Vec::new(),
    });
    let now = fixture::at(90);
    let page = status_page::html(
        &health.check_states(),
        &fixture::exporter(),
        &history.snapshot(now),
        None,
        now,
    );
    assert!(page.contains("the history begins <time datetime=\"2025-01-01T00:00:00Z\""));
    let details = between(&page, "id=\"check-apiserver\"", "</details>");
    let changes = without_tags(between(details, "<ol class=\"changes\">", "</ol>"));
    let failing = changes
        .find("00:00:30  failing for 60 seconds: ")
        .expect(&changes);
    let unknown = changes
        .find("00:00:00  unknown for 30 seconds")
        .expect(&changes);
    assert!(failing < unknown, "{changes}");
    let strip = between(details, "aria-label=\"", "\"");
    assert_eq!(
        strip,
        "failing since 2025-01-01 00:00:30 UTC, 1 change in 24 hours"
    );
}

#[test]
fn problems_of_the_exporter_are_shown_before_the_checks() {
    let exporter = Exporter {
        environment_problems: vec!["environment: API_URL: `:::` is not an address".to_owned()],
        reload: Reload {
            successful: false,
            succeeded: fixture::at(0),
        },
        ..fixture::exporter()
    };
    let page = page_of(&fixture::eventful().check_states(), &exporter);
    let notices = between(&page, "<div class=\"notice", "id=\"checks\"");
    assert!(
        notices.contains("<code>:::</code> is not an address"),
        "{notices}"
    );
    assert!(
        notices.contains("The last configuration reload failed."),
        "{notices}"
    );
}

#[test]
fn page_works_without_scripts_and_refreshes_itself() {
    let page = page(&fixture::eventful());
    let refresh = "<noscript><meta http-equiv=\"refresh\" content=\"15\"></noscript>";
    assert!(page.contains(refresh));
    let main = between(&page, "<main", "</main>");
    assert!(!main.contains(" hidden"), "nothing waits for a script");
    assert!(page.contains("<html lang=\"en\">") && page.contains("width=device-width"));
}

#[tokio::test]
async fn cluster_has_the_name_of_the_agents_environment_else_its_id() {
    let mut world = LabCluster::start();
    let shown = |world: &LabCluster| {
        let exporter = Exporter::new(&world.config(), CheckId::ALL);
        let page = page_of(&fixture::blank().check_states(), &exporter);
        between(&page, "Cluster <strong>", "</strong>").to_owned()
    };
    world.set_env("EKS_CLUSTER_NAME", "production");
    assert_eq!(shown(&world), "production");
    world.unset_env("EKS_CLUSTER_NAME");
    assert_eq!(shown(&world), lab::CLUSTER_ID);
}
