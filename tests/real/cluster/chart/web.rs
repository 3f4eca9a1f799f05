//! Tests of TLS, passwords and the route prefix: probes follow them, or the chart refuses.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use castai_health_exporter::config::WebConfig;
use serde_json::{Value, json};

use super::rendered::Rendered;
use super::template;
use crate::support::helm::Helm;

const TLS: [&str; 2] = ["web.tls.enabled=true", "web.tls.secretName=certificate"];
const TLS_FOLDER: &str = "/etc/castai-health-exporter-tls";
const HASH: &str = "$2b$05$3GgujIqQ0ILxGf35QUfPIeLxhBPvQNPIXwN48dsyh5V3fTKw.WeZW";
const MONITOR: &str = "podMonitor.enabled=true";
const GOOGLE: &str = "podMonitoring.enabled=true";

fn password() -> [String; 2] {
    [
        "web.basicAuth.enabled=true".to_owned(),
        format!("web.basicAuth.users.scraper={HASH}"),
    ]
}

fn handler(rendered: &Rendered) -> Value {
    let container = rendered.container();
    let mut probe = container["livenessProbe"].clone();
    assert_eq!(probe, container["readinessProbe"]);
    let probe = probe.as_object_mut().unwrap();
    assert_eq!(probe.remove("timeoutSeconds"), Some(json!(5)));
    json!(probe)
}

#[tokio::test]
async fn probes_follow_tls_password_and_prefix() {
    let helm = Helm::latest();
    let get = |path: &str| json!({"httpGet": {"path": path, "port": "health-metrics"}});
    let tcp = json!({"tcpSocket": {"port": "health-metrics"}});
    let [enabled, user] = password();
    let mut https = get("/-/healthy");
    https["httpGet"]["scheme"] = json!("HTTPS");
    for (values, wanted) in [
        (vec![], get("/-/healthy")),
        (vec!["web.routePrefix=/castai/"], get("/castai/-/healthy")),
        (
            vec!["web.externalUrl=https://example.com/a/b/"],
            get("/a/b/-/healthy"),
        ),
        (
            vec!["web.externalUrl=https://example.com/a", "web.routePrefix=/"],
            get("/-/healthy"),
        ),
        (TLS.to_vec(), https.clone()),
        (vec![&enabled, &user], get("/-/healthy")),
        (vec![TLS[0], TLS[1], &enabled, &user], https),
        (
            vec![&enabled, &user, "web.routePrefix=/castai"],
            get("/castai/-/healthy"),
        ),
        (
            vec![&enabled, &user, "web.basicAuth.openRoutes={metrics}"],
            tcp.clone(),
        ),
        (vec!["web.configSecret.name=own"], tcp),
    ] {
        let rendered = Rendered::with(&helm, &values).await;
        assert_eq!(handler(&rendered), wanted, "{values:?}");
    }
    let own = ["livenessProbe.exec.command={true}", "readinessProbe=null"];
    let rendered = Rendered::with(&helm, &own).await;
    let liveness = &rendered.container()["livenessProbe"];
    assert_eq!(liveness.get("httpGet"), None);
    assert_eq!(liveness["exec"]["command"], json!([true]));
    assert_eq!(rendered.container().get("readinessProbe"), None);
}

#[tokio::test]
async fn open_routes_are_those_of_the_values() {
    let helm = Helm::latest();
    let [enabled, user] = password();
    let open = |rendered: &Rendered| -> Vec<String> {
        let arguments = rendered.arguments();
        let routes = arguments
            .iter()
            .filter_map(|argument| argument.strip_prefix("--web.open-route="));
        routes.map(str::to_owned).collect()
    };
    let rendered = Rendered::with(&helm, &[&enabled, &user]).await;
    assert_eq!(open(&rendered), ["health"]);
    let template = &rendered.one("Deployment")["spec"]["template"];
    assert_eq!(template["metadata"].get("annotations"), None);
    // Prometheus needs no password for open metrics, so neither does a monitor.
    let values = [
        &enabled,
        &user,
        "web.basicAuth.openRoutes={health,metrics}",
        MONITOR,
    ];
    let rendered = Rendered::with(&helm, &values).await;
    assert_eq!(open(&rendered), ["health", "metrics"]);
    let rendered = Rendered::with(&helm, &values[..3]).await;
    let template = &rendered.one("Deployment")["spec"]["template"];
    assert_eq!(
        template["metadata"]["annotations"]["prometheus.io/scrape"],
        "true"
    );
    // Without users, every route is open.
    assert!(open(&Rendered::with(&helm, &[]).await).is_empty());
}

#[tokio::test]
async fn companion_and_sidecar_have_the_prefix() {
    let values = [
        "web.externalUrl=https://example.com/castai",
        "sidecar.enabled=true",
    ];
    let rendered = Rendered::with(&Helm::latest(), &values).await;
    let prefix = "--web.route-prefix=/castai".to_owned();
    assert!(rendered.arguments().contains(&prefix));
    let policy = rendered.one("MutatingAdmissionPolicy").to_string();
    assert!(policy.contains(&prefix), "{policy}");
    let annotations = &rendered.one("Deployment")["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/path"], "/castai/metrics");
}

