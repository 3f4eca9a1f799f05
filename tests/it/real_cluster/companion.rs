//! The companion beside a real API server, with the rights that the chart gives it and no others: it reads the agent's
//! environment, follows it, and acts as the agent.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use castai_health_exporter::catalogue::rights;
use castai_health_exporter::catalogue::rights::Place;
use lab::CastAi;
use lab::Dns;
use lab::Pki;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::cluster::Account;
use crate::support::cluster::ApiServer;
use crate::support::cluster::Cluster;
use crate::support::cluster::Token;
use crate::support::exporter;
use crate::support::exporter::Exporter;
use crate::support::helm::AGENT_CHART;
use crate::support::helm::CHART;
use crate::support::helm::Helm;

/// A look at the agent every 15 s, and an attempt after it.
const FOLLOWED: Duration = Duration::from_secs(45);
pub(super) const NAMESPACE: &str = "castai-agent";

/// A real control plane with an agent-shaped chart and ours, a pretend CAST AI, and what the companion's pod is given.
pub(super) struct Scene {
    pub(super) cluster: Cluster,
    castai: CastAi,
    public: Pki,
    _dns: Dns,
    env: BTreeMap<String, String>,
    file: PathBuf,
    dir: TempDir,
}

impl Scene {
    async fn start() -> Self {
        Self::of(Cluster::start(1).await.unwrap(), ApiServer::PORT).await
    }

    /// In this cluster, whose API server the companion reaches at this port.
    pub(super) async fn of(cluster: Cluster, port: u16) -> Self {
        let public = Pki::new("Lab Public Root");
        let castai = CastAi::start(&public, lab::castai::Options::default()).unwrap();
        let dns = Dns::start([127, 0, 0, 53].into(), [("nothing.lab", [127, 0, 0, 1].into())]).unwrap();
        let dir = TempDir::new().unwrap();
        cluster.kubectl(&["create", "namespace", NAMESPACE]).await.unwrap();
        let install = ["install", "castai-health-exporter", CHART, "--namespace", NAMESPACE];
        Helm::four().on(&cluster, &install).await.unwrap();
        let account =
            Account { namespace: NAMESPACE, name: "castai-health-exporter", token: Token::Valid, grants: &[] };
        let mount = cluster.mount(&account).await.unwrap();
        let host = cluster.api_servers()[0].host;
        fs::write(dir.path().join("hosts"), format!("{host} localhost\n")).unwrap();
        let file = dir.path().join("exporter.yaml");
        let text = format!(
            "apiserver: {{ service_account_dir: {}, dns_name: 'localhost:{port}' }}\n\
             agent: {{ namespace: {NAMESPACE}, mounts: mounts }}\n\
             dns: {{ hosts_file: hosts, nameservers: ['{}'] }}\n\
             vantage: companion\n\
             checks: {{ apiserver: {{ interval: 2s }}, castai_api: {{ interval: 2s }}, agent_workload: {{ interval: 2s }}, \
             agent_upgrade: {{ interval: 2s }} }}\n",
            mount.display(),
            dns.addr(),
        );
        fs::write(&file, text).unwrap();
        let env = [
            ("KUBERNETES_SERVICE_HOST".to_owned(), host.to_string()),
            ("KUBERNETES_SERVICE_PORT".to_owned(), port.to_string()),
        ];
        Self { cluster, castai, public, _dns: dns, env: env.into(), file, dir }
    }

