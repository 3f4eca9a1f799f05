//! A whole pretend world with the exporter's spine in it, healthy until one thing is broken.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Status, relations};
use castai_health_exporter::checks::Plan;
use castai_health_exporter::config::{AgentSeen, Config, Flags};
use castai_health_exporter::scheduler;
use castai_health_exporter::scheduler::OnChange;
use castai_health_exporter::state::{Board, Standing};
use lab::apiserver::workload;
use lab::aws::{Account, Place};
use lab::cloud_api::Kind;
use lab::{
    Agent, ApiServer, AzureImds, CastAi, CloudApi, Dns, Ec2, Eks, Gce, Imds, Pki, PodIdentity,
    Proxy, Sts,
};
use tempfile::TempDir;

/// The name under which the agent knows CAST AI here.
pub const CASTAI: &str = "api.cast.lab";
/// The name of STS here.
pub const STS: &str = "sts.lab";
/// The name of EC2 here.
pub const EC2: &str = "ec2.lab";
/// The name of EKS here.
pub const EKS: &str = "eks.lab";
/// The names of GKE's API, Azure's Resource Manager and Azure's login here.
const GOOGLE_API: &str = "container.lab";
const AZURE_API: &str = "management.lab";
const AZURE_LOGIN: &str = "login.lab";
/// The name of the API server.
pub const KUBERNETES: &str = "kubernetes.default.svc";

/// Limits that make a hang a matter of a second, for all targets.
const LIMITS: &str = "limits: { resolve: 1s, connect: 1s, tls: 1s, answer: 1s }";

/// Checks that belong to one cloud, by the words of `PROVIDER`.
const ELSEWHERE: &[(CheckId, &[&str])] = &[
    (CheckId::Imds, &["eks"]),
    (CheckId::AwsCredentials, &["eks"]),
    (CheckId::StsIdentity, &["eks"]),
    (CheckId::Ec2Api, &["eks"]),
    (CheckId::GceMetadata, &["gke"]),
    (CheckId::AzureImds, &["aks"]),
    (CheckId::ControlPlaneAccess, &["eks", "gke", "aks"]),
];

/// Everything the agent depends on, and what its pod is given.
pub struct CheckContext {
    pub dns: Dns,
    pub api: ApiServer,
    pub castai: CastAi,
    pub proxy: Proxy,
    pub imds: Imds,
    pub gce: Gce,
    pub azure: AzureImds,
    pub account: Account,
    pub sts: Sts,
    pub ec2: Ec2,
    pub eks: Eks,
    pub pod_identity: PodIdentity,
    /// GKE's API, Azure's Resource Manager and Azure's login.
    pub apis: [CloudApi; 3],
    pub agent: Agent,
    /// The only checks that look, with those that may block them; `None` is all.
    pub only: Option<&'static [CheckId]>,
    /// The agent as a companion sees it; `None` is a process in the agent's pod.
    pub seen: Option<AgentSeen>,
    /// The lease that nobody renews.
    pub no_leader: Option<&'static str>,
    /// The agent's environment.
    pub env: BTreeMap<String, String>,
    /// The exporter's file.
    pub file: String,
    pub dir: TempDir,
    plan: Plan,
    board: Arc<Board>,
}