#[tokio::test]
async fn web_configuration_is_a_secret_that_the_exporter_accepts() {
    let [enabled, user] = password();
    let values = [TLS[0], TLS[1], &enabled, &user];
    let rendered = Rendered::with(&Helm::latest(), &values).await;
    let secret = rendered.one("Secret");
    let name = secret["metadata"]["name"].as_str().unwrap();
    let encoded = secret["data"]["web-config.yaml"].as_str().unwrap();
    let decoded = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
    let mounts = rendered.container()["volumeMounts"].as_array().unwrap();
    let mounted = |path: &str| {
        let (folder, _) = path.rsplit_once('/').unwrap();
        mounts.iter().any(|mount| mount["mountPath"] == folder)
    };
    assert!(mounted(&format!("{TLS_FOLDER}/tls.crt")));
    let flag = "--web.config.file=/etc/castai-health-exporter-web/web-config.yaml";
    assert!(rendered.arguments().iter().any(|argument| argument == flag));
    assert!(mounted(flag.split_once('=').unwrap().1));
    let volumes = rendered.pod()["volumes"].as_array().unwrap();
    let secrets: Vec<&Value> = volumes
        .iter()
        .map(|volume| &volume["secret"]["secretName"])
        .collect();
    assert!(secrets.contains(&&json!(name)) && secrets.contains(&&json!("certificate")));
    let certificate = volumes.iter().find(|volume| volume["name"] == "web-tls");
    assert_eq!(
        certificate.unwrap()["secret"]["items"],
        json!([{"key": "tls.crt", "path": "tls.crt"}, {"key": "tls.key", "path": "tls.key"}])
    );
    // The exporter reads the file, with a certificate where the Secret is mounted.
    let dir = tempfile::TempDir::new().unwrap();
    let identity = rcgen::generate_simple_self_signed(["exporter".to_owned()]).unwrap();
    fs::write(dir.path().join("tls.crt"), identity.cert.pem()).unwrap();
    let key = identity.signing_key.serialize_pem();
    fs::write(dir.path().join("tls.key"), key).unwrap();
    let here = decoded.replace(TLS_FOLDER, dir.path().to_str().unwrap());
    let parsed = WebConfig::parse("web-config.yaml", &here, dir.path()).unwrap();
    assert!(parsed.tls.is_some());
    assert_eq!(parsed.users.len(), 1);
    assert_eq!(
        (parsed.users[0].0.as_str(), parsed.users[0].1.reveal()),
        ("scraper", HASH)
    );
}

#[tokio::test]
async fn chart_refuses_what_probes_or_monitors_could_not_follow() {
    let [enabled, user] = password();
    for helm in Helm::both() {
        for (values, wanted) in [
            (vec!["web.tls.enabled=true"], "set web.tls.secretName"),
            (vec![enabled.as_str()], "add a user with a bcrypt hash"),
            (vec![user.as_str()], "set web.basicAuth.enabled=true"),
            (vec![TLS[1]], "set web.tls.enabled=true"),
            (vec![TLS[0], TLS[1], MONITOR], "podMonitor.tlsConfig: "),
            (vec![TLS[0], TLS[1], GOOGLE], "podMonitoring.tls: "),
            (vec![&enabled, &user, MONITOR], "podMonitor.basicAuth: "),
            (vec![&enabled, &user, GOOGLE], "podMonitoring.basicAuth: "),
            (
                vec![
                    TLS[0],
                    TLS[1],
                    MONITOR,
                    "podMonitor.tlsConfig.insecureSkipVerify=true",
                    "podMonitor.scheme=http",
                ],
                "podMonitor.scheme: must be https",
            ),
            (
                vec!["web.configSecret.name=own", &enabled, &user],
                "web.configSecret: ",
            ),
            (
                vec!["extraArgs={--web.config.file=/x}"],
                "extraArgs: set web.configSecret instead",
            ),
            (
                vec!["extraArgs={--web.route-prefix=/x}"],
                "extraArgs: set web.routePrefix instead",
            ),
            (
                vec!["extraArgs={--web.open-route=metrics}"],
                "extraArgs: set web.basicAuth.openRoutes instead",
            ),
            (
                vec!["extraArgs={--agent.no-token-requests}"],
                "extraArgs: set agent.tokenRequests instead",
            ),
            (
                vec!["extraArgs={--web.listen-address=:1}"],
                "extraArgs: set port instead",
            ),
            (
                vec!["companion.config.web.listen_address=:1"],
                "companion.config.web.listen_address: set port instead",
            ),
        ] {
            let error = template(&helm, &values)
                .await
                .expect_err(&format!("{values:?} is accepted"));
            assert!(error.contains(wanted), "{values:?}: {error}");
        }
    }
}
