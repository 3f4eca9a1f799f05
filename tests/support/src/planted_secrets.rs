//! Secrets of every kind in every place that a support bundle reads: objects, logs, events and the
//! documents of exporters.
//!
//! All values are invented. Prefixes that scanners look for are put together here, so that none
//! finds a token in this file.

mod documents;
mod invented;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use invented::{encoded, hexadecimal, jwt, private_key, random};
use lab::apiserver::workload;
use serde_json::{Value, json};

/// A secret, and where it is planted.
#[derive(Clone, Debug)]
pub struct PlantedSecret {
    /// Its kind and place, for the message of a failed test and for the documentation.
    pub place: &'static str,
    /// The place that contains it.
    pub source: Source,
    /// The value that must not appear anywhere.
    pub value: String,
}

/// A place that contains a secret.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Source {
    /// An object of the API server.
    #[default]
    Object,
    /// A log.
    Log,
    /// A document of an exporter.
    Report,
}

/// The secrets, and the sources that contain them.
#[derive(Clone, Debug, Default)]
pub struct PlantedSecrets {
    /// All secrets.
    pub secrets: Vec<PlantedSecret>,
    /// The source of the secrets that are planted next.
    source: Source,
    /// The agent's container, with secrets in its fields.
    pub container: Value,
    /// Annotations of the agent's workload.
    pub annotations: Value,
    /// Labels of the agent's pod, in addition to those that select it.
    pub labels: Value,
    /// The message of the agent's previous container.
    pub termination_message: String,
    /// The message of a condition.
    pub condition_message: String,
    /// `ConfigMaps`.
    pub config_maps: Vec<Value>,
    /// The annotations of a service account.
    pub account_annotations: Value,
    /// Messages of events.
    pub event_messages: Vec<String>,
    /// Lines of the agent's log.
    pub log: Vec<String>,
    /// Lines of its previous log.
    pub previous_log: Vec<String>,
    /// Lines of the log of another component.
    pub sibling_log: Vec<String>,
    /// Lines of the log of an init container.
    pub init_log: Vec<String>,
    /// The evidence of a check, as an exporter publishes it.
    pub evidence: String,
    /// A line of an exporter's metrics.
    pub metrics: String,
}

impl PlantedSecrets {
    /// Plants everything.
    pub fn new() -> Self {
        let mut planted = Self::default();
        planted.plant_container();
        planted.plant_metadata();
        planted.plant_config_maps();
        planted.plant_messages();
        planted.plant_logs();
        planted.plant_reports();
        planted
    }

    fn plant(&mut self, place: &'static str, value: impl Into<String>) -> String {
        let value = value.into();
        self.secrets.push(PlantedSecret {
            place,
            source: self.source,
            value: value.clone(),
        });
        value
    }

