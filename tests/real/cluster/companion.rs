//! Tests of the companion on a real API server, with exactly the chart's permissions: it reads the
//! agent's environment, follows changes, and acts with the agent's identity.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use castai_health_exporter::catalogue::permission;
use lab::aws::{Endpoint, OidcProvider, ROLE, Role, SUBJECT, SigningKeys, WebIdentity};
use lab::{CastAi, Dns, Ec2, Pki, Sts};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::exporter;
use test_support::exporter::Exporter;

use super::role::{AUDIENCE, ISSUER};
use crate::support::cluster::{Account, ApiServer, Cluster, Token};
use crate::support::helm::{AGENT_CHART, CHART, Helm};

/// One poll of the agent every 15 s, plus an attempt.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(45);
pub(super) const NAMESPACE: &str = "castai-agent";

/// A real control plane with the agent's chart and ours, a simulated CAST AI, and the files of the
/// companion's pod.
pub(super) struct CompanionBed {
    pub(super) cluster: Cluster,
    castai: CastAi,
    public: Pki,
    _dns: Dns,
    env: BTreeMap<String, String>,
    file: PathBuf,
    dir: TempDir,
}

impl CompanionBed {
    async fn start() -> Self {
        Self::of(Cluster::start(1).await.unwrap(), ApiServer::PORT).await
    }

    /// Starts the test bed in this cluster; the companion reaches its API server at this port.
    pub(super) async fn of(cluster: Cluster, port: u16) -> Self {
        Self::start_in_namespace(cluster, port, NAMESPACE).await
    }

    /// Starts the test bed with the companion in the namespace `own`.
    async fn start_in_namespace(cluster: Cluster, port: u16, own: &str) -> Self {
        let public = Pki::new("Lab Public Root");
        let castai = CastAi::start(&public, lab::castai::Options::default()).unwrap();
        let dns = Dns::start(
            [127, 0, 0, 53].into(),
            [("nothing.lab", [127, 0, 0, 1].into())],
        )
        .unwrap();
        let dir = TempDir::new().unwrap();
        cluster
            .kubectl(&["create", "namespace", NAMESPACE])
            .await
            .unwrap();
        let agent = format!("agent.namespace={NAMESPACE}");
        let install = [
            "install",
            "castai-health-exporter",
            CHART,
            "--namespace",
            own,
            "--create-namespace",
            "--set",
            &agent,
        ];
        Helm::latest().on(&cluster, &install).await.unwrap();
        let account = Account {
            namespace: own,
            name: "castai-health-exporter",
            token: Token::Valid,
            grants: &[],
        };
        let mount = cluster.mount(&account).await.unwrap();
        let host = cluster.api_servers()[0].host;
        let aws = [Endpoint::sts(), Endpoint::ec2()]
            .map(|place| format!("{} {}\n", place.addr.ip(), place.names[0]));
        fs::write(
            dir.path().join("hosts"),
            format!("{host} localhost\n{}", aws.concat()),
        )
        .unwrap();
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
        Self {
            cluster,
            castai,
            public,
            _dns: dns,
            env: env.into(),
            file,
            dir,
        }
    }

    /// Installs or upgrades the agent without calls to AWS.
    pub(super) async fn agent(&self, helm: &Helm, url: &str) {
        self.agent_with(
            helm,
            url,
            &json!({ "env": { "EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED": "false" } }),
        )
        .await;
    }

