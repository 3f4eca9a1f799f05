//! Does AWS know the agent's credentials, and for whom does it take them?
//!
//! The agent asks STS only where it has a role to take; who it is, it never asks. So STS being out of reach fails the
//! check only where the agent needs STS itself, while a key that AWS refuses is refused everywhere.

mod remedy;

use crate::aws::session::{Exchange, Freshness, Held, Missing};
use crate::aws::{Caller, Line, Refusal, Refused, Sts};
use crate::catalogue::alert::modes_of;
use crate::catalogue::{CheckId, FailureMode as M, Limits};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::CheckSettings;
use crate::config::aws::given::Account;
use crate::config::aws::{Given, Service, Use, given};
use crate::net::{Answer, deadlines};
use crate::report::evidence::quote;
use crate::report::{AwsIdentity, DateSample, Evidence, Finding, Peers, Report, Trail, Verdict};

/// Whose clock it is.
const CLOCK: &str = "sts";

/// The check `sts_identity`.
#[derive(Debug)]
pub struct StsIdentity {
    limits: Limits,
    world: CheckContext,
}

/// What came of asking.
#[derive(Default)]
struct Seen {
    /// Who the agent is.
    identity: Option<AwsIdentity>,
    /// When its credentials end.
    end: Option<i64>,
    date: Option<DateSample>,
}

/// Why there is no name.
enum Trouble {
    /// This is wrong; the agent survives it, or does not.
    Found { finding: Finding, survived: bool },
    /// It could not be found out.
    Unknown(Evidence),
}

impl StsIdentity {
    /// The check for what the agent is given.
    pub fn new(settings: &CheckSettings, world: &CheckContext) -> Self {
        Self {
            limits: settings.limits,
            world: world.clone(),
        }
    }

    async fn ask(
        &self,
        sts: &Sts,
        trail: &Trail,
        peers: &Peers,
        seen: &mut Seen,
    ) -> Result<Evidence, Trouble> {
        let needed = self.world.aws.asks_sts();
        let held = match self
            .world
            .aws
            .credentials(&self.world, Ok(sts), Freshness::Afresh)
            .await
        {
            Ok(held) => held,
            Err(Missing::Elsewhere(why)) => return Err(Trouble::Unknown(why)),
            Err(Missing::Refused(exchange, refused)) => {
                return Err(not_given(&exchange, &refused, seen));
            }
        };
        seen.end = held.end();
        malformed(&held)?;
        let (caller, answer) = match sts.caller(&held.credentials).await {
            Ok(answered) => answered,
            Err(refused) => return Err(self.not_known(&held, &refused, needed, seen).await),
        };
        seen.date = answer.date_sample(CLOCK);
        let role = caller.name().chars().take(128).collect();
        let (account, arn, source) = (
            caller.account.clone(),
            caller.arn.clone(),
            held.source.label(),
        );
        seen.identity = Some(AwsIdentity {
            account,
            role,
            arn,
            source,
        });
        self.compare(&caller, &held, peers)?;
        if let Some(late) = deadlines::late(&self.limits, trail) {
            let evidence = format!(
                "{} took {:.1} s; whatever of the agent's waits for STS waits as long",
                late.what,
                late.took.as_secs_f64()
            );
            return Err(Trouble::Found {
                finding: Finding::new(M::AwsSlow, evidence),
                survived: true,
            });
        }
        Ok(Evidence::from(format!(
            "AWS takes the agent for {}",
            quote(caller.arn.as_bytes())
        )))
    }

    /// STS does not say who the agent is.
    async fn not_known(
        &self,
        held: &Held,
        refused: &Refused,
        needed: bool,
        seen: &mut Seen,
    ) -> Trouble {
        let (mode, said) = told(refused, held.are_temporary(), seen);
        let Some(mode) = mode else {
            return Trouble::Unknown(Evidence::from(format!("GetCallerIdentity: {said}")));
        };
        if mode == M::AwsSessionExpired {
            self.world.aws.forget().await;
        }
        let about_sts = deadlines::is_transport(mode)
            || matches!(mode, M::AwsStsThrottled | M::AwsStsServerError);
        let survived = mode == M::AwsStsDenied || about_sts && !needed;
        let advice = if survived {
            let source = held.source.label();
            format!(
                "; the agent itself does not ask for this, as its credentials come from {source}"
            )
        } else {
            remedy::not_known(mode, held)
        };
        Trouble::Found {
            finding: Finding::new(mode, format!("GetCallerIdentity: {said}{advice}")),
            survived,
        }
    }