    fn plant_container(&mut self) {
        let password = self.plant(
            "variable DB_PASSWORD, and the log that prints it",
            "Zu7Gahngoh4eiKu",
        );
        let api_key = self.plant("variable API_KEY", hexadecimal("71a9c4e2", 64));
        let secret_key = self.plant(
            "variable AWS_SECRET_ACCESS_KEY",
            "q7Hj2LmNpR9sTuVwXyZ/aBcDeFgHi+KlMnOpQrS1",
        );
        let session = self.plant("variable AWS_SESSION_TOKEN", random("Fwo", 180));
        let proxy = self.plant("password of a proxy URL in a variable", "pr0xy-Pa55word-Qw");
        let in_url = self.plant(
            "password in the allow-listed variable API_URL",
            "ap1Url-Pa55word-Er",
        );
        let in_query = self.plant("token in the query of API_URL", "queryT0ken9f8e7d6c");
        let region = self.plant(
            "password in the allow-listed variable EKS_REGION",
            "Reg10nPa55wordTy",
        );
        let no_proxy = self.plant(
            "password in the allow-listed variable NO_PROXY",
            "N0ProxyPa55wordUi",
        );
        let plain = self.plant(
            "password in a variable without a telling name",
            "Blu3Ch33se9Op",
        );
        let pem = self.plant("private key in a variable", random("MIIEvQ", 64));
        let gcp = self.plant(
            "private key in the JSON of GOOGLE_APPLICATION_CREDENTIALS",
            random("MIIEvA", 64),
        );
        let argument = self.plant("argument --password=…", "arg-Pa55word-As12");
        let separate = self.plant("argument after --token", "arg-T0ken-Df34567");
        let command = self.plant("curl -u in a shell command", "sh3llPa55wordGh56");
        let header = self.plant("header of a liveness probe", "h3ader-Value-Jk78901");
        let hook = self.plant("command of a lifecycle hook", "h00k-Pa55word-Lz23");
        self.container = json!({
            "name": "agent", "image": workload::IMAGE,
            "command": ["sh", "-c", format!("curl -u admin:{command} https://metrics.corp/push; exec agent")],
            "args": ["run", format!("--password={argument}"), "--token", separate],
            "env": [
                { "name": "PROVIDER", "value": "eks" },
                { "name": "DB_PASSWORD", "value": password },
                { "name": "API_KEY", "value": api_key },
                { "name": "AWS_SECRET_ACCESS_KEY", "value": secret_key },
                { "name": "AWS_SESSION_TOKEN", "value": session },
                { "name": "HTTPS_PROXY", "value": format!("http://user:{proxy}@proxy.corp.example:3128") },
                { "name": "API_URL", "value": format!("https://svc:{in_url}@api.cast.ai/v1?token={in_query}") },
                { "name": "EKS_REGION", "value": region },
                { "name": "NO_PROXY", "value": format!("10.0.0.0/8,{no_proxy}") },
                { "name": "CHEESE", "value": plain },
                { "name": "TLS_KEY", "value": private_key(&pem) },
                { "name": "GOOGLE_APPLICATION_CREDENTIALS", "value": json!({
                    "type": "service_account", "private_key": private_key(&gcp),
                }).to_string() },
                { "name": "CLUSTER_TOKEN", "valueFrom": { "secretKeyRef": { "name": "castai-agent", "key": "TOKEN" } } },
            ],
            "envFrom": [{ "configMapRef": { "name": "castai-agent-settings" } }],
            "livenessProbe": { "httpGet": {
                "path": "/healthz", "port": 9876, "httpHeaders": [{ "name": "X-Probe", "value": header }],
            } },
            "lifecycle": { "preStop": { "exec": { "command": ["notify", hook] } } },
        });
    }

    fn plant_metadata(&mut self) {
        let annotation = self.plant("annotation", "ann0tationPa55wordXc");
        let applied = self.plant(
            "variable in last-applied-configuration",
            "appl1edPa55wordVb",
        );
        let label = self.plant("label", "label-Pa55word-Nm45");
        let account = self.plant("annotation of a service account", "acc0unt-Pa55word-Qa");
        let configuration = json!({ "spec": { "template": { "spec": { "containers": [{ "env": [
            { "name": "OLD_PASSWORD", "value": applied },
        ] }] } } } });
        self.annotations = json!({
            "vault.corp.example/auth": annotation,
            "kubectl.kubernetes.io/last-applied-configuration": configuration.to_string(),
            "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/castai",
        });
        self.labels = json!({ "team.corp.example/pin": label });
        self.account_annotations = json!({ "corp.example/registry-login": account });
    }

