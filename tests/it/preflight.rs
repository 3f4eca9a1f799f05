//! Tests of `check --preflight`: everything that the agent will need, broken once and named.

mod admission;
mod command;
mod installer;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::sync::Arc;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use castai_health_exporter::checks::CheckSet;
use castai_health_exporter::config::{Config, Flags, Provider};
use castai_health_exporter::preflight::{Manifest, PlannedAgent, PreflightCheck, check_set};
use castai_health_exporter::scheduler;
use castai_health_exporter::state::{CheckState, HealthState};
use lab::apiserver::{Refusal, workload};
use lab::aws::Account;
use lab::{
    AzureImdsFault, CastAiFault, DnsFault, Ec2Fault, GceFault, ImdsFault, ProxyFault, StsFault,
};
use test_support::lab_cluster::{CASTAI, LabCluster, evidence, state_of};
use test_support::scenarios::WebIdentity;

use crate::golden_entries::assert_evidence;

/// A cluster before the agent is installed, and the plan for it.
struct Bed {
    world: LabCluster,
    planned: PlannedAgent,
    flags: Flags,
}

impl Bed {
    fn start() -> Self {
        let mut world = LabCluster::start();
        world
            .api
            .objects()
            .remove("Deployment", workload::AGENT, workload::AGENT);
        world.env.remove("STATIC_CLUSTER_ID");
        let path = world.mounted("exporter.yaml");
        fs::write(&path, &world.file).unwrap();
        let planned = PlannedAgent {
            provider: Provider::Eks,
            api_url: None,
            api_key: None,
            role_arn: None,
            variables: BTreeMap::new(),
        };
        let flags = Flags {
            config_file: Some(path),
            ..Flags::default()
        };
        Self {
            world,
            planned,
            flags,
        }
    }

    /// Plans an agent of this provider that discovers its cluster.
    fn of(provider: Provider) -> Self {
        let mut bed = Self::start();
        bed.world.env.retain(|name, _| !name.starts_with("EKS_"));
        bed.planned.provider = provider;
        bed
    }

    /// Runs outside the cluster, with a kubeconfig.
    fn outside() -> Self {
        let mut bed = Self::start();
        let server = bed.world.api.addr();
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
             contexts: [{{ name: here, context: {{ cluster: lab, user: me }} }}]\n\
             clusters: [{{ name: lab, cluster: {{ server: 'https://{server}', certificate-authority: ca.crt }} }}]\n\
             users: [{{ name: me, user: {{ token: {} }} }}]\n",
            lab::TOKEN
        );
        let path = bed.world.mounted("kubeconfig");
        fs::write(&path, kubeconfig).unwrap();
        // Its settings apply to pods only.
        let file = &bed.world.file;
        let (section, next) = (file.find("apiserver:").unwrap(), file.find("dns:").unwrap());
        let file = format!("{}{}", &file[..section], &file[next..]);
        fs::write(bed.world.mounted("exporter.yaml"), file).unwrap();
        bed.flags.kubeconfig = Some(path);
        bed
    }

    fn config(&self) -> Config {
        let variable = |name: &str| self.world.env.get(name).map(OsString::from);
        self.planned.config(&self.flags, &variable).unwrap()
    }

    fn manifest(&self) -> Manifest {
        Manifest::of_chart(&self.config().installation, "castai-agent", None)
    }

    fn checks(&self, manifest: Manifest) -> CheckSet<PreflightCheck> {
        let mut checks = check_set(&self.config(), &self.planned, manifest);
        // The registry of the default image is not part of the lab; `command` has one.
        checks.checks.retain(|row| row.check != CheckId::ImagePull);
        checks
    }

    async fn run(&self) -> Vec<CheckState> {
        self.run_with(self.manifest()).await
    }

    async fn run_with(&self, manifest: Manifest) -> Vec<CheckState> {
        let checks = self.checks(manifest);
        let health = Arc::new(HealthState::new(&scheduler::check_specs(&checks)));
        let quiet: scheduler::OnChange = Arc::new(|_| {});
        scheduler::run_once(&checks, &health, &quiet).await;
        health.check_states()
    }

    async fn state(&self, check: CheckId) -> CheckState {
        state_of(&self.run().await, check).clone()
    }

    async fn assert_mode(&self, check: CheckId, mode: M, status: Status) -> CheckState {
        let state = self.state(check).await;
        let modes = state.latest.as_ref().unwrap().verdict.modes();
        let seen = (state.status(), modes.contains(&mode));
        assert_eq!(
            seen,
            (status, true),
            "{check}: {modes:?}: {}",
            evidence(&state)
        );
        state
    }
}

fn refusal(resource: &'static str, code: u16, message: &str) -> Refusal {
    Refusal {
        resource,
        code,
        message: message.to_owned(),
    }
}

#[tokio::test]
async fn healthy_cluster_is_ready_for_the_agent() {
    let bed = Bed::start();
    let states = bed.run().await;
    for state in &states {
        let fine = matches!(state.status(), Status::Ok | Status::NotApplicable);
        assert!(fine, "{}: {}", state.check, evidence(state));
    }
    for check in [CheckId::AgentWorkload, CheckId::AgentPermissions] {
        assert_evidence(
            &format!("preflight {check}"),
            &evidence(state_of(&states, check)),
        );
    }
}

