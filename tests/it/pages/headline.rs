//! The headline and the sentence below it.

use castai_health_exporter::catalogue::{CheckId, FailureMode, Need};
use castai_health_exporter::report::{Finding, Report, TargetReport, Verdict};
use test_support::fixture;

use crate::pages::{between, denied, headline, page, with_verdicts, without_tags};

/// Returns a report of an API server behind whose address one server of two refuses connections.
fn one_api_server_of_two_refuses() -> Report {
    let mut report = fixture::hanging_apiserver();
    report.targets[0].outcome = Ok("v1.34".into());
    let finding = Finding::new(FailureMode::K8sEndpointDown, "1 of 2 addresses");
    Report {
        verdict: Verdict::failing(finding),
        ..report
    }
}

/// Returns the sentence below the headline.
fn lead(page: &str) -> String {
    let (_, after) = page.split_once("</h1>").unwrap();
    without_tags(between(after, "<p>", "</p>"))
}

#[test]
fn headline_names_the_root_cause_and_since_when() {
    let cause = "a service control policy of the organisation denies ec2:DescribeInstances";
    assert_eq!(
        headline(&page(&denied(Need::Start))),
        format!("The agent cannot work: {cause}, for 14 minutes")
    );
    assert_eq!(
        headline(&page(&denied(Need::Feature))),
        format!("The agent is degraded: {cause}, for 14 minutes")
    );
}

#[test]
fn headline_names_the_failing_target_that_the_agent_uses() {
    let mut report = fixture::hanging_apiserver();
    report.targets[1].outcome = Err(fixture::hang());
    for _ in 0..2 {
        let health = fixture::single(CheckId::Apiserver, report.clone());
        assert_eq!(
            lead(&page(&health)),
            "10.0.0.1:443: TCP connected, but the TLS handshake did not finish in time."
        );
        report.targets.reverse();
    }
}

#[test]
fn headline_names_the_failing_api_server_of_two() {
    let mut report = one_api_server_of_two_refuses();
    // A name leads to any API server, and one that rejects the account is not down.
    let unused = |name, finding| TargetReport {
        in_use: false,
        ..fixture::target(name, Err(finding), vec![])
    };
    let name = unused("kubernetes.default.svc:443", fixture::hang());
    let rejected = Finding::new(FailureMode::K8sUnauthorized, "401");
    let rejecting = unused("10.0.0.3:443", rejected);
    report.targets.splice(1..1, [name, rejecting]);
    let page = page(&fixture::single(CheckId::Apiserver, report));
    assert!(headline(&page).starts_with("The agent cannot work reliably: "));
    assert!(page.contains("Critical: the agent cannot work reliably"));
    assert_eq!(
        lead(&page),
        "10.0.0.2:443: the host refused the connection: nothing listens on that port."
    );
}

#[test]
fn root_cause_that_affects_every_request_comes_before_one_api_server_of_two() {
    let revoked = Finding::new(FailureMode::CastaiTokenInvalid, "401");
    let health = with_verdicts(vec![
        (CheckId::Apiserver, Need::Start, Verdict::Ok("fine".into())),
        (CheckId::CastaiApi, Need::Start, Verdict::failing(revoked)),
    ]);
    fixture::post(&health, CheckId::Apiserver, one_api_server_of_two_refuses());
    let headline = headline(&page(&health));
    assert!(
        headline.starts_with("The agent cannot work: "),
        "{headline}"
    );
}

#[test]
fn headline_without_failures_says_what_is_known() {
    let fine = |check| (check, Need::Start, Verdict::Ok("fine".into()));
    let off = |check| {
        (
            check,
            Need::Start,
            Verdict::NotApplicable("not here".into()),
        )
    };
    let blank = (
        CheckId::Clock,
        Need::Start,
        Verdict::Unknown("no server".into()),
    );
    let refused = Finding::new(FailureMode::NetRefused, "refused");
    let unneeded = (CheckId::Ec2Api, Need::None, Verdict::failing(refused));
    for (verdicts, expected) in [
        (
            vec![fine(CheckId::Dns), fine(CheckId::Apiserver)],
            "The agent can work: 2 checks passed, for 14 minutes",
        ),
        (
            vec![fine(CheckId::Dns), unneeded],
            "The agent can work: 1 check passed; what fails does not concern it, for 14 minutes",
        ),
        (
            vec![fine(CheckId::Dns), blank],
            "No failure found so far: 1 check without a result",
        ),
        (
            vec![off(CheckId::Dns)],
            "Nothing to check: no check applies here",
        ),
    ] {
        assert_eq!(headline(&page(&with_verdicts(verdicts))), expected);
    }
    assert_eq!(
        headline(&page(&fixture::blank())),
        "Starting: 0 of 22 checks have a result"
    );
}