    /// Installs or upgrades the agent with additional values.
    async fn agent_with(&self, helm: &Helm, url: &str, more: &Value) {
        let mut values = json!({
            "apiURL": url,
            "apiKey": lab::API_KEY,
            "env": {
                "TLS_CA_CERT_FILE": self.public.ca_pem(),
                "EKS_ACCOUNT_ID": "123456789012",
                "EKS_REGION": "eu-central-1",
                "EKS_CLUSTER_NAME": "lab",
            },
        });
        for (name, value) in more.as_object().unwrap() {
            match value.as_object() {
                Some(variables) => values[name]
                    .as_object_mut()
                    .unwrap()
                    .extend(variables.clone()),
                None => values[name] = value.clone(),
            }
        }
        let path = self.dir.path().join("agent.json");
        fs::write(&path, values.to_string()).unwrap();
        let path = path.to_str().unwrap();
        let arguments = [
            "upgrade",
            "--install",
            "castai-agent",
            AGENT_CHART,
            "--namespace",
            NAMESPACE,
            "-f",
            path,
        ];
        helm.on(&self.cluster, &arguments).await.unwrap();
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}", self.castai.addr())
    }

    /// Writes the files that the kubelet would mount from the agent's Secret.
    pub(super) fn mount_secret(&self) {
        let folder = self.dir.path().join("mounts/secrets/castai-agent");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("API_KEY"), lab::API_KEY).unwrap();
    }

    pub(super) async fn exporter(&self) -> Exporter {
        Exporter::start(&self.env, &self.file).await
    }

    /// Runs `check` and returns the results by check name.
    async fn check(&self) -> BTreeMap<String, Value> {
        let report = exporter::check(&self.env, &self.file).await;
        let checks = report["checks"].as_array().unwrap();
        checks
            .iter()
            .map(|check| (check["id"].as_str().unwrap().to_owned(), check.clone()))
            .collect()
    }
}

fn status(check: &str, status: &str) -> String {
    format!(r#"castai_health_check_status{{check="{check}",status="{status}"}} 1"#)
}

fn info(environment: &str) -> String {
    format!(
        r#"castai_health_exporter_info{{vantage="companion",scope="all",agent_environment="{environment}"}} 1"#
    )
}

#[tokio::test]
async fn companion_follows_agent_upgrade_rollback_and_reinstall() {
    let bed = CompanionBed::start().await;
    let [helm3, helm4] = Helm::both();
    bed.mount_secret();
    let exporter = bed.exporter().await;
    let absent = [
        status("apiserver", "not_applicable"),
        status("castai_api", "not_applicable"),
        info("none"),
    ];
    let fine = [
        status("apiserver", "ok"),
        status("castai_api", "ok"),
        info("pod"),
    ];
    let wait_for_metrics = async |lines: &[String]| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        exporter.wait_for_metrics(&lines, FOLLOW_TIMEOUT).await
    };
    wait_for_metrics(&absent).await;
    bed.agent(&helm3, &bed.url()).await;
    wait_for_metrics(&fine).await;

    // Upgrade the agent with an invalid value, then roll back.
    bed.agent(&helm3, "/no/host").await;
    let slip = r#"castai_health_failure{check="castai_api",mode="agent_config_invalid"} 1"#;
    wait_for_metrics(&[slip.to_owned(), info("pod")]).await;
    helm3
        .on(
            &bed.cluster,
            &["rollback", "castai-agent", "1", "--namespace", NAMESPACE],
        )
        .await
        .unwrap();
    wait_for_metrics(&fine).await;

    // Uninstall the agent with its account, then reinstall it with the other Helm.
    helm3
        .on(
            &bed.cluster,
            &["uninstall", "castai-agent", "--namespace", NAMESPACE],
        )
        .await
        .unwrap();
    wait_for_metrics(&absent).await;
    bed.agent(&helm4, &bed.url()).await;
    wait_for_metrics(&fine).await;

    // Scale the Deployment to zero, then delete it.
    let agent = ["--namespace", NAMESPACE, "deployment", "castai-agent"];
    bed.cluster
        .kubectl(&[["scale", "--replicas=0"].as_slice(), &agent].concat())
        .await
        .unwrap();
    wait_for_metrics(&[status("castai_api", "ok"), info("deployment")]).await;
    let known = bed
        .cluster
        .kubectl(&[["get", "-ojson"].as_slice(), &agent].concat())
        .await
        .unwrap();
    bed.cluster
        .kubectl(&[["delete"].as_slice(), &agent].concat())
        .await
        .unwrap();
    wait_for_metrics(&[
        status("apiserver", "ok"),
        status("castai_api", "not_applicable"),
        info("none"),
    ])
    .await;

    // Recreate it under another name; the chart's labels identify it.
    let mut renamed: Value = serde_json::from_str(&known).unwrap();
    renamed["metadata"] = json!({
        "name": "prod-castai-agent",
        "namespace": NAMESPACE,
        "labels": renamed["metadata"]["labels"],
    });
    renamed["spec"]["replicas"] = json!(1);
    let path = bed.dir.path().join("renamed.json");
    fs::write(&path, renamed.to_string()).unwrap();
    bed.cluster
        .kubectl(&["create", "-f", path.to_str().unwrap()])
        .await
        .unwrap();
    wait_for_metrics(&fine).await;

    let log = exporter.log();
    assert!(
        !log.contains(lab::API_KEY) && !log.contains("eyJ"),
        "a secret is in the log: {log}"
    );
}

