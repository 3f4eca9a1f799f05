//! Fake EC2 instance metadata service: `IMDSv2` with its tokens, and the rest of `IMDSv1`.
//!
//! Wire format: the EC2 user guide, "Access instance metadata"; the credentials document as the
//! guide shows it.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Value, json};
use time::Duration;

use crate::fault::Fault;
use crate::fault_enum::fault_enum;
use crate::request::{Request, RequestReader};
use crate::response::{Response, rfc3339};
use crate::response_writer::{self, ConnectionAction};
use crate::server::{AcceptedConnection, ConnectionHandler, Server};
use crate::{HOSTILE_TEXT, echo, shutdown};

fault_enum! {
    /// Faults of the instance metadata service.
    ImdsFault {
        /// Nothing listens.
        Refused = "refused",
        /// SYN stays unanswered.
        TcpHang = "tcp-hang",
        /// RST right after the connection is accepted.
        Reset = "reset",
        /// Requests are read and never answered.
        Hang = "hang",
        /// The token response is lost (hop limit 1); tokens are optional.
        HopLimit = "hop-limit",
        /// The token response is lost (hop limit 1); tokens are required.
        HopLimitRequired = "hop-limit-required",
        /// 405 to token requests, as from emulators; tokens are optional.
        NoTokens = "no-tokens",
        /// 405 to token requests; tokens are required.
        TokenRequired = "token-required",
        /// 400 to token requests: the TTL header is missing.
        HeaderLost = "header-lost",
        /// 403 to everything.
        Disabled = "disabled",
        /// The node has no role.
        NoRole = "no-role",
        /// The role's trust policy does not allow EC2 to assume it.
        RoleTrust = "role-trust",
        /// The credentials document has an unknown `Code`.
        RoleCode = "role-code",
        /// The instance identity document has no region.
        NoRegion = "no-region",
        /// The instance identity document names another region.
        OtherRegion = "other-region",
        /// 500 to everything.
        ServerError = "server-error",
        /// 429 to everything.
        Throttled = "throttled",
        /// An HTML page with status 200 to everything.
        HtmlOk = "html-ok",
        /// Binary garbage instead of HTTP.
        Noise = "noise",
        /// The body is endless.
        EndlessBody = "endless-body",
        /// Responses with escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
        /// A response with the request's credentials in this form.
        EchoAs(String) = "echo-as" like "base64",
    }
}

/// Settings of the instance metadata service.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on.
    pub addr: SocketAddr,
    /// Role of the node.
    pub role: String,
    /// Region of the node.
    pub region: String,
    /// AWS account ID.
    pub account: String,
}

/// A running instance metadata service.
#[derive(Debug)]
pub struct Imds {
    server: Server<ImdsFault>,
}

struct Handler {
    options: Options,
}

/// The only `IMDSv2` token.
pub const IMDS_TOKEN: &str = "AQAEAlabM2V0YWRhdGF0b2tlbg==";
/// Access key ID of the node's role.
pub const ROLE_KEY_ID: &str = "ASIALABLABLABLABLABL";
/// Session token of the node's role.
pub const ROLE_TOKEN: &str = "lab-role-session-token";
/// Secret access key of the node's role.
pub const ROLE_SECRET: &str = "lab/role/secret/access/key/0123456789abc";

const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "x-aws-ec2-metadata-token";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
/// Maximum TTL of a token: six hours.
const LONGEST: u32 = 21_600;

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 50, 1], 0)),
            role: "lab-node".to_owned(),
            region: "eu-central-1".to_owned(),
            account: "123456789012".to_owned(),
        }
    }
}

// === impl Imds ===

impl Imds {
    /// Starts listening. Requires a tokio runtime.
    pub fn start(options: Options) -> io::Result<Self> {
        Ok(Self {
            server: Server::start(options.addr, Arc::new(Handler { options }))?,
        })
    }
}

impl Deref for Imds {
    type Target = Server<ImdsFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl Handler ===

impl ConnectionHandler for Handler {
    type Fault = ImdsFault;

    fn generic_fault(fault: &ImdsFault) -> Option<&Fault> {
        match fault {
            ImdsFault::Refused => Some(&Fault::Refused),
            ImdsFault::TcpHang => Some(&Fault::TcpHang),
            ImdsFault::Noise => Some(&Fault::Noise),
            ImdsFault::EndlessBody => Some(&Fault::EndlessBody),
            _ => None,
        }
    }

    async fn serve(
        self: Arc<Self>,
        mut connection: AcceptedConnection<ImdsFault>,
    ) -> io::Result<()> {
        if connection.fault() == Some(ImdsFault::Reset) {
            return connection.stream.set_zero_linger();
        }
        if !connection.first_byte().await? {
            return Ok(());
        }
        let mut requests = RequestReader::default();
        while let Some(request) = requests.next(&mut connection.stream).await? {
            connection.recorder.request_received(request.clone());
            let fault = connection.fault();
            let Some(response) = self.respond(&request, fault.as_ref()) else {
                return shutdown::drain(&mut connection.stream).await;
            };
            let generic = fault.as_ref().and_then(Self::generic_fault);
            let action = response_writer::send_with_fault(
                &mut connection.stream,
                &connection.recorder,
                &request,
                response,
                generic,
            )
            .await?;
            if !matches!(action, ConnectionAction::KeepAlive) || request.wants_close() {
                break;
            }
        }
        shutdown::close(connection.stream).await
    }
}

impl Handler {
    /// Returns the response, or `None` if it gets lost.
    fn respond(&self, request: &Request, fault: Option<&ImdsFault>) -> Option<Response> {
        let wants_token = request.path() == "/latest/api/token";
        Some(match fault {
            Some(ImdsFault::Hang) => return None,
            Some(ImdsFault::HopLimit | ImdsFault::HopLimitRequired) if wants_token => return None,
            Some(ImdsFault::EchoAs(form)) if echo::has_credentials(request) => {
                echo::response(request, form)
            }
            Some(ImdsFault::Disabled) => error(403, "Forbidden"),
            Some(ImdsFault::ServerError) => error(500, "Internal Server Error"),
            Some(ImdsFault::Throttled) => error(429, "Too Many Requests"),
            Some(ImdsFault::HtmlOk) => Response::html(200, "Welcome"),
            Some(ImdsFault::Hostile) => Response::text(200, HOSTILE_TEXT),
            Some(ImdsFault::NoTokens | ImdsFault::TokenRequired) if wants_token => {
                error(405, "Method Not Allowed")
            }
            Some(ImdsFault::HeaderLost) if wants_token => error(400, "Bad Request"),
            _ if wants_token => token(request),
            _ => self.metadata(request, fault),
        })
    }