    /// Installs or upgrades the agent; it asks nothing of AWS.
    pub(super) async fn agent(&self, helm: &Helm, url: &str) {
        let values = serde_json::json!({
            "apiURL": url,
            "apiKey": lab::API_KEY,
            "env": {
                "TLS_CA_CERT_FILE": self.public.ca_pem(),
                "EKS_ACCOUNT_ID": "123456789012",
                "EKS_REGION": "eu-central-1",
                "EKS_CLUSTER_NAME": "lab",
                "EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED": "false",
            },
        });
        let path = self.dir.path().join("agent.json");
        fs::write(&path, values.to_string()).unwrap();
        let path = path.to_str().unwrap();
        let arguments = ["upgrade", "--install", "castai-agent", AGENT_CHART, "--namespace", NAMESPACE, "-f", path];
        helm.on(&self.cluster, &arguments).await.unwrap();
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}", self.castai.addr())
    }

    /// What the kubelet would mount of the agent's Secret.
    pub(super) fn mount_secret(&self) {
        let folder = self.dir.path().join("mounts/secrets/castai-agent");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("API_KEY"), lab::API_KEY).unwrap();
    }

    pub(super) async fn exporter(&self) -> Exporter {
        Exporter::start(&self.env, &self.file).await
    }

    /// Examines once: the checks by name.
    async fn check(&self) -> BTreeMap<String, Value> {
        let report = exporter::check(&self.env, &self.file).await;
        let checks = report["checks"].as_array().unwrap();
        checks.iter().map(|check| (check["id"].as_str().unwrap().to_owned(), check.clone())).collect()
    }
}