    fn plant_config_maps(&mut self) {
        let env_from = self.plant("ConfigMap of envFrom", "envFr0m-Pa55word-Ws");
        let binary = self.plant("binary data of a ConfigMap", "b1nary-Pa55word-Ed");
        let unknown = self.plant(
            "unknown key of the exporter's configuration",
            "c0nf1g-Pa55word-Rf",
        );
        let url = self.plant("URL in the exporter's configuration", "c0nf1gUrl-Pa55-Tg");
        let hash = self.plant(
            "password hash in a web configuration",
            format!("{}2y$10${}", '$', random("Kq", 53)),
        );
        let kubeconfig = self.plant("token in a kubeconfig in a ConfigMap", random("kube", 48));
        let web = format!("basic_auth_users:\n  prometheus: {hash}\n");
        let exporter = format!(
            "scope: all\npassword: {unknown}\ncastai:\n  api_url: https://u:{url}@api.cast.ai\n"
        );
        let map = |name: &str, data: Value| {
            json!({
                "kind": "ConfigMap", "apiVersion": "v1",
                "metadata": { "name": name, "namespace": workload::AGENT }, "data": data,
            })
        };
        let mut settings = map("castai-agent-settings", json!({ "SETTING": env_from }));
        settings["binaryData"] = json!({ "blob": STANDARD.encode(format!("login {binary}")) });
        self.config_maps = vec![
            settings,
            map(
                "castai-health-exporter",
                json!({ "config.yaml": exporter, "web.yaml": web }),
            ),
            map(
                "castai-kubeconfig",
                json!({ "config": format!("users: [{{ user: {{ token: {kubeconfig} }} }}]") }),
            ),
        ];
    }

    fn plant_messages(&mut self) {
        let bearer = self.plant("bearer token in an event", random("tok", 40));
        let webhook = self.plant(
            "path of a Slack webhook in an event",
            format!("T0{}/B0{}/{}", "1A2B3C4", "5D6E7F8", random("wH", 24)),
        );
        let jwt = self.plant(
            "JSON Web Token in a termination message",
            jwt("termination"),
        );
        let condition = self.plant(
            "user and password of a URL in a condition",
            "c0ndition-Pa55-Yh",
        );
        self.event_messages = vec![
            format!("hook failed: Authorization: Bearer {bearer}"),
            format!("hook failed: Post \"https://hooks.slack.com/services/{webhook}\": EOF"),
        ];
        self.termination_message = format!("fatal: token {jwt} was rejected");
        self.condition_message =
            format!("failed to pull from https://robot:{condition}@registry.corp.example/v2/");
    }