#[tokio::test]
async fn unmounted_secret_value_is_unknown_not_missing() {
    let bed = CompanionBed::start().await;
    bed.agent(&Helm::latest(), &bed.url()).await;
    let checks = bed.check().await;
    assert_eq!(
        checks["castai_api"]["status"], "unknown",
        "{:?}",
        checks["castai_api"]
    );
    let evidence = checks["castai_api"]["evidence"].as_str().unwrap();
    for word in [
        "answers",
        "API_KEY may be stored in the Secret castai-agent",
        "agent.secrets",
    ] {
        assert!(evidence.contains(word), "{word}: {evidence}");
    }
    assert_eq!(
        checks["apiserver"]["status"], "ok",
        "{:?}",
        checks["apiserver"]
    );
}

/// AWS as the agent's environment addresses it.
struct Aws {
    account: lab::aws::Account,
    sts: Sts,
    ec2: Ec2,
}

impl Aws {
    /// Starts AWS with the cluster's token issuer as OIDC provider and a role for the agent's
    /// account.
    async fn of(cluster: &Cluster) -> Self {
        let account = lab::aws::Account::default();
        let sts = Sts::start(&account, None, Endpoint::sts()).unwrap();
        let ec2 = Ec2::start(&account, None, Endpoint::ec2()).unwrap();
        let keys = cluster
            .kubectl(&["get", "--raw", "/openid/v1/jwks"])
            .await
            .unwrap();
        account.set_provider(OidcProvider {
            issuer: ISSUER.to_owned(),
            audiences: vec![AUDIENCE.to_owned()],
            signing_keys: SigningKeys::Jwks(serde_json::from_str(&keys).unwrap()),
        });
        let aws = Self { account, sts, ec2 };
        aws.trust(SUBJECT);
        aws
    }

    /// Sets the trust policy of the role to this one subject.
    fn trust(&self, subject: &str) {
        let (issuer, audience, subject) =
            (ISSUER.to_owned(), AUDIENCE.to_owned(), subject.to_owned());
        let web_identity = Some(WebIdentity {
            issuer,
            audience,
            subject,
        });
        self.account.set_role(Role {
            name: ROLE.to_owned(),
            web_identity,
            principals: Vec::new(),
        });
    }

    /// Returns agent values with this role, and writes a token for this audience.
    fn values(&self, role: &str, audience: &str) -> Value {
        json!({
            "role": role,
            "audience": audience,
            "env": {
                "AWS_ENDPOINT_URL_STS": format!("http://sts.lab:{}", self.sts.addr().port()),
                "AWS_ENDPOINT_URL_EC2": format!("http://ec2.lab:{}", self.ec2.addr().port()),
                "AWS_EC2_METADATA_DISABLED": "true",
            },
        })
    }
}

