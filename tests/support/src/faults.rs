//! Breaks a [`LabCluster`] in one way, and heals it.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lab::aws::{Account, Instance};
use lab::{
    AgentFault, ApiFault, AzureImdsFault, CastAiFault, CloudApiFault, DnsFault, Ec2Fault, EksFault,
    GceFault, ImdsFault, PodIdentityFault, ProxyFault, StsFault,
};

use crate::lab_cluster::{CASTAI, EC2, EKS, KUBERNETES, LabCluster, STS};
use crate::scenarios::{Break, WebIdentity};

/// Pod that the lab's token is bound to.
const POD: &str = "castai-agent-6d8f9c7b5-x2x4z";

/// Returns a healthy lab cluster that is set up for this fault.
pub fn world_for(broken: Break) -> LabCluster {
    match broken {
        Break::Proxy(_) | Break::CastaiBehindProxy(_) => LabCluster::behind_a_proxy(),
        Break::Gce(_) | Break::Gke(_) => LabCluster::of("gke"),
        Break::AzureImds(_) | Break::Aks(_) => LabCluster::of("aks"),
        Break::Discovery(_)
        | Break::DiscoveryByTokens(_)
        | Break::Ec2InDiscovery(_)
        | Break::EksInDiscovery(_) => LabCluster::in_discovery(),
        Break::StsForRole(_) | Break::ProxyToAws(STS, _) => LabCluster::with_a_role(),
        _ => LabCluster::start(),
    }
}

