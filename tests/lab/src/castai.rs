//! Fake CAST AI API, read-only, behind a fake Cloudflare edge.
//!
//! Wire format: CAST AI's published API description; the edge's pages as Cloudflare documents them.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use time::Duration;

use crate::fault::Fault;
use crate::fault_enum::fault_enum;
use crate::http_service::{HttpHandler, HttpService};
use crate::mutex::lock;
use crate::pki::Pki;
use crate::request::Request;
use crate::response::{Response, rfc3339};
use crate::server::Server;
use crate::{API_KEY, CLUSTER_ID, HOSTILE_TEXT};

fault_enum! {
    /// Faults of CAST AI.
    CastAiFault {
        /// 401: the API key is invalid.
        TokenInvalid = "token-invalid",
        /// 403: the API key has no access to the cluster.
        Forbidden = "forbidden",
        /// 404: the cluster was deleted.
        ClusterNotFound = "cluster-not-found",
        /// 429 from the application.
        RateLimited = "rate-limited",
        /// 422, another client error.
        ClientError = "client-error",
        /// 418, a client error that no client expects.
        Teapot = "teapot",
        /// 500 from the application.
        ServerError = "server-error",
        /// 503 from the application.
        Unavailable = "unavailable",
        /// 403 with the edge's page.
        Waf = "waf",
        /// 429 with the edge's page.
        WafRateLimited = "waf-rate-limited",
        /// 503 with the edge's page.
        WafUnavailable = "waf-unavailable",
        /// An HTML page with status 200.
        HtmlOk = "html-ok",
        /// JSON with status 200 that is not from the application.
        JsonWithoutId = "json-without-id",
        /// 403 with escape sequences, line feeds and markup in its message.
        Hostile = "hostile",
    } with {
        /// The page of the nginx behind the edge, with this status.
        NginxPage(u16) = "nginx-page" like "401",
        /// The edge's own bare page, with this status.
        EdgePage(u16) = "edge-page" like "403",
    } or Generic(Fault)
}

/// Settings of CAST AI.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on.
    pub addr: SocketAddr,
    /// DNS names in the certificate, in addition to its address.
    pub names: Vec<String>,
    /// API key to accept.
    pub key: String,
    /// ID of the only cluster.
    pub cluster_id: String,
}

/// A running CAST AI API.
#[derive(Debug)]
pub struct CastAi {
    server: Server<CastAiFault>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    key: String,
    cluster_id: String,
    /// Cluster fields that differ from those of a healthy cluster.
    fields: Vec<(String, Value)>,
    /// Latest version of the agent.
    latest: String,
}

struct Handler {
    state: Arc<Mutex<State>>,
}

const CF_RAY: &str = "93f2a1b4c8d6e7f0-FRA";
const REQUEST_ID: &str = "X-Castai-Request-Id";

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 20, 1], 0)),
            names: vec!["api.cast.lab".to_owned()],
            key: API_KEY.to_owned(),
            cluster_id: CLUSTER_ID.to_owned(),
        }
    }
}

// === impl CastAi ===

impl CastAi {
    /// Starts listening. Requires a tokio runtime.
    pub fn start(pki: &Pki, options: Options) -> io::Result<Self> {
        let (fields, latest) = (Vec::new(), "0.123.1".to_owned());
        let state = State {
            key: options.key,
            cluster_id: options.cluster_id,
            fields,
            latest,
        };
        let state = Arc::new(Mutex::new(state));
        let mut names = options.names;
        names.push(options.addr.ip().to_string());
        let web = HttpService::tls(
            Handler {
                state: state.clone(),
            },
            pki,
            names,
        );
        Ok(Self {
            server: Server::start(options.addr, Arc::new(web))?,
            state,
        })
    }

    /// Whether the request carries the accepted API key.
    pub fn has_key(&self, request: &Request) -> bool {
        request.header("x-api-key") == Some(lock(&self.state).key.as_str())
    }

