//! Breaks a [`LabCluster`] in one way, and heals it.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lab::aws::{Account, Instance};
use lab::{
    AgentFault, ApiFault, AzureImdsFault, CastAiFault, CloudApiFault, DnsFault, Ec2Fault, EksFault,
    GceFault, ImdsFault, PodIdentityFault, ProxyFault, StsFault,
};

use crate::injected_fault::{InjectedFault, WebIdentity};
use crate::lab_cluster::{CASTAI, EC2, EKS, KUBERNETES, LabCluster, STS};

/// Pod that the lab's token is bound to.
const POD: &str = "castai-agent-6d8f9c7b5-x2x4z";

/// Returns a healthy lab cluster that is set up for this fault.
pub fn lab_cluster_for(fault: InjectedFault) -> LabCluster {
    match fault {
        InjectedFault::Proxy(_) | InjectedFault::CastaiBehindProxy(_) => {
            LabCluster::behind_a_proxy()
        }
        InjectedFault::Gce(_) | InjectedFault::Gke(_) => LabCluster::of("gke"),
        InjectedFault::AzureImds(_) | InjectedFault::Aks(_) => LabCluster::of("aks"),
        InjectedFault::Discovery(_)
        | InjectedFault::DiscoveryWithRequiredToken(_)
        | InjectedFault::Ec2InDiscovery(_)
        | InjectedFault::EksInDiscovery(_) => LabCluster::in_discovery(),
        InjectedFault::StsForRole(_) | InjectedFault::ProxyToAws(STS, _) => {
            LabCluster::with_web_identity_role()
        }
        _ => LabCluster::start(),
    }
}

