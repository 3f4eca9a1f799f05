//! May the agent ask EC2 about instances, and does it see the cluster's?
//!
//! `DescribeInstances` is all that the agent asks. First as a dry run, which tells what is allowed; then for the instance
//! that this pod runs on, because an empty answer is how EC2 speaks of a wrong region or account.

mod remedy;

use crate::aws::session::Held;
use crate::aws::{Ec2, Line, Refusal, Refused, ec2};
use crate::catalogue::alert::modes_of;
use crate::catalogue::{CheckId, FailureMode as M, Limits};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::CheckSettings;
use crate::config::aws::{Service, Use};
use crate::net::deadlines;
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, Instance, Peers, Report, Trail, Verdict};

/// The check `ec2_api`.
#[derive(Debug)]
pub struct Ec2Api {
    limits: Limits,
    world: CheckContext,
}

/// Why the answer is not the one hoped for.
enum Trouble {
    /// This is wrong.
    Failing(Finding),
    /// This is wrong, and the agent survives it.
    Survived(Finding),
    /// It could not be found out.
    Unknown(Evidence),
}

/// Whom EC2 answers, and about where.
struct Asking<'a> {
    region: &'a str,
    held: Held,
    /// The caller's name.
    caller: String,
    /// Whether STS has accepted the same credentials.
    accepted: bool,
    /// The instance that this pod runs on, where it is known.
    own: Option<Instance>,
}

impl Ec2Api {
    /// The check for what the agent is given.
    pub fn new(settings: &CheckSettings, world: &CheckContext) -> Self {
        Self {
            limits: settings.limits,
            world: world.clone(),
        }
    }

    async fn ask(
        &self,
        ec2: &Ec2,
        asking: &Asking<'_>,
        trail: &Trail,
        peers: &Peers,
        instance: &mut Option<Instance>,
    ) -> Result<Evidence, Trouble> {
        let refused = ec2.dry_run().await;
        if !allowed(&refused) {
            return Err(self.refused(&refused, asking).await);
        }
        let may = format!(
            "{} may describe instances in {}",
            asking.caller, asking.region
        );
        let Some((own, id)) = asking
            .own
            .as_ref()
            .and_then(|own| own.id.as_ref().map(|id| (own, id)))
        else {
            self.in_time(trail)?;
            return Ok(Evidence::from(format!(
                "{may}; whether it sees the cluster's is not known, as neither instance metadata nor the node's \
                 providerID tells which instance this is"
            )));
        };
        let found = match ec2.instance(id).await {
            Ok((found, _answer)) => found,
            Err(refused) => return Err(self.refused(&refused, asking).await),
        };
        let Some(found) = found else {
            return Err(not_visible(own, id, asking, peers));
        };
        let cluster = found.cluster().map(str::to_owned);
        *instance = Some(Instance {
            cluster: cluster.clone(),
            ..own.clone()
        });
        let discovers = self.world.aws.settings().used() == Use::Discovery;
        let shown = quote(id.as_bytes());
        if discovers && cluster.is_none() {
            return Err(Trouble::Failing(Finding::new(
                M::Ec2TagsMissing,
                format!(
                    "{may}, and the instance {shown} has no tag kubernetes.io/cluster/NAME = owned by which the agent \
                     discovers the cluster's name: tag it, or set EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME"
                ),
            )));
        }
        self.in_time(trail)?;
        let lifecycle = if found.lifecycle.as_deref() == Some("spot") {
            "spot"
        } else {
            "on-demand"
        };
        Ok(Evidence::from(format!(
            "{may}, and sees this node's instance {shown} ({lifecycle})"
        )))
    }

    fn in_time(&self, trail: &Trail) -> Result<(), Trouble> {
        let Some(late) = deadlines::late(&self.limits, trail) else {
            return Ok(());
        };
        let took = late.took.as_secs_f64();
        let evidence = format!(
            "{} took {took:.1} s; every snapshot with a node whose purchase option only EC2 can tell waits as long",
            late.what
        );
        Err(Trouble::Survived(Finding::new(M::AwsSlow, evidence)))
    }

    async fn refused(&self, refused: &Refused, asking: &Asking<'_>) -> Trouble {
        let (mode, said) = match refused {
            Refused::OnTheWay(finding) => return Trouble::Failing(finding.clone()),
            Refused::Unsent(why) => return Trouble::Unknown(Evidence::from(why.as_str())),
            Refused::Answered(answer) => {
                let refusal = Refusal::read(Service::Ec2, answer);
                (
                    refusal.mode(asking.held.are_temporary()),
                    refusal.to_string(),
                )
            }
        };
        // What EC2 never says is no finding of this check; an id that it does not know is an instance that it does not show.
        let mode = mode.map(|mode| {
            if mode == M::Ec2RegionWrong {
                M::Ec2InstanceNotVisible
            } else {
                mode
            }
        });
        let Some(mode) = mode.filter(|mode| modes_of(CheckId::Ec2Api).any(|of| of == *mode)) else {
            return Trouble::Unknown(Evidence::from(said));
        };
        if mode == M::AwsSessionExpired {
            self.world.aws.forget().await;
        }
        let about = format!(
            "DescribeInstances in {} as {}: {said}",
            asking.region, asking.caller
        );
        let remedy = remedy::refused(mode, &asking.caller, asking.region, asking.accepted);
        Trouble::Failing(Finding::new(mode, format!("{about}{remedy}")))
    }
}