    /// Replaces the accepted API key.
    pub fn set_key(&self, key: &str) {
        key.clone_into(&mut lock(&self.state).key);
    }

    /// Sets a field of the cluster, such as `agentStatus`.
    pub fn set_field(&self, name: &str, value: Value) {
        lock(&self.state).fields.push((name.to_owned(), value));
    }

    /// Sets the latest version of the agent, such as `0.161.1`.
    pub fn set_latest_agent_version(&self, version: &str) {
        version.clone_into(&mut lock(&self.state).latest);
    }

    /// Makes the cluster healthy again.
    pub fn reset_fields(&self) {
        lock(&self.state).fields.clear();
    }
}

impl Deref for CastAi {
    type Target = Server<CastAiFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl Handler ===

impl HttpHandler for Handler {
    type Fault = CastAiFault;

    fn generic_fault(fault: &CastAiFault) -> Option<&Fault> {
        if let CastAiFault::Generic(generic) = fault {
            Some(generic)
        } else {
            None
        }
    }

    fn respond(&self, request: &Request, fault: Option<&CastAiFault>) -> Response {
        let response = match fault {
            Some(CastAiFault::Waf) => blocked(403, "Attention Required! | Cloudflare"),
            Some(CastAiFault::WafRateLimited) => {
                blocked(429, "Access denied | Error 1015").with_header("Retry-After", "60")
            }
            Some(CastAiFault::WafUnavailable) => blocked(503, "Service Temporarily Unavailable"),
            Some(CastAiFault::NginxPage(status)) => bare_page(*status, "nginx"),
            Some(CastAiFault::EdgePage(status)) => bare_page(*status, "cloudflare"),
            Some(CastAiFault::HtmlOk) => Response::html(200, "Welcome"),
            Some(CastAiFault::JsonWithoutId) => Response::json(200, &json!({ "status": "ok" })),
            _ => self
                .application(request, fault)
                .with_header(REQUEST_ID, "2f9c1e7a-5d0b-4a3e-9c61-7b8d2e4f6a10"),
        };
        response
            .with_header("Server", "cloudflare")
            .with_header("CF-RAY", CF_RAY)
    }
}

impl Handler {
    fn application(&self, request: &Request, fault: Option<&CastAiFault>) -> Response {
        match fault {
            Some(CastAiFault::ServerError) => return error(500, "Internal Server Error"),
            Some(CastAiFault::Unavailable) => return error(503, "Service Unavailable"),
            Some(CastAiFault::RateLimited) => {
                return error(429, "quota exceeded: requests per minute")
                    .with_header("Retry-After", "30");
            }
            _ => {}
        }
        let state = lock(&self.state);
        if request.header("x-api-key") != Some(state.key.as_str())
            || fault == Some(&CastAiFault::TokenInvalid)
        {
            return error(401, "Unauthorized");
        }
        match fault {
            Some(CastAiFault::Forbidden) => return error(403, "Forbidden"),
            Some(CastAiFault::ClientError) => return error(422, "Unprocessable Entity"),
            Some(CastAiFault::Teapot) => return error(418, "I'm a teapot"),
            Some(CastAiFault::Hostile) => return error(403, HOSTILE_TEXT),
            _ if request.method != "GET" => return error(405, "Method Not Allowed"),
            _ => {}
        }
        let gone = fault == Some(&CastAiFault::ClusterNotFound);
        match request
            .path()
            .strip_prefix("/v1/kubernetes/external-clusters/")
        {
            Some(id) if id == state.cluster_id && !gone => Response::json(200, &state.cluster()),
            Some(_) => error(404, "Cluster not found"),
            None if request.path() == "/v1/me" => Response::json(200, &me()),
            None if request.path() == "/cluster-management/v1/components:getByName" => {
                state.component(request)
            }
            None => error(404, "Not Found"),
        }
    }
}

// === impl State ===

impl State {
    /// Returns a component of CAST AI by name.
    fn component(&self, request: &Request) -> Response {
        match request.query("name").as_deref() {
            Some("castai-agent") => Response::json(
                200,
                &json!({
                    "id": "7d2c5f10-4b1e-4c52-9a36-1f0e2d3c4b5a",
                    "name": "castai-agent",
                    "helmChart": "castai-agent",
                    "dependencies": [],
                    "latestVersion": self.latest,
                    "releaseName": "castai-agent",
                }),
            ),
            _ => error(404, "component not found"),
        }
    }