fn status(check: &str, status: &str) -> String {
    format!(r#"castai_health_check_status{{check="{check}",status="{status}"}} 1"#)
}

fn info(environment: &str) -> String {
    format!(r#"castai_health_exporter_info{{vantage="companion",scope="all",agent_environment="{environment}"}} 1"#)
}

#[tokio::test]
async fn it_follows_the_agent_through_upgrade_rollback_removal_and_return() {
    let scene = Scene::start().await;
    let [helm3, helm4] = Helm::both();
    scene.mount_secret();
    let exporter = scene.exporter().await;
    let absent = [status("apiserver", "not_applicable"), status("castai_api", "not_applicable"), info("none")];
    let fine = [status("apiserver", "ok"), status("castai_api", "ok"), info("pod")];
    let shows = async |lines: &[String]| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        exporter.shows(&lines, FOLLOWED).await
    };
    shows(&absent).await;
    scene.agent(&helm3, &scene.url()).await;
    shows(&fine).await;

    // The agent is upgraded with a slip, and rolled back.
    scene.agent(&helm3, "/no/host").await;
    let slip = r#"castai_health_failure{check="castai_api",mode="agent_config_invalid"} 1"#;
    shows(&[slip.to_owned(), info("pod")]).await;
    helm3.on(&scene.cluster, &["rollback", "castai-agent", "1", "--namespace", NAMESPACE]).await.unwrap();
    shows(&fine).await;

    // It is removed, account and all, and comes back by the other Helm.
    helm3.on(&scene.cluster, &["uninstall", "castai-agent", "--namespace", NAMESPACE]).await.unwrap();
    shows(&absent).await;
    scene.agent(&helm4, &scene.url()).await;
    shows(&fine).await;

    // Its Deployment has no pod, and then there is no Deployment.
    let agent = ["--namespace", NAMESPACE, "deployment", "castai-agent"];
    scene.cluster.kubectl(&[["scale", "--replicas=0"].as_slice(), &agent].concat()).await.unwrap();
    shows(&[status("castai_api", "ok"), info("deployment")]).await;
    scene.cluster.kubectl(&[["delete"].as_slice(), &agent].concat()).await.unwrap();
    shows(&[status("apiserver", "ok"), status("castai_api", "not_applicable"), info("none")]).await;

    let log = exporter.log();
    assert!(!log.contains(lab::API_KEY) && !log.contains("eyJ"), "a secret is in the log: {log}");
}

#[tokio::test]
async fn a_value_that_lies_in_a_secret_that_is_not_mounted_is_unknown_and_not_missing() {
    let scene = Scene::start().await;
    scene.agent(&Helm::four(), &scene.url()).await;
    let checks = scene.check().await;
    assert_eq!(checks["castai_api"]["status"], "unknown", "{:?}", checks["castai_api"]);
    let evidence = checks["castai_api"]["evidence"].as_str().unwrap();
    for word in ["answers", "API_KEY may lie in the Secret castai-agent", "agent.secrets"] {
        assert!(evidence.contains(word), "{word}: {evidence}");
    }
    assert_eq!(checks["apiserver"]["status"], "ok", "{:?}", checks["apiserver"]);
}

/// Role, resource, verb; the check that does not work without it, and a word of its evidence.
const RIGHTS: &[(&str, &str, &str, &str, &str)] = &[
    ("castai-agent/castai-health-exporter", "deployments", "get", "castai_api", "may not get deployments.apps"),
    ("castai-agent/castai-health-exporter", "replicasets", "get", "castai_api", "may not get replicasets.apps"),
    (
        "castai-agent/castai-health-exporter",
        "serviceaccounts/token",
        "create",
        "apiserver",
        "may not create serviceaccounts/token",
    ),
    ("default/castai-health-exporter-default", "endpointslices", "get", "apiserver", "may not be listed"),
];

#[tokio::test]
async fn each_right_is_needed_and_there_is_no_other() {
    let scene = Scene::start().await;
    scene.agent(&Helm::four(), &scene.url()).await;
    scene.mount_secret();
    let everywhere = ["get", "roles,clusterroles", "--all-namespaces", "-ojson"];
    let labelled = [everywhere.as_slice(), &["--selector=app.kubernetes.io/name=castai-health-exporter"]].concat();
    let roles: Value = serde_json::from_str(&scene.cluster.kubectl(&labelled).await.unwrap()).unwrap();
    let mut granted = Vec::new();
    for role in roles["items"].as_array().unwrap() {
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let name = format!("{}/{}", text(&role["metadata"]["namespace"]), text(&role["metadata"]["name"]));
        for rule in role["rules"].as_array().unwrap() {
            for (resource, verb) in rule["resources"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|resource| rule["verbs"].as_array().unwrap().iter().map(move |verb| (resource, verb)))
            {
                granted.push((name.clone(), text(resource), text(verb)));
            }
        }
    }
    granted.sort();
    let mut needed: Vec<_> = RIGHTS
        .iter()
        .map(|(role, resource, verb, ..)| ((*role).to_owned(), (*resource).to_owned(), (*verb).to_owned()))
        .collect();
    // What is watched; that each check names the verb it lacks is held where the checks are.
    for right in rights::RIGHTS.iter().filter(|right| !right.checks.is_empty()) {
        let role = match right.place {
            Place::AgentNamespace => "castai-agent/castai-health-exporter",
            Place::Cluster => "/castai-health-exporter-cluster",
            Place::Namespace(_) => continue,
        };
        if right.resource != "namespaces" {
            // The namespace is read as the agent.
            needed.extend(
                right.verbs.iter().map(|verb| (role.to_owned(), right.resource.to_owned(), (*verb).to_owned())),
            );
        }
    }
    needed.sort();
    assert_eq!(granted, needed, "the chart gives more or less than is used");

    for (role, resource, verb, check, word) in RIGHTS {
        let (namespace, name) = role.split_once('/').unwrap();
        let get = ["get", "role", "--namespace", namespace, name, "-ojson"];
        let whole = scene.cluster.kubectl(&get).await.unwrap();
        let mut role: Value = serde_json::from_str(&whole).unwrap();
        role["rules"].as_array_mut().unwrap().retain(|rule| rule["resources"] != serde_json::json!([resource]));
        let path = scene.dir.path().join("role.json");
        let replaced = async |text: String| {
            fs::write(&path, text).unwrap();
            scene.cluster.kubectl(&["replace", "--force", "-f", path.to_str().unwrap()]).await.unwrap();
        };
        replaced(role.to_string()).await;
        let checks = scene.check().await;
        let evidence = checks[*check]["evidence"].as_str().unwrap();
        assert!(evidence.contains(word), "without {verb} {resource}: {evidence}");
        replaced(whole).await;
    }
    let checks = scene.check().await;
    assert_eq!((&checks["apiserver"]["status"], &checks["castai_api"]["status"]), (&"ok".into(), &"ok".into()));
}