#[expect(clippy::too_many_lines, reason = "one arm per fault")]
pub async fn inject_fault(world: &mut LabCluster, fault: InjectedFault) {
    match fault {
        InjectedFault::Apiserver(fault) => world.api.set(fault.parse::<ApiFault>().unwrap()).await,
        InjectedFault::OneEndpoint(fault) => {
            world.api.endpoints()[0]
                .set(fault.parse::<ApiFault>().unwrap())
                .await;
        }
        InjectedFault::Castai(fault) | InjectedFault::CastaiBehindProxy(fault) => {
            world
                .castai
                .set(fault.parse::<CastAiFault>().unwrap())
                .await;
        }
        InjectedFault::Proxy(fault) => world.proxy.set(fault.parse::<ProxyFault>().unwrap()).await,
        InjectedFault::ProxyToApiserver(fault) => {
            world.proxy.set(fault.parse::<ProxyFault>().unwrap()).await;
            // Go never proxies loopback addresses, so the service gets a name here.
            world.dns.add("apiserver.lab", world.api.addr().ip());
            world.env.insert(
                "NO_PROXY".to_owned(),
                format!("{CASTAI},{KUBERNETES},{STS},{EC2},{EKS}"),
            );
            world.env.insert(
                "KUBERNETES_SERVICE_HOST".to_owned(),
                "apiserver.lab".to_owned(),
            );
            world.set_env(
                "HTTPS_PROXY",
                &format!("http://proxy.lab:{}", world.proxy.addr().port()),
            );
        }
        InjectedFault::DnsName(name, fault) => {
            world.dns.set_for(name, fault.parse::<DnsFault>().unwrap());
        }
        InjectedFault::ApiserverAddress(address) => {
            world.set_env("KUBERNETES_SERVICE_HOST", address);
        }
        InjectedFault::Env(name, value) => world.set_env(name, value),
        InjectedFault::UnsetEnv(name) => world.unset_env(name),
        InjectedFault::Token(None) => fs::remove_file(world.mounted("token")).unwrap(),
        InjectedFault::Token(Some(token)) => fs::write(world.mounted("token"), token).unwrap(),
        InjectedFault::Clocks(fault) => {
            world.api.set(fault.parse::<ApiFault>().unwrap()).await;
            world
                .castai
                .set(fault.parse::<CastAiFault>().unwrap())
                .await;
        }
        InjectedFault::Imds(fault) | InjectedFault::Discovery(fault) => {
            world.imds.set(fault.parse::<ImdsFault>().unwrap()).await;
        }
        InjectedFault::DiscoveryWithRequiredToken(fault) => {
            world.imds.set(fault.parse::<ImdsFault>().unwrap()).await;
            world.set_env("AWS_EC2_METADATA_V1_DISABLED", "true");
        }
        InjectedFault::Envs(variables) => {
            for (name, value) in variables {
                match value {
                    Some(value) => world.set_env(name, value),
                    None => world.unset_env(name),
                }
            }
        }
        InjectedFault::Gce(fault) => world.gce.set(fault.parse::<GceFault>().unwrap()).await,
        InjectedFault::AzureImds(fault) => {
            world
                .azure
                .set(fault.parse::<AzureImdsFault>().unwrap())
                .await;
        }
        InjectedFault::Eks(fault) | InjectedFault::EksInDiscovery(fault) => {
            world.eks.set(fault.parse::<EksFault>().unwrap()).await;
        }
        InjectedFault::Gke(fault) => {
            world.apis[0]
                .set(fault.parse::<CloudApiFault>().unwrap())
                .await;
        }
        InjectedFault::Aks(fault) => {
            world.apis[1]
                .set(fault.parse::<CloudApiFault>().unwrap())
                .await;
        }
        InjectedFault::OtherProvider(provider, variables) => {
            world.set_provider(provider);
            for (name, value) in variables {
                world.set_env(name, value);
            }
        }
        InjectedFault::AgentHealthz(fault) => {
            world.agent.set(fault.parse::<AgentFault>().unwrap()).await;
        }
        InjectedFault::LostPermission(resource) => world.api.deny(&[resource]),
        InjectedFault::AgentApiResponses(code) => world.agent.add_api_responses(code, 40),
        InjectedFault::Lease(lease) => world.with_lease("agent-leader-election-lock", lease),
        InjectedFault::CastaiClusterField(field, value) => world
            .castai
            .set_field(field, serde_json::from_str(value).unwrap()),
        InjectedFault::ClusterIdInConfigMap(id) => {
            world.unset_env("STATIC_CLUSTER_ID");
            world.with_cluster_id(id);
        }
        InjectedFault::Sts(fault) => world.sts.set(fault.parse::<StsFault>().unwrap()).await,
        InjectedFault::StsForRole(fault) => {
            world.sts.set(fault.parse::<StsFault>().unwrap()).await;
            // Cached credentials would last for minutes.
            world.configure();
        }
        InjectedFault::Ec2(fault) | InjectedFault::Ec2InDiscovery(fault) => {
            world.ec2.set(fault.parse::<Ec2Fault>().unwrap()).await;
        }
        InjectedFault::ProxyToAws(name, fault) => {
            world.proxy.set(fault.parse::<ProxyFault>().unwrap()).await;
            let others = [CASTAI, STS, EC2, EKS]
                .into_iter()
                .filter(|other| *other != name)
                .collect::<Vec<_>>()
                .join(",");
            world.env.insert(
                "NO_PROXY".to_owned(),
                format!("127.0.0.0/8,{KUBERNETES},{others}"),
            );
            world.set_env(
                "HTTPS_PROXY",
                &format!("http://proxy.lab:{}", world.proxy.addr().port()),
            );
        }
        InjectedFault::AccessKey(id, secret) => world.with_key(id, secret),
        InjectedFault::AccessKeyBesideRole => {
            world.with_web_identity(WebIdentity::Token("sts.amazonaws.com", -60, 86_000));
            world.with_key(lab::aws::KEY_ID, lab::aws::SECRET);
        }
        InjectedFault::ProfileRole => {
            let file = world.mounted("credentials");
            let (id, secret) = (lab::aws::KEY_ID, lab::aws::SECRET);
            let key = format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
            let role = "role_arn = arn:aws:iam::123456789012:role/nobodys\nsource_profile = base\n";
            fs::write(&file, format!("[default]\n{role}[base]\n{key}")).unwrap();
            world.set_env("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap());
        }
        InjectedFault::NodeInOtherRegion => {
            world.imds.set(ImdsFault::OtherRegion).await;
            world.account.set_instances(vec![Instance {
                region: "us-west-2".to_owned(),
                ..Instance::default()
            }]);
            world.configure();
        }
        InjectedFault::NoInstances => world.account.set_instances(Vec::new()),
        InjectedFault::Irsa(token) => world.with_web_identity(token),
        InjectedFault::PodIdentity(token) => world.with_pod_identity(token),
        InjectedFault::PodIdentityAgent(fault) => {
            world.with_pod_identity(Some(&lab::aws::pod_identity_token()));
            world
                .pod_identity
                .set(fault.parse::<PodIdentityFault>().unwrap())
                .await;
        }
        InjectedFault::RoleAddedAfterPod(variables) => {
            world.run_in_agent_pod("v0.123.1");
            world.annotate(Some(&Account::role_arn(lab::aws::ROLE)));
            for (name, value) in variables {
                world.set_env(name, value);
            }
        }
        InjectedFault::RoleChangedAfterPod => {
            world.run_in_agent_pod("v0.123.1");
            world.annotate(Some(&Account::role_arn("another")));
            world.with_web_identity(WebIdentity::Token("sts.amazonaws.com", -60, 86_000));
        }
        InjectedFault::PodIdentityWithAgentVersion(version) => {
            // The SDK of this agent ignores endpoint variables.
            world.dns.add("sts.amazonaws.com", world.sts.addr().ip());
            world
                .dns
                .add("ec2.eu-central-1.amazonaws.com", world.ec2.addr().ip());
            world.file = format!("{}  version: {version}\n", world.file);
            world.with_pod_identity(Some(&lab::aws::pod_identity_token()));
            // The agent's SDK rejects this address, so no request is sent.
            world.set_env(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://169.254.170.23/v1/credentials",
            );
        }
    }
}

impl LabCluster {
    /// Gives the agent a role by web identity, with this token.
    pub fn with_web_identity(&mut self, token: WebIdentity) {
        let file = self.mounted("aws-token");
        match token {
            WebIdentity::Missing => {}
            WebIdentity::Text(text) => fs::write(&file, text).unwrap(),
            WebIdentity::Token(audience, made, ends) => {
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap()
                    .as_secs()
                    .cast_signed();
                let claims = serde_json::json!({
                    "iss": "https://oidc.eks.eu-central-1.amazonaws.com/id/LAB",
                    "sub": "system:serviceaccount:castai-agent:castai-agent",
                    "aud": [audience],
                    "iat": now + made,
                    "exp": now + ends,
                });
                fs::write(&file, lab::jwt_with_claims(&claims)).unwrap();
            }
        }
        self.set_env(
            "AWS_ROLE_ARN",
            "arn:aws:iam::123456789012:role/castai-agent",
        );
        self.set_env("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap());
    }

    /// Stops renewing a lease and sets its holder and age in seconds, or deletes it.
    pub fn with_lease(&mut self, name: &'static str, lease: Option<(Option<&str>, i64)>) {
        self.no_leader = Some(name);
        match lease {
            None => drop(self.api.objects().remove("Lease", "castai-agent", name)),
            Some((holder, renewed)) => {
                self.api
                    .objects()
                    .change("Lease", "castai-agent", name, |lease| {
                        lease["spec"]["holderIdentity"] = serde_json::json!(holder);
                        lease["spec"]["renewTime"] =
                            serde_json::json!(lab::apiserver::workload::ago(renewed));
                    });
            }
        }
    }

    /// Writes the cluster id that the agent noted in its `ConfigMap`.
    pub fn with_cluster_id(&self, id: &str) {
        self.api.objects().put(serde_json::json!({
            "kind": "ConfigMap", "apiVersion": "v1",
            "metadata": { "name": "castai-agent-metadata", "namespace": "castai-agent" },
            "data": { "CLUSTER_ID": id },
        }));
    }

    /// Gives the agent an access key.
    pub fn with_key(&mut self, id: &str, secret: &str) {
        self.env
            .insert("AWS_ACCESS_KEY_ID".to_owned(), id.to_owned());
        self.set_env("AWS_SECRET_ACCESS_KEY", secret);
    }

    /// Returns a lab cluster whose agent has a role by web identity.
    pub fn with_web_identity_role() -> Self {
        let mut world = Self::start();
        world.with_web_identity(WebIdentity::Token("sts.amazonaws.com", -60, 86_000));
        world
    }

    /// Gives the agent EKS Pod Identity with this token.
    pub fn with_pod_identity(&mut self, token: Option<&str>) {
        let file = self.mounted("eks-token");
        if let Some(token) = token {
            fs::write(&file, token).unwrap();
        }
        self.set_env(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            &self.pod_identity.uri(),
        );
        self.set_env(
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            file.to_str().unwrap(),
        );
    }

    /// Runs the exporter in an agent pod of this version.
    pub fn run_in_agent_pod(&self, version: &str) {
        let token = lab::service_account_token(SystemTime::now() + Duration::from_hours(1));
        fs::write(self.mounted("token"), &token).unwrap();
        self.api.set_tokens(vec![lab::TOKEN.to_owned(), token]);
        let image = format!("us-docker.pkg.dev/castai-hub/library/agent:{version}");
        self.has_pod(&serde_json::json!({
            "metadata": { "name": POD },
            "spec": { "containers": [{ "name": "agent", "image": image }, { "name": "health", "image": "exporter" }] },
        }));
        self.annotate(None);
    }

    /// Adds the pod to the API server.
    pub fn has_pod(&self, pod: &serde_json::Value) {
        let path = format!("/api/v1/namespaces/castai-agent/pods/{POD}");
        self.api.set_object(&path, Some(pod.clone()));
    }

    /// Adds the pod's node to the API server as the lab's instance in this region.
    pub fn has_node(&self, region: &str) {
        let instance = Instance::default().id;
        let node = serde_json::json!({
            "metadata": { "labels": { "topology.kubernetes.io/region": region } },
            "spec": { "providerID": format!("aws:///{region}a/{instance}") },
        });
        self.api
            .set_object("/api/v1/nodes/ip-10-0-1-23.ec2.internal", Some(node));
    }

    /// Sets the role annotation of the service account.
    pub fn annotate(&self, role: Option<&str>) {
        let annotations =
            role.map(|role| serde_json::json!({ "eks.amazonaws.com/role-arn": role }));
        let account = serde_json::json!({ "metadata": { "name": "castai-agent", "annotations": annotations } });
        let path = lab::apiserver::workload::SERVICE_ACCOUNT_PATH;
        self.api.set_object(path, Some(account));
    }
}

pub async fn heal(
    world: &mut LabCluster,
    (env, file): (std::collections::BTreeMap<String, String>, String),
) {
    heal_servers(world).await;
    world
        .api
        .objects()
        .replace(lab::apiserver::workload::healthy());
    world.api.logs().clear();
    fs::write(world.mounted("token"), lab::TOKEN).unwrap();
    world.file = file;
    world.restore_env(env);
}

/// Heals the servers. Objects, logs, environment and the exporter's memory stay as they are.
pub async fn heal_servers(world: &mut LabCluster) {
    world.api.heal().await;
    world.api.deny(&[]);
    world.castai.heal().await;
    world.castai.reset_fields();
    world.agent.heal().await;
    world.no_leader = None;
    for (name, holder) in lab::apiserver::workload::LEASES {
        let lease = lab::apiserver::workload::lease(name, holder);
        world.api.objects().put(lease);
    }
    world.dns.heal();
    world.proxy.heal().await;
    world.imds.heal().await;
    world.gce.heal().await;
    world.azure.heal().await;
    world.sts.heal().await;
    world.ec2.heal().await;
    world.eks.heal().await;
    world.pod_identity.heal().await;
    world.account.set_instances(vec![Instance::default()]);
    for api in &world.apis {
        api.heal().await;
    }
}