    fn cluster(&self) -> Value {
        let now = rfc3339(Duration::seconds(4));
        let mut cluster = json!({
            "id": self.cluster_id,
            "name": "lab",
            "organizationId": "5a1f8f0c-7d55-4a6c-9c0f-0f4b7d1c2e3a",
            "providerType": "eks",
            "providerNamespaceId": "123456789012",
            "status": "ready",
            "agentStatus": "online",
            "agentSnapshotReceivedAt": now,
            "reconcileError": null,
            "reconciledAt": now,
            "reconcileInfo": { "error": null, "errorCount": 0, "mode": "enabled", "status": "ok", "reconciledAt": now },
            "credentialsId": "c0ffee00-1111-4222-8333-444455556666",
            "isPhase2": true,
            "kubernetesVersion": "1.33",
            "managedBy": "console",
            "region": { "name": "eu-central-1", "displayName": "Europe (Frankfurt)" },
            "createdAt": "2025-07-01T09:00:00Z",
            "deletedAt": null,
            "eks": { "accountId": "123456789012", "clusterName": "lab", "region": "eu-central-1" },
        });
        for (name, value) in &self.fields {
            cluster[name] = value.clone();
        }
        cluster
    }
}

fn error(status: u16, message: &str) -> Response {
    Response::json(
        status,
        &json!({ "message": message, "fieldViolations": [] }),
    )
}

fn blocked(status: u16, title: &str) -> Response {
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en-US\"><head><title>{title}</title></head><body>\
         <h1>Sorry, you have been blocked</h1><p>Cloudflare Ray ID: <strong>{}</strong></p></body></html>\n",
        CF_RAY.split_once('-').map_or(CF_RAY, |(ray, _)| ray)
    );
    Response::new(status, "text/html; charset=UTF-8", body)
}

/// Returns the page that nginx and Cloudflare send unless another is configured.
fn bare_page(status: u16, server: &str) -> Response {
    let title = match status {
        401 => "401 Authorization Required",
        403 => "403 Forbidden",
        429 => "429 Too Many Requests",
        _ => "500 Internal Server Error",
    };
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>{server}</center>\r\n</body>\r\n</html>\r\n"
    );
    Response::new(status, "text/html", body)
}

fn me() -> Value {
    json!({
        "id": "0b6f2f6e-9f0e-4d3c-8b1a-2a3b4c5d6e7f",
        "username": "lab",
        "name": "Lab",
        "email": "lab@cast.lab",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::get;

    #[tokio::test]
    async fn api_key_grants_access_and_requests_are_logged() {
        let pki = Pki::new("lab");
        let castai = CastAi::start(&pki, Options::default()).unwrap();
        let path = format!("/v1/kubernetes/external-clusters/{CLUSTER_ID}");
        let key = format!("X-Api-Key: {API_KEY}\r\n");
        let get_cluster = async |headers: &str| {
            get(&pki, castai.addr(), "api.cast.lab", &path, headers)
                .await
                .unwrap()
        };
        assert!(
            get_cluster("")
                .await
                .contains(r#""message":"Unauthorized""#)
        );
        assert!(
            get_cluster(&key)
                .await
                .contains(r#""agentStatus":"online""#)
        );
        castai.set(CastAiFault::Waf).await;
        let page = get_cluster(&key).await;
        assert!(
            page.contains("CF-RAY") && !page.contains(REQUEST_ID),
            "{page}"
        );
        let has_key: Vec<bool> = castai
            .request_log()
            .requests()
            .iter()
            .map(|request| castai.has_key(request))
            .collect();
        assert_eq!(has_key, [false, true, true]);
    }
}