#[tokio::test]
async fn companion_assumes_the_agents_role_with_requested_tokens() {
    let bed = CompanionBed::start().await;
    bed.mount_secret();
    let aws = Aws::of(&bed.cluster).await;
    let role = lab::aws::Account::role_arn(ROLE);
    let helm = Helm::latest();
    bed.agent_with(&helm, &bed.url(), &aws.values(&role, AUDIENCE))
        .await;
    let checks = bed.check().await;
    for check in ["aws_credentials", "sts_identity", "ec2_api"] {
        assert_eq!(checks[check]["status"], "ok", "{:?}", checks[check]);
    }
    let evidence = checks["aws_credentials"]["evidence"].as_str().unwrap();
    for word in [
        "source web_identity",
        SUBJECT,
        AUDIENCE,
        "serviceaccount/token of the agent's pod",
        "only a sidecar can check",
    ] {
        assert!(evidence.contains(word), "{word}: {evidence}");
    }
    assert!(!evidence.contains("may not"), "{evidence}");
    assert!(
        checks["sts_identity"]["evidence"]
            .as_str()
            .unwrap()
            .contains(&format!("assumed-role/{ROLE}/"))
    );

    // AWS rejects the companion for the same reason as it rejects the agent.
    aws.trust("system:serviceaccount:castai-agent:another");
    let checks = bed.check().await;
    assert_eq!(
        modes(&checks["sts_identity"]),
        ["aws_irsa_trust_denied"],
        "{:?}",
        checks["sts_identity"]
    );
    aws.trust(SUBJECT);
    bed.agent_with(
        &helm,
        &bed.url(),
        &aws.values(&role, "pods.eks.amazonaws.com"),
    )
    .await;
    let checks = bed.check().await;
    assert_eq!(
        modes(&checks["aws_credentials"]),
        ["aws_irsa_wrong_audience"],
        "{:?}",
        checks["aws_credentials"]
    );

    // The account got its role after the pod was created.
    bed.agent_with(&helm, &bed.url(), &aws.values("", AUDIENCE))
        .await;
    let annotate = [
        "annotate",
        "--namespace",
        NAMESPACE,
        "serviceaccount",
        "castai-agent",
    ];
    let annotation = format!("eks.amazonaws.com/role-arn={role}");
    bed.cluster
        .kubectl(&[annotate.as_slice(), &[&annotation]].concat())
        .await
        .unwrap();
    let checks = bed.check().await;
    assert_eq!(
        modes(&checks["aws_credentials"]),
        ["aws_irsa_not_injected"],
        "{:?}",
        checks["aws_credentials"]
    );
}

#[tokio::test]
async fn invalid_agent_values_are_reported_and_recover_without_restart() {
    let bed = CompanionBed::start().await;
    bed.mount_secret();
    let aws = Aws::of(&bed.cluster).await;
    let helm = Helm::latest();
    let with = |changes: Value| {
        let mut values = aws.values("", AUDIENCE);
        let env = values["env"].as_object_mut().unwrap();
        env.insert("AWS_ACCESS_KEY_ID".to_owned(), lab::aws::KEY_ID.into());
        env.insert("AWS_SECRET_ACCESS_KEY".to_owned(), lab::aws::SECRET.into());
        env.extend(changes.as_object().unwrap().clone());
        values
    };
    let fine = [
        "aws_credentials",
        "sts_identity",
        "ec2_api",
        "cluster_metadata",
    ]
    .map(|check| status(check, "ok"))
    .to_vec();
    let exporter = bed.exporter().await;
    let wait_for_metrics = async |lines: &[String]| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        exporter.wait_for_metrics(&lines, FOLLOW_TIMEOUT).await
    };
    bed.agent_with(&helm, &bed.url(), &with(json!({}))).await;
    wait_for_metrics(&fine).await;
    let slips = [
        (
            json!({ "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE" }),
            "sts_identity",
            "aws_key_invalid",
        ),
        (
            json!({ "AWS_SECRET_ACCESS_KEY": "" }),
            "aws_credentials",
            "aws_key_incomplete",
        ),
        (
            json!({ "EKS_REGION": "" }),
            "cluster_metadata",
            "agent_config_env_missing",
        ),
        (
            json!({ "EKS_ACCOUNT_ID": "12345678901" }),
            "cluster_metadata",
            "metadata_account_malformed",
        ),
    ];
    for (slip, check, mode) in slips {
        bed.agent_with(&helm, &bed.url(), &with(slip)).await;
        wait_for_metrics(&[format!(
            r#"castai_health_failure{{check="{check}",mode="{mode}"}} 1"#
        )])
        .await;
        bed.agent_with(&helm, &bed.url(), &with(json!({}))).await;
        wait_for_metrics(&fine).await;
    }
    let log = exporter.log();
    assert!(
        !log.contains(lab::aws::SECRET),
        "a secret is in the log: {log}"
    );
}