#[tokio::test]
async fn egress_dns_and_key_are_tested_like_those_of_an_installed_agent() {
    let bed = Bed::start();
    bed.world.dns.set_for(CASTAI, DnsFault::Nxdomain);
    bed.assert_mode(CheckId::Dns, M::NetDnsNxdomain, Status::Failing)
        .await;
    bed.world.dns.heal();
    bed.world.castai.set(lab::Fault::Refused).await;
    bed.assert_mode(CheckId::CastaiApi, M::NetRefused, Status::Failing)
        .await;
    bed.world.castai.set(CastAiFault::TokenInvalid).await;
    bed.assert_mode(CheckId::CastaiApi, M::CastaiTokenInvalid, Status::Failing)
        .await;
}

#[tokio::test]
async fn proxy_that_denies_castai_is_named() {
    let mut bed = Bed::start();
    let proxy = format!("http://proxy.lab:{}", bed.world.proxy.addr().port());
    // As given with --agent-env, before any pod has it.
    bed.planned
        .variables
        .insert("HTTPS_PROXY".to_owned(), proxy);
    let direct = "127.0.0.0/8,kubernetes.default.svc,sts.lab,ec2.lab,eks.lab".to_owned();
    bed.planned.variables.insert("NO_PROXY".to_owned(), direct);
    assert_eq!(bed.state(CheckId::CastaiApi).await.status(), Status::Ok);
    bed.world.proxy.set(ProxyFault::Denied).await;
    bed.assert_mode(CheckId::CastaiApi, M::ProxyDenied, Status::Failing)
        .await;
}

#[tokio::test]
async fn without_a_key_only_reachability_is_known() {
    let mut bed = Bed::start();
    bed.world.env.remove("API_KEY");
    let state = bed.state(CheckId::CastaiApi).await;
    assert_eq!(state.status(), Status::Unknown);
    assert!(
        evidence(&state).contains("add --api-key-file"),
        "{}",
        evidence(&state)
    );
    bed.world.castai.set(lab::Fault::Refused).await;
    bed.assert_mode(CheckId::CastaiApi, M::NetRefused, Status::Failing)
        .await;
}

#[tokio::test]
async fn node_role_sts_and_ec2_are_tested_before_the_agent_needs_them() {
    let bed = Bed::of(Provider::Eks);
    bed.world.imds.set(ImdsFault::HopLimitRequired).await;
    bed.assert_mode(CheckId::Imds, M::AwsImdsHopLimit, Status::Failing)
        .await;
    bed.world.imds.heal().await;
    bed.world.ec2.set(Ec2Fault::DeniedScp).await;
    bed.assert_mode(CheckId::Ec2Api, M::Ec2DeniedScp, Status::Failing)
        .await;
    bed.world.ec2.heal().await;
    bed.world.sts.set(StsFault::InvalidClientToken).await;
    let state = bed.state(CheckId::StsIdentity).await;
    assert_eq!(state.status(), Status::Failing, "{}", evidence(&state));
}

#[tokio::test]
async fn gke_and_aks_need_their_metadata_servers_and_no_aws() {
    let bed = Bed::of(Provider::Gke);
    let states = bed.run().await;
    assert!(
        states
            .iter()
            .all(|state| state.check != CheckId::StsIdentity)
    );
    assert_eq!(state_of(&states, CheckId::GceMetadata).status(), Status::Ok);
    bed.world.gce.set(GceFault::NoClusterName).await;
    let state = bed.state(CheckId::GceMetadata).await;
    assert_eq!(state.status(), Status::Failing, "{}", evidence(&state));

    let bed = Bed::of(Provider::Aks);
    assert_eq!(bed.state(CheckId::AzureImds).await.status(), Status::Ok);
    bed.world.azure.set(AzureImdsFault::Restricted).await;
    let state = bed.state(CheckId::AzureImds).await;
    assert_eq!(state.status(), Status::Failing, "{}", evidence(&state));
}

#[tokio::test]
async fn role_is_assumed_with_the_token_of_this_pod() {
    let mut bed = Bed::start();
    bed.world
        .with_web_identity(WebIdentity::Token("sts.amazonaws.com", -60, 86_000));
    // The role is planned, and the pod's own variable names another one.
    bed.world
        .env
        .insert("AWS_ROLE_ARN".to_owned(), Account::role_arn("other"));
    bed.planned.role_arn = Some(Account::role_arn(lab::aws::ROLE));
    let states = bed.run().await;
    for check in [
        CheckId::AwsCredentials,
        CheckId::StsIdentity,
        CheckId::Ec2Api,
    ] {
        let state = state_of(&states, check);
        assert_eq!(state.status(), Status::Ok, "{check}: {}", evidence(state));
    }
    bed.world.sts.set(StsFault::TrustDenied).await;
    let state = bed.state(CheckId::StsIdentity).await;
    assert_eq!(state.status(), Status::Failing, "{}", evidence(&state));
}