impl Check for Ec2Api {
    async fn run(&self, attempt: &Attempt) -> Report {
        let (aws, peers) = (&self.world.aws, attempt.peers());
        if let Use::Nothing(why) = aws.settings().used() {
            return Report::bare(Verdict::NotApplicable(Evidence::from(why)));
        }
        let unknown = |why: Evidence| Report::bare(Verdict::Unknown(why));
        let region = match aws.region(peers) {
            Ok(region) => region,
            Err(why) => return unknown(why),
        };
        let place = match self.world.place(Service::Ec2, &region, self.limits) {
            Ok(place) => place,
            Err(verdict) => return Report::bare(verdict),
        };
        let held = match self.world.held(&region, self.limits, peers).await {
            Ok(held) => held,
            Err(why) => {
                return unknown(Evidence::from(format!(
                    "without credentials EC2 is not asked: {why}"
                )));
            }
        };
        let identity = peers
            .report(CheckId::StsIdentity)
            .and_then(|report| report.identity.as_ref());
        let asking = Asking {
            region: &region,
            caller: identity.map_or_else(
                || "the agent".to_owned(),
                |identity| quote(identity.arn.as_bytes()),
            ),
            accepted: identity.is_some(),
            own: aws
                .own_instance(&self.world, peers)
                .await
                .or_else(|| aws.nodes_instance()),
            held,
        };
        let name = place.route.target();
        let trail = attempt.trail(&name, true);
        let line = Line::new(place.route, &self.world.resolver, &trail);
        let ec2 = Ec2::new(&line, &place.endpoint, &asking.held.credentials);
        let mut instance = asking.own.clone();
        let asked = self.ask(&ec2, &asking, &trail, peers, &mut instance).await;
        let set_by = place.endpoint.set_by;
        let named =
            |finding: Finding| match set_by.filter(|_| deadlines::is_transport(finding.mode)) {
                Some(by) => Finding::new(
                    finding.mode,
                    format!("{} ({by} leads there)", finding.evidence),
                ),
                None => finding,
            };
        let (verdict, outcome) = match asked {
            Ok(evidence) => (Verdict::Ok(evidence.clone()), Ok(evidence)),
            Err(Trouble::Unknown(why)) => (Verdict::Unknown(why.clone()), Ok(why)),
            Err(Trouble::Failing(finding)) => {
                let finding = named(finding);
                (Verdict::failing(finding.clone()), Err(finding))
            }
            Err(Trouble::Survived(finding)) => {
                (Verdict::Warning(vec![finding.clone()]), Err(finding))
            }
        };
        let targets = vec![attempt.arrived(&name, outcome)];
        Report {
            targets,
            instance,
            ..Report::bare(verdict)
        }
    }
}

/// Whether a dry run was answered: you may.
fn allowed(refused: &Refused) -> bool {
    let Refused::Answered(answer) = refused else {
        return false;
    };
    Refusal::read(Service::Ec2, answer).code.as_deref() == Some(ec2::MAY)
}

/// EC2 answered, and shows nothing of the instance.
fn not_visible(own: &Instance, id: &str, asking: &Asking<'_>, peers: &Peers) -> Trouble {
    let (region, caller, id) = (asking.region, &asking.caller, quote(id.as_bytes()));
    let empty =
        format!("EC2 in {region} answers {caller} and does not show this node's instance {id}");
    if own.region != region {
        let evidence = format!(
            "{empty}, which is in {}: the agent is given the wrong region",
            own.region
        );
        return Trouble::Failing(Finding::new(M::Ec2RegionWrong, evidence));
    }
    let identity = peers.report(CheckId::StsIdentity);
    if identity.is_some_and(|report| report.verdict.modes().contains(&M::AwsAccountMismatch)) {
        return Trouble::Unknown(Evidence::from(format!(
            "{empty}; sts_identity says why: aws_account_mismatch"
        )));
    }
    let account = identity
        .and_then(|report| report.identity.as_ref())
        .map(|identity| identity.account.as_str());
    let whose = match (account, own.account.as_deref()) {
        (Some(account), Some(owner)) if account != owner => format!(
            ", which belongs to the account {owner}, while the caller's is {account}: give the agent a role or key of the \
             cluster's account"
        ),
        _ => ": the agent sees no node of the cluster, and shows spot instances as on-demand; compare account and region \
             with those of the nodes"
            .to_owned(),
    };
    Trouble::Failing(Finding::new(
        M::Ec2InstanceNotVisible,
        format!("{empty}{whose}"),
    ))
}