#[expect(clippy::too_many_lines, reason = "an arm for each kind of break")]
pub async fn break_world(world: &mut LabCluster, broken: Break) {
    match broken {
        Break::Api(fault) => world.api.set(fault.parse::<ApiFault>().unwrap()).await,
        Break::OneEndpoint(fault) => {
            world.api.endpoints()[0]
                .set(fault.parse::<ApiFault>().unwrap())
                .await
        }
        Break::Castai(fault) | Break::CastaiBehindProxy(fault) => {
            world
                .castai
                .set(fault.parse::<CastAiFault>().unwrap())
                .await;
        }
        Break::Proxy(fault) => world.proxy.set(fault.parse::<ProxyFault>().unwrap()).await,
        Break::ProxyToApi(fault) => {
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
        Break::Name(name, fault) => world.dns.set_for(name, fault.parse::<DnsFault>().unwrap()),
        Break::ApiAddress(address) => world.set_env("KUBERNETES_SERVICE_HOST", address),
        Break::Env(name, value) => world.set_env(name, value),
        Break::NoEnv(name) => world.unset_env(name),
        Break::Token(None) => fs::remove_file(world.mounted("token")).unwrap(),
        Break::Token(Some(token)) => fs::write(world.mounted("token"), token).unwrap(),
        Break::Clocks(fault) => {
            world.api.set(fault.parse::<ApiFault>().unwrap()).await;
            world
                .castai
                .set(fault.parse::<CastAiFault>().unwrap())
                .await;
        }
        Break::Imds(fault) | Break::Discovery(fault) => {
            world.imds.set(fault.parse::<ImdsFault>().unwrap()).await
        }
        Break::DiscoveryByTokens(fault) => {
            world.imds.set(fault.parse::<ImdsFault>().unwrap()).await;
            world.set_env("AWS_EC2_METADATA_V1_DISABLED", "true");
        }
        Break::Envs(variables) => {
            for (name, value) in variables {
                match value {
                    Some(value) => world.set_env(name, value),
                    None => world.unset_env(name),
                }
            }
        }
        Break::Gce(fault) => world.gce.set(fault.parse::<GceFault>().unwrap()).await,
        Break::AzureImds(fault) => {
            world
                .azure
                .set(fault.parse::<AzureImdsFault>().unwrap())
                .await
        }
        Break::Eks(fault) | Break::EksInDiscovery(fault) => {
            world.eks.set(fault.parse::<EksFault>().unwrap()).await;
        }
        Break::Gke(fault) => {
            world.apis[0]
                .set(fault.parse::<CloudApiFault>().unwrap())
                .await
        }
        Break::Aks(fault) => {
            world.apis[1]
                .set(fault.parse::<CloudApiFault>().unwrap())
                .await
        }
        Break::DiscoveredAgent(provider, variables) => {
            world.move_to(provider);
            for (name, value) in variables {
                world.set_env(name, value);
            }
        }
        Break::Agent(fault) => world.agent.set(fault.parse::<AgentFault>().unwrap()).await,
        Break::Meets(code) => world.agent.add_api_responses(code, 40),
        Break::Lease(lease) => world.with_lease("agent-leader-election-lock", lease),
        Break::Cluster(field, value) => world
            .castai
            .set_field(field, serde_json::from_str(value).unwrap()),
        Break::ClusterOfConfigMap(id) => {
            world.unset_env("STATIC_CLUSTER_ID");
            world.with_cluster_id(id);
        }
        Break::Sts(fault) => world.sts.set(fault.parse::<StsFault>().unwrap()).await,
        Break::StsForRole(fault) => {
            world.sts.set(fault.parse::<StsFault>().unwrap()).await;
            // Cached credentials would last for minutes.
            world.configure();
        }
        Break::Ec2(fault) | Break::Ec2InDiscovery(fault) => {
            world.ec2.set(fault.parse::<Ec2Fault>().unwrap()).await
        }
        Break::ProxyToAws(name, fault) => {
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
        Break::Keys(id, secret) => world.with_key(id, secret),
        Break::KeysBesideRole => {
            world.with_web_identity(WebIdentity::Token("sts.amazonaws.com", -60, 86_000));
            world.with_key(lab::aws::KEY_ID, lab::aws::SECRET);
        }
        Break::ProfileRole => {
            let file = world.mounted("credentials");
            let (id, secret) = (lab::aws::KEY_ID, lab::aws::SECRET);
            let key = format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
            let role = "role_arn = arn:aws:iam::123456789012:role/nobodys\nsource_profile = base\n";
            fs::write(&file, format!("[default]\n{role}[base]\n{key}")).unwrap();
            world.set_env("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap());
        }
        Break::InAnotherRegion => {
            world.imds.set(ImdsFault::OtherRegion).await;
            world.account.set_instances(vec![Instance {
                region: "us-west-2".to_owned(),
                ..Instance::default()
            }]);
            world.configure();
        }
        Break::NoInstances => world.account.set_instances(Vec::new()),
        Break::Irsa(token) => world.with_web_identity(token),
        Break::PodIdentity(token) => world.with_pod_identity(token),
        Break::PodIdentityAgent(fault) => {
            world.with_pod_identity(Some(&lab::aws::pod_identity_token()));
            world
                .pod_identity
                .set(fault.parse::<PodIdentityFault>().unwrap())
                .await;
        }
        Break::LateRole(variables) => {
            world.in_the_agents_pod("v0.123.1");
            world.annotate(Some(&Account::role_arn(lab::aws::ROLE)));
            for (name, value) in variables {
                world.set_env(name, value);
            }
        }
        Break::ChangedRole => {
            world.in_the_agents_pod("v0.123.1");
            world.annotate(Some(&Account::role_arn("another")));
            world.with_web_identity(WebIdentity::Token("sts.amazonaws.com", -60, 86_000));
        }
        Break::PodIdentityOf(version) => {
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
                    })
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
    pub fn with_a_role() -> Self {
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
    pub fn in_the_agents_pod(&self, version: &str) {
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
        self.api.set_object(
            "/api/v1/namespaces/castai-agent/serviceaccounts/castai-agent",
            Some(account),
        );
    }
}

pub async fn heal(
    world: &mut LabCluster,
    (env, file): (std::collections::BTreeMap<String, String>, String),
) {
    world.api.heal().await;
    world.castai.heal().await;
    world.castai.reset_fields();
    world.agent.heal().await;
    world.no_leader = None;
    world
        .api
        .objects()
        .replace(lab::apiserver::workload::healthy());
    world.api.logs().clear();
    world.dns.heal();
    world.proxy.heal().await;
    fs::write(world.mounted("token"), lab::TOKEN).unwrap();
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
    world.file = file;
    world.restore_env(env);
}