    fn metadata(&self, request: &Request, fault: Option<&ImdsFault>) -> Response {
        let optional = matches!(fault, Some(ImdsFault::HopLimit | ImdsFault::NoTokens));
        match request.header(TOKEN) {
            Some(IMDS_TOKEN) => {}
            None if optional => {}
            _ => return error(401, "Unauthorized"),
        }
        if request.method != "GET" {
            return error(405, "Method Not Allowed");
        }
        match request.path() {
            "/latest/meta-data/" => Response::text(200, "ami-id\nhostname\niam/\ninstance-id"),
            "/latest/dynamic/instance-identity/document" => {
                Response::text(200, &self.document(fault).to_string())
            }
            path => match path.strip_prefix(ROLES) {
                _ if fault == Some(&ImdsFault::NoRole) => error(404, "Not Found"),
                Some("") => Response::text(200, &self.options.role),
                Some(role) if role == self.options.role => {
                    Response::text(200, &credentials(fault).to_string())
                }
                _ => error(404, "Not Found"),
            },
        }
    }

    fn document(&self, fault: Option<&ImdsFault>) -> Value {
        let mut document = json!({
            "accountId": self.options.account,
            "architecture": "x86_64",
            "availabilityZone": format!("{}a", self.options.region),
            "instanceId": "i-0123456789abcdef0",
            "instanceType": "m5.large",
            "region": self.options.region,
            "version": "2017-09-30",
        });
        if fault == Some(&ImdsFault::NoRegion) {
            document["region"] = Value::Null;
        }
        if fault == Some(&ImdsFault::OtherRegion) {
            document["region"] = "us-west-2".into();
            document["availabilityZone"] = "us-west-2a".into();
        }
        document
    }
}

/// Issues a token if the request states a valid TTL.
fn token(request: &Request) -> Response {
    let seconds = request
        .header(TTL)
        .and_then(|seconds| seconds.parse::<u32>().ok());
    match seconds {
        _ if request.method != "PUT" => error(405, "Method Not Allowed"),
        // Requests through a proxy are rejected.
        _ if request.header("x-forwarded-for").is_some() => error(403, "Forbidden"),
        Some(seconds @ 1..=LONGEST) => Response::text(200, IMDS_TOKEN)
            .with_header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", seconds.to_string()),
        _ => error(400, "Bad Request"),
    }
}

fn credentials(fault: Option<&ImdsFault>) -> Value {
    let code = match fault {
        Some(ImdsFault::RoleTrust) => "AssumeRoleUnauthorizedAccess",
        Some(ImdsFault::RoleCode) => "SomethingElse",
        _ => {
            return json!({
                "Code": "Success",
                "LastUpdated": rfc3339(Duration::minutes(10)),
                "Type": "AWS-HMAC",
                "AccessKeyId": ROLE_KEY_ID,
                "SecretAccessKey": ROLE_SECRET,
                "Token": ROLE_TOKEN,
                "Expiration": rfc3339(Duration::hours(-6)),
            });
        }
    };
    json!({
        "Code": code,
        "Message": "EC2 cannot assume the role lab-node. Please see documentation at https://docs.aws.amazon.com/.",
        "LastUpdated": rfc3339(Duration::minutes(10)),
    })
}

fn error(status: u16, title: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n\
         \t\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n<html>\n <head>\n  <title>{status} - {title}</title>\n \
         </head>\n <body>\n  <h1>{status} - {title}</h1>\n </body>\n</html>\n"
    );
    Response::new(status, "text/html", body).with_header("Server", "EC2ws")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    async fn send(imds: &Imds, line: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(imds.addr()).await.unwrap();
        let request =
            format!("{line} HTTP/1.1\r\nHost: imds\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        response
    }

    #[tokio::test]
    async fn token_requires_a_ttl_and_grants_access_to_metadata() {
        let imds = Imds::start(Options::default()).unwrap();
        let status =
            async |line: &str, headers: &str| send(&imds, line, headers).await[9..12].to_owned();
        let (put, top) = ("PUT /latest/api/token", "GET /latest/meta-data/");
        assert_eq!(status(put, "").await, "400");
        assert_eq!(
            status(put, "X-aws-ec2-metadata-token-ttl-seconds: 21601\r\n").await,
            "400"
        );
        assert_eq!(status(top, "").await, "401");
        let response = send(&imds, put, "X-aws-ec2-metadata-token-ttl-seconds: 60\r\n").await;
        assert!(response.ends_with(IMDS_TOKEN), "{response}");
        assert_eq!(
            status(top, &format!("X-aws-ec2-metadata-token: {IMDS_TOKEN}\r\n")).await,
            "200"
        );
        imds.set(ImdsFault::NoTokens).await;
        assert_eq!(
            (status(put, "").await, status(top, "").await),
            ("405".to_owned(), "200".to_owned())
        );
    }
}