#[tokio::test]
async fn companion_in_another_namespace_sees_all_but_secrets() {
    let bed = CompanionBed::start_in_namespace(
        Cluster::start(1).await.unwrap(),
        ApiServer::PORT,
        "monitoring",
    )
    .await;
    let values = json!({ "role": lab::aws::Account::role_arn(ROLE) });
    let helm = Helm::latest();
    let absent = [
        status("apiserver", "not_applicable"),
        status("castai_api", "not_applicable"),
        info("none"),
    ];
    let seen = [
        status("apiserver", "ok"),
        status("cluster_metadata", "ok"),
        // The cluster has no node.
        status("agent_workload", "failing"),
        // Keys in the agent's Secret would override the role.
        status("sts_identity", "unknown"),
        status("castai_api", "unknown"),
        info("pod"),
    ];
    let exporter = bed.exporter().await;
    let wait_for_metrics = async |lines: &[String]| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        exporter.wait_for_metrics(&lines, FOLLOW_TIMEOUT).await
    };
    wait_for_metrics(&absent).await;
    bed.agent_with(&helm, &bed.url(), &values).await;
    wait_for_metrics(&seen).await;
    let checks = bed.check().await;
    for check in ["castai_api", "sts_identity"] {
        let evidence = checks[check]["evidence"].to_string();
        assert!(
            evidence.contains("in the agent's own namespace"),
            "{evidence}"
        );
    }
    helm.on(
        &bed.cluster,
        &["uninstall", "castai-agent", "--namespace", NAMESPACE],
    )
    .await
    .unwrap();
    wait_for_metrics(&absent).await;
}

fn modes(check: &Value) -> Vec<&str> {
    check["modes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mode| mode["mode"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn agent_with_many_pods_is_listed_in_pages() {
    let bed = CompanionBed::start().await;
    bed.mount_secret();
    // More than one page of pods, and more than one response may contain.
    let values =
        json!({ "replicas": 60, "env": { "EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED": "false" } });
    bed.agent_with(&Helm::latest(), &bed.url(), &values).await;
    let pods = [
        "get",
        "pods",
        "--namespace",
        NAMESPACE,
        "--selector=app.kubernetes.io/name=castai-agent",
        "-oname",
    ];
    let began = Instant::now();
    while bed.cluster.kubectl(&pods).await.unwrap().lines().count() < 60 {
        assert!(began.elapsed() < FOLLOW_TIMEOUT, "too few pods exist");
    }
    let exporter = bed.exporter().await;
    exporter
        .wait_for_metrics(&[&info("pod"), &status("castai_api", "ok")], FOLLOW_TIMEOUT)
        .await;
}

/// Role, resource and verb; the check that fails without it, and a word of its evidence.
const PERMISSIONS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "castai-agent/castai-health-exporter",
        "deployments",
        "get",
        "castai_api",
        "is not allowed to get deployments.apps",
    ),
    (
        "castai-agent/castai-health-exporter",
        "replicasets",
        "get",
        "castai_api",
        "is not allowed to get replicasets.apps",
    ),
    (
        "castai-agent/castai-health-exporter",
        "serviceaccounts/token",
        "create",
        "apiserver",
        "is not allowed to create serviceaccounts/token",
    ),
    (
        "castai-agent/castai-health-exporter",
        "serviceaccounts",
        "get",
        "aws_credentials",
        "is not allowed to get serviceaccounts/castai-agent",
    ),
    (
        "default/castai-health-exporter-default",
        "endpointslices",
        "get",
        "apiserver",
        "may not list the addresses",
    ),
];