impl CheckContext {
    /// A healthy world; must be called inside a runtime.
    #[expect(clippy::too_many_lines, reason = "it is one list of servers")]
    pub fn start() -> Self {
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let (cluster, public) = (Pki::new("kubernetes"), Pki::new("Lab Public Root"));
        let api = ApiServer::start(&cluster, lab::apiserver::Options::default()).unwrap();
        let castai = CastAi::start(&public, lab::castai::Options::default()).unwrap();
        let proxy = Proxy::start(&public, lab::proxy::Options::default()).unwrap();
        let imds = Imds::start(lab::imds::Options::default()).unwrap();
        let gce = Gce::start(lab::gce::Options::default()).unwrap();
        let azure = AzureImds::start(lab::azure_imds::Options::default()).unwrap();
        let account = Account::default();
        let sts = Sts::start(&account, Some(&public), Place::sts()).unwrap();
        let ec2 = Ec2::start(&account, Some(&public), Place::ec2()).unwrap();
        let eks = Eks::start(&account, Some(&public), Place::eks()).unwrap();
        let pod_identity =
            PodIdentity::start(&account, lab::aws::pod_identity::Options::default()).unwrap();
        let names = [
            (CASTAI, castai.addr().ip()),
            (STS, sts.addr().ip()),
            (EC2, ec2.addr().ip()),
            (EKS, eks.addr().ip()),
            (KUBERNETES, api.addr().ip()),
            ("proxy.lab", proxy.addr().ip()),
        ];
        for (name, address) in &names[..4] {
            proxy.add_host(name, *address);
        }
        let apis = [
            (Kind::Google, GOOGLE_API),
            (Kind::Azure, AZURE_API),
            (Kind::Login, AZURE_LOGIN),
        ]
        .map(|(kind, name)| {
            CloudApi::start(&public, lab::cloud_api::Options::new(kind, name)).unwrap()
        });
        let clouds = [GOOGLE_API, AZURE_API, AZURE_LOGIN]
            .into_iter()
            .zip(apis.iter().map(|api| api.addr().ip()));
        let names = names.into_iter().chain(clouds);
        let agent = Agent::start(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let dns = Dns::start(IpAddr::from([127, 0, 0, 53]), names).unwrap();
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("token"), lab::TOKEN).unwrap();
        fs::write(dir.path().join("public.pem"), public.ca_pem()).unwrap();
        fs::write(dir.path().join("ca.crt"), cluster.ca_pem()).unwrap();
        fs::write(dir.path().join("aws.crt"), public.ca_pem()).unwrap();
        fs::write(
            dir.path().join("resolv.conf"),
            "options ndots:1 timeout:1 attempts:1\n",
        )
        .unwrap();
        let env = [
            ("KUBERNETES_SERVICE_HOST", api.addr().ip().to_string()),
            ("KUBERNETES_SERVICE_PORT", api.addr().port().to_string()),
            (
                "API_URL",
                format!("https://{CASTAI}:{}", castai.addr().port()),
            ),
            ("API_KEY", lab::API_KEY.to_owned()),
            ("STATIC_CLUSTER_ID", lab::CLUSTER_ID.to_owned()),
            ("PROVIDER", "eks".to_owned()),
            ("EKS_ACCOUNT_ID", "123456789012".to_owned()),
            ("EKS_REGION", "eu-central-1".to_owned()),
            ("EKS_CLUSTER_NAME", "lab".to_owned()),
            (
                "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                format!("http://{}", imds.addr()),
            ),
            ("GCE_METADATA_HOST", gce.addr().to_string()),
            (
                "AWS_ENDPOINT_URL_STS",
                format!("https://{STS}:{}", sts.addr().port()),
            ),
            (
                "AWS_ENDPOINT_URL_EC2",
                format!("https://{EC2}:{}", ec2.addr().port()),
            ),
            (
                "AWS_ENDPOINT_URL_EKS",
                format!("https://{EKS}:{}", eks.addr().port()),
            ),
            (
                "AWS_CA_BUNDLE",
                dir.path().join("aws.crt").display().to_string(),
            ),
            ("HEALTHZ_PORT", agent.health_port().to_string()),
            ("METRICS_PORT", agent.metrics_port().to_string()),
            ("TLS_CA_CERT_FILE", public.ca_pem()),
        ];
        let file = format!(
            "apiserver:\n  service_account_dir: {dir}\n  dns_name: {KUBERNETES}:{port}\n\
             dns:\n  nameservers: ['{dns}']\n  resolv_conf: {dir}/resolv.conf\n  hosts_file: /dev/null\n\
             checks:\n  dns: {{ limits: {{ resolve: 1s }} }}\n  apiserver: {{ {LIMITS} }}\n  castai_api: {{ {LIMITS} }}\n  \
             sts_identity: {{ {LIMITS} }}\n  ec2_api: {{ {LIMITS} }}\n  \
             imds: {{ limits: {{ connect: 500ms, answer: 500ms }} }}\n  \
             aws_credentials: {{ limits: {{ connect: 500ms, answer: 500ms }} }}\n  \
             gce_metadata: {{ limits: {{ connect: 500ms, answer: 500ms }} }}\n  \
             azure_imds: {{ limits: {{ connect: 500ms, answer: 500ms }} }}\n\
             azure:\n  metadata_address: '{azure}'\n\
             control_plane:\n  ca_file: {dir}/public.pem\n  google_api: https://{GOOGLE_API}:{google}\n  \
             azure_api: https://{AZURE_API}:{manager}\n  azure_login: https://{AZURE_LOGIN}:{login}\n\
             agent:\n  latest_version: v0.123.0\n",
            dir = dir.path().display(),
            port = api.addr().port(),
            dns = dns.addr(),
            azure = azure.addr(),
            google = apis[0].addr().port(),
            manager = apis[1].addr().port(),
            login = apis[2].addr().port(),
        );
        let env = env
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let (plan, board) = (
            Plan {
                rows: Vec::new(),
                blocks: &[],
                feeds: Vec::new(),
            },
            Arc::new(Board::new(&[])),
        );
        let (only, seen, no_leader) = (None, None, None);
        let mut world = Self {
            dns,
            api,
            castai,
            proxy,
            imds,
            gce,
            azure,
            account,
            sts,
            ec2,
            eks,
            pod_identity,
            apis,
            agent,
            only,
            seen,
            no_leader,
            env,
            file,
            dir,
            plan,
            board,
        };
        world.configure();
        world
    }

    /// The same, with CAST AI behind the proxy.
    pub fn behind_a_proxy() -> Self {
        let mut world = Self::start();
        world.set_env(
            "HTTPS_PROXY",
            &format!("http://proxy.lab:{}", world.proxy.addr().port()),
        );
        world.set_env(
            "NO_PROXY",
            &format!("127.0.0.0/8,kubernetes.default.svc,{STS},{EC2},{EKS}"),
        );
        world
    }