    fn plant_logs(&mut self) {
        self.source = Source::Log;
        let jwt_line = self.plant("JSON Web Token in a log", jwt("log"));
        let key = self.plant("X-Api-Key header in a log", hexadecimal("5be8d130", 64));
        let basic = self.plant("base64 of user and password in a log", "bas1c-Pa55word-Uj");
        let percent = self.plant("percent-encoded URL in a log", "perc3nt-Pa55word-Ik");
        let nested = self.plant("JSON in JSON in a log", random("Ab1/", 40));
        let pem = self.plant(
            "private key over several lines of a log",
            random("MIIJQg", 64),
        );
        let access = self.plant(
            "AWS secret access key without a name in a log",
            "wJ4lrXUtnF3MI/K7MD3NG/bPxRf1CYz9MPLEK3Yx",
        );
        let element = self.plant("session token in XML in a log", random("IQo", 120));
        let account_key = self.plant(
            "AccountKey of a connection string in a log",
            random("Xy7/", 86),
        );
        let dsn = self.plant("password of a data source name in a log", "dsnPa55wordOl");
        let github = self.plant(
            "GitHub token in a log",
            format!("gh{}_{}", 'p', random("Z9", 36)),
        );
        let cookie = self.plant(
            "second value of a Cookie header in a log",
            "c00kie-Value-Pz34",
        );
        let negotiate = self.plant("Negotiate header in a log", random("YII", 60));
        let flag = self.plant("flag --root-password in a log", "fl4g-Pa55word-Ax");
        let presigned = self.plant(
            "signature of a presigned URL in a log",
            hexadecimal("9c0d1e2f", 64),
        );
        let slash = self.plant(
            "password with a slash in a URL in a log",
            "sl4sh/Pa55word-Sw",
        );
        let account = self.plant("all but four digits of an AWS account in a log", "21098765");
        let access_id = self.plant(
            "all but four characters of an AWS access key ID in a log",
            format!("AK{}", "IA9QWERTYUIOPA"),
        );
        let previous = self.plant("password in a previous log", "prev10us-Pa55-Dc");
        let sibling = self.plant(
            "password in the log of another component",
            "s1bling-Pa55-Fv",
        );
        let init = self.plant(
            "password in the log of an init container",
            "in1t-Pa55word-Gb",
        );
        let password = self.secrets[0].value.clone();
        self.log = vec![
            format!("token {jwt_line} rejected"),
            format!("request headers map[Accept:[*/*] X-Api-Key:[{key}]]"),
            format!(
                "proxy login {} refused",
                STANDARD.encode(format!("admin:{basic}"))
            ),
            format!("redirect to https%3A%2F%2Fadmin%3A{percent}%40proxy.corp.example%2F"),
            json!({ "level": "error", "msg": json!({ "SecretAccessKey": nested }).to_string() })
                .to_string(),
            "-----BEGIN RSA PRIVATE KEY-----".to_owned(),
            pem,
            "-----END RSA PRIVATE KEY-----".to_owned(),
            format!("credentials {access_id}SDFG {access}"),
            format!(
                "<AssumeRoleResponse><SessionToken>{element}</SessionToken></AssumeRoleResponse>"
            ),
            format!(
                "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={account_key};EndpointSuffix=y"
            ),
            format!("dial app:{dsn}@tcp(db.corp.example:3306)/app"),
            format!("cloning with {github}"),
            format!("Cookie: theme=dark; session={cookie}"),
            format!("Proxy-Authorization: Negotiate {negotiate}"),
            format!("exec: mysql --root-password {flag} --verbose"),
            format!("Get \"https://s3/x?X-Amz-Credential=y&X-Amz-Signature={presigned}\": 403"),
            format!("proxyconnect tcp: https://user:{slash}@proxy.corp.example:3128: refused"),
            format!("User: arn:aws:iam::{account}4321:user/x is not authorized"),
            format!("connecting with {password}"),
        ];
        self.previous_log = vec![format!("panic: password={previous}")];
        self.sibling_log = vec![format!(r#"level=error password="{sibling}""#)];
        self.init_log = vec![format!("password: {init}")];
    }

    fn plant_reports(&mut self) {
        self.source = Source::Report;
        let evidence = self.plant("evidence of an exporter", "ev1dence-Pa55-Hn");
        let label = self.plant("label of an exporter's metric", "m3tric-Pa55word-Jm");
        self.evidence =
            format!("proxy https://user:{evidence}@proxy.corp.example:3128 refused the connection");
        self.metrics =
            format!("castai_health_info{{proxy=\"https://user:{label}@proxy.corp.example\"}} 1\n");
    }

    /// Returns where secrets are shown among these texts, each with its name.
    pub fn shown_in<'a>(&self, texts: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
        let mut found = Vec::new();
        for (name, text) in texts {
            for secret in &self.secrets {
                let shown = secret.forms().into_iter().find(|form| text.contains(form));
                found.extend(shown.map(|form| format!("{}: {form} in {name}", secret.place)));
            }
        }
        found
    }

    /// Returns the secrets of which a text contains no form.
    pub fn missing_in(&self, text: &str) -> Vec<&'static str> {
        let secrets = self.secrets.iter();
        let missing =
            secrets.filter(|secret| !secret.forms().iter().any(|form| text.contains(form)));
        missing.map(|secret| secret.place).collect()
    }
}

impl PlantedSecret {
    /// Returns the forms of the secret that must not appear: in every encoding, and each half.
    pub fn forms(&self) -> Vec<String> {
        let mut forms = encoded(&self.value);
        let half = self.value.len() / 2;
        if half > 8 {
            forms.extend([self.value[..half].to_owned(), self.value[half..].to_owned()]);
        }
        forms
    }
}