#[tokio::test]
async fn chart_grants_exactly_the_needed_permissions() {
    let bed = CompanionBed::start().await;
    // An agent that calls AWS, which does not exist here.
    let keys = json!({ "env": { "AWS_ACCESS_KEY_ID": lab::aws::KEY_ID, "AWS_SECRET_ACCESS_KEY": lab::aws::SECRET } });
    bed.agent_with(&Helm::latest(), &bed.url(), &keys).await;
    bed.mount_secret();
    let everywhere = ["get", "roles,clusterroles", "--all-namespaces", "-ojson"];
    let labelled = [
        everywhere.as_slice(),
        &["--selector=app.kubernetes.io/name=castai-health-exporter"],
    ]
    .concat();
    let roles: Value =
        serde_json::from_str(&bed.cluster.kubectl(&labelled).await.unwrap()).unwrap();
    let mut granted = Vec::new();
    for role in roles["items"].as_array().unwrap() {
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let name = format!(
            "{}/{}",
            text(&role["metadata"]["namespace"]),
            text(&role["metadata"]["name"])
        );
        for rule in role["rules"].as_array().unwrap() {
            for (resource, verb) in
                rule["resources"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .flat_map(|resource| {
                        rule["verbs"]
                            .as_array()
                            .unwrap()
                            .iter()
                            .map(move |verb| (resource, verb))
                    })
            {
                granted.push((name.clone(), text(resource), text(verb)));
            }
        }
    }
    granted.sort();
    let mut needed: Vec<_> = PERMISSIONS
        .iter()
        .map(|(role, resource, verb, ..)| {
            (
                (*role).to_owned(),
                (*resource).to_owned(),
                (*verb).to_owned(),
            )
        })
        .collect();
    // Watched resources. Tests of the checks cover the verb that each check names.
    for right in permission::PERMISSIONS
        .iter()
        .filter(|right| !right.checks.is_empty())
    {
        let role = match right.scope {
            permission::RoleScope::AgentNamespace => "castai-agent/castai-health-exporter",
            permission::RoleScope::Cluster => "/castai-health-exporter-cluster",
            permission::RoleScope::Namespace(_) => continue,
        };
        if right.resource != "namespaces" {
            // The namespace is read with the agent's identity.
            needed.extend(right.verbs.iter().map(|verb| {
                (
                    role.to_owned(),
                    right.resource.to_owned(),
                    (*verb).to_owned(),
                )
            }));
        }
    }
    needed.sort();
    needed.dedup();
    assert_eq!(
        granted, needed,
        "the chart grants more or less than is used"
    );

    for (role, resource, verb, check, word) in PERMISSIONS {
        let (namespace, name) = role.split_once('/').unwrap();
        let get = ["get", "role", "--namespace", namespace, name, "-ojson"];
        let whole = bed.cluster.kubectl(&get).await.unwrap();
        let mut role: Value = serde_json::from_str(&whole).unwrap();
        role["rules"]
            .as_array_mut()
            .unwrap()
            .retain(|rule| rule["resources"] != serde_json::json!([resource]));
        let path = bed.dir.path().join("role.json");
        let replaced = async |text: String| {
            fs::write(&path, text).unwrap();
            bed.cluster
                .kubectl(&["replace", "--force", "-f", path.to_str().unwrap()])
                .await
                .unwrap();
        };
        replaced(role.to_string()).await;
        let checks = bed.check().await;
        let evidence = checks[*check]["evidence"].as_str().unwrap();
        assert!(
            evidence.contains(word),
            "without {verb} {resource}: {evidence}"
        );
        replaced(whole).await;
    }
    let checks = bed.check().await;
    assert_eq!(
        (
            &checks["apiserver"]["status"],
            &checks["castai_api"]["status"]
        ),
        (&"ok".into(), &"ok".into())
    );
}