    /// The same, and the agent is told nothing of its cluster.
    pub fn in_discovery() -> Self {
        Self::of("eks")
    }

    /// The same on a cluster of this provider, of which the agent is told nothing.
    pub fn of(provider: &str) -> Self {
        let mut world = Self::start();
        world.move_to(provider);
        world
    }

    /// Makes the cluster one of another provider, of which nothing is given.
    pub fn move_to(&mut self, provider: &str) {
        self.env.retain(|name, _| !name.starts_with("EKS_"));
        self.set_env("PROVIDER", provider);
    }

    /// Changes one variable of the agent's environment and starts over with it.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
        self.configure();
    }

    /// Takes one variable away and starts over.
    pub fn unset_env(&mut self, name: &str) {
        self.env.remove(name);
        self.configure();
    }

    /// Gives the agent its former environment and starts over.
    pub fn restore_env(&mut self, env: BTreeMap<String, String>) {
        self.env = env;
        self.configure();
    }

    /// A file of the mounted service account.
    pub fn mounted(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Reads the configuration as the exporter does at its start.
    pub fn config(&self) -> Config {
        let path = self.mounted("exporter.yaml");
        fs::write(&path, &self.file).unwrap();
        let flags = Flags {
            config_file: Some(path),
            ..Flags::default()
        };
        let variable = |name: &str| self.env.get(name).map(OsString::from);
        match &self.seen {
            None => Config::load(&flags, &variable).unwrap(),
            Some(seen) => Config::load_beside(&flags, &variable, seen).unwrap(),
        }
    }

    /// Starts the exporter anew: nothing is remembered.
    pub fn configure_anew(&mut self) {
        self.configure();
        self.board = Arc::new(Board::new(&scheduler::entries(&self.plan)));
    }

    pub fn configure(&mut self) {
        let plan = Plan::new(&self.config());
        self.plan = match self.only {
            Some(checks) => plan.only(checks),
            None => plan,
        };
        self.board.enter(&scheduler::entries(&self.plan));
    }

    /// Lets every check look once.
    pub async fn look(&self) -> Vec<Standing> {
        let quiet: OnChange = Arc::new(|_| {});
        for (name, holder) in workload::LEASES {
            if self.no_leader != Some(name) {
                self.api.objects().put(workload::lease(name, holder));
            }
        }
        scheduler::once(&self.plan, &self.board, &quiet).await;
        self.board.standings()
    }

    /// Everything is as the agent needs it; what belongs to another cloud is not looked at.
    pub async fn assert_healthy(&self) {
        let provider = self
            .env
            .get("PROVIDER")
            .map(String::as_str)
            .unwrap_or_default();
        for standing in self.look().await {
            let of = |(check, at): &(CheckId, &[&str])| {
                *check == standing.check && at.iter().all(|at| *at != provider)
            };
            // With a role of its service account the agent asks for no instance metadata.
            let unasked = standing.check == CheckId::Imds && self.env.contains_key("AWS_ROLE_ARN");
            let elsewhere = unasked || ELSEWHERE.iter().any(of);
            let healthy = if elsewhere {
                Status::NotApplicable
            } else {
                Status::Ok
            };
            assert_eq!(
                standing.status(),
                healthy,
                "{}: {}",
                standing.check,
                evidence(&standing)
            );
        }
    }

    /// Of those that look, each is `ok`.
    pub async fn assert_ok(&self) {
        for standing in self.look().await {
            assert_eq!(
                standing.status(),
                Status::Ok,
                "{}: {}",
                standing.check,
                evidence(&standing)
            );
        }
    }

    /// Exactly this is wrong: everything else is `ok`, `unknown`, or follows from it.
    pub async fn assert_root(&self, check: CheckId, mode: FailureMode, status: Status) -> Standing {
        let standings = self.look().await;
        let root = standings
            .iter()
            .find(|standing| standing.check == check)
            .unwrap()
            .clone();
        assert_eq!(root.settled.modes(), [mode], "{check}: {}", evidence(&root));
        assert_eq!(root.status(), status, "{check}: {}", evidence(&root));
        for other in standings.iter().filter(|other| other.check != check) {
            let modes = other.settled.modes();
            let follows = |seen: &FailureMode| {
                relations::root(other.check, *seen) == relations::root(check, mode)
            };
            assert!(
                modes.iter().all(follows),
                "{} beside {check} {mode}: {}",
                other.check,
                evidence(other)
            );
        }
        root
    }
}

/// The latest evidence of a check.
pub fn evidence(standing: &Standing) -> String {
    standing
        .latest
        .as_ref()
        .map(|report| report.verdict.evidence().to_string())
        .unwrap_or_default()
}

/// The standing of this check.
pub fn standing_of(standings: &[Standing], check: CheckId) -> &Standing {
    standings
        .iter()
        .find(|standing| standing.check == check)
        .unwrap()
}