    /// Whether it is the account and the role that the agent should have.
    fn compare(&self, caller: &Caller, held: &Held, peers: &Peers) -> Result<(), Trouble> {
        let aws = self.world.aws.settings();
        let arn = quote(caller.arn.as_bytes());
        let wrong = |mode, evidence: String, survived| {
            Err(Trouble::Found {
                finding: Finding::new(mode, evidence),
                survived,
            })
        };
        let wanted = match &aws.given {
            Given::Complete { account, .. } => match given::account(account) {
                Account::Digits => Some((account.clone(), "EKS_ACCOUNT_ID is")),
                Account::Scientific(digits) => Some((digits, "EKS_ACCOUNT_ID stands for")),
                Account::Malformed => None,
            },
            _ => peers
                .report(CheckId::Imds)
                .and_then(|report| report.instance.as_ref())
                .and_then(|instance| Some((instance.account.clone()?, "the node belongs to"))),
        };
        if let Some((account, whose)) = wanted.filter(|(account, _)| *account != caller.account) {
            let evidence = format!(
                "AWS takes the agent for {arn} in the account {}, and {whose} {account}: set EKS_ACCOUNT_ID to the \
                 cluster's account, or give the agent a role or key of that account; those of another see none of its \
                 instances",
                caller.account
            );
            return wrong(M::AwsAccountMismatch, evidence, false);
        }
        let annotated = self
            .world
            .aws
            .annotated_role()
            .filter(|_| aws.variables.token_file.is_some());
        if let (Some(annotated), Some(role)) = (&annotated, &aws.variables.role_arn)
            && annotated != role
        {
            let evidence = format!(
                "AWS takes the agent for {arn}, as AWS_ROLE_ARN says ({}), and its service account's annotation names {}: \
                 the pod is older than the annotation; kubectl -n castai-agent rollout restart deploy/castai-agent",
                quote(role.as_bytes()),
                quote(annotated.as_bytes())
            );
            return wrong(M::AwsRoleMismatch, evidence, true);
        }
        if let Some(role) = aws
            .variables
            .role_arn
            .as_ref()
            .filter(|role| !caller.has_role(role))
        {
            let evidence = format!(
                "AWS takes the agent for {arn}, whose credentials come from {}, and AWS_ROLE_ARN names {}: what stands \
                 before it takes its place; remove AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY from the secret \
                 castai-agent, then kubectl -n castai-agent rollout restart deploy/castai-agent",
                held.source.label(),
                quote(role.as_bytes())
            );
            return wrong(M::AwsRoleMismatch, evidence, true);
        }
        Ok(())
    }
}

impl Check for StsIdentity {
    async fn run(&self, attempt: &Attempt) -> Report {
        let aws = &self.world.aws;
        if let Use::Nothing(why) = aws.settings().used() {
            return Report::bare(Verdict::NotApplicable(Evidence::from(why)));
        }
        let region = match aws.region(attempt.peers()) {
            Ok(region) => region,
            Err(why) => return Report::bare(Verdict::Unknown(why)),
        };
        let place = match self.world.place(Service::Sts, &region, self.limits) {
            Ok(place) => place,
            Err(verdict) => return Report::bare(verdict),
        };
        let name = place.route.target();
        let trail = attempt.trail(&name, aws.asks_sts());
        let line = Line::new(place.route, &self.world.resolver, &trail);
        let sts = Sts::new(&line, &place.endpoint);
        let mut seen = Seen::default();
        let asked = self.ask(&sts, &trail, attempt.peers(), &mut seen).await;
        let (verdict, outcome) = match asked {
            Ok(evidence) => (Verdict::Ok(evidence.clone()), Some(Ok(evidence))),
            Err(Trouble::Unknown(why)) => (Verdict::Unknown(why), None),
            Err(Trouble::Found { finding, survived }) => {
                let named = place
                    .endpoint
                    .set_by
                    .filter(|_| deadlines::is_transport(finding.mode));
                let finding = match named {
                    Some(by) => Finding::new(
                        finding.mode,
                        format!("{} ({by} leads there)", finding.evidence),
                    ),
                    None => finding,
                };
                let verdict = if survived {
                    Verdict::Warning(vec![finding.clone()])
                } else {
                    Verdict::failing(finding.clone())
                };
                (verdict, Some(Err(finding)))
            }
        };
        let targets = outcome
            .map(|outcome| attempt.arrived(&name, outcome))
            .into_iter()
            .collect();
        Report {
            targets,
            dates: seen.date.into_iter().collect(),
            credentials_end: seen.end,
            identity: seen.identity,
            ..Report::bare(verdict)
        }
    }
}

/// STS does not give what the agent asks it for.
fn not_given(exchange: &Exchange, refused: &Refused, seen: &mut Seen) -> Trouble {
    let temporary = matches!(exchange, Exchange::Key(role) if role.key.session.is_some());
    let (mode, said) = told(refused, temporary, seen);
    let about = match exchange {
        Exchange::WebIdentity { role, .. } => {
            format!("AssumeRoleWithWebIdentity for {}", quote(role.as_bytes()))
        }
        Exchange::Key(role) => format!("AssumeRole for {}", quote(role.arn.as_bytes())),
    };
    let Some(mode) = mode else {
        return Trouble::Unknown(Evidence::from(format!("{about}: {said}")));
    };
    let advice = remedy::not_given(mode, exchange);
    let finding = Finding::new(mode, format!("{about}: {said}{advice}"));
    Trouble::Found {
        finding,
        survived: false,
    }
}

/// What a refusal means, and what was said.
fn told(refused: &Refused, temporary: bool, seen: &mut Seen) -> (Option<M>, String) {
    match refused {
        Refused::OnTheWay(finding) => (Some(finding.mode), finding.evidence.to_string()),
        Refused::Unsent(why) => (None, why.clone()),
        Refused::Answered(answer) => {
            let answer: &Answer = answer;
            seen.date = answer.date_sample(CLOCK);
            let refusal = Refusal::read(Service::Sts, answer);
            // What STS never says is no finding of this check.
            let mode = refusal
                .mode(temporary)
                .filter(|mode| modes_of(CheckId::StsIdentity).any(|of| of == *mode));
            (mode, refusal.to_string())
        }
    }
}

/// A key that no header may hold is sent by nobody.
fn malformed(held: &Held) -> Result<(), Trouble> {
    let session = held.credentials.session_token().unwrap_or_default();
    let graphic = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if graphic(held.credentials.access_key_id()) && graphic(session) {
        return Ok(());
    }
    let evidence = "the key's id or its session token holds a byte that no header may hold, such as a line feed; \
                    nothing was sent, and the agent's SDK sends nothing either: write the secret anew with --from-literal";
    Err(Trouble::Found {
        finding: Finding::new(M::AwsKeyInvalid, evidence),
        survived: false,
    })
}
