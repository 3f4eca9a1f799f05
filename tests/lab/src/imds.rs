//! The instance metadata service of an EC2 node: version 2 with its tokens, and what of version 1 is left.
//!
//! Wire format: the EC2 user guide, "Access instance metadata"; the credentials document as the guide shows it.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Value, json};
use time::Duration;

use crate::answer::{Answer, rfc3339};
use crate::fault::Fault;
use crate::reply::{
    After, {self},
};
use crate::request::{Request, Unread};
use crate::server::{Server, Service, Visit};
use crate::vocabulary::vocabulary;
use crate::{HOSTILE_TEXT, web};

vocabulary! {
    /// What instance metadata can do wrong.
    ImdsFault {
        /// Nothing listens.
        Refused = "refused",
        /// SYN stays unanswered.
        TcpHang = "tcp-hang",
        /// RST as soon as the connection is accepted.
        Reset = "reset",
        /// Requests are read and never answered.
        Hang = "hang",
        /// The answer with the token gets lost; without a token everything is answered.
        HopLimit = "hop-limit",
        /// The answer with the token gets lost, and without a token nothing is given.
        HopLimitRequired = "hop-limit-required",
        /// 405 to the request for a token, as old stand-ins do; without one everything is answered.
        NoTokens = "no-tokens",
        /// 405 to the request for a token, and without one nothing is given.
        TokenRequired = "token-required",
        /// 400 to the request for a token: its header got lost.
        HeaderLost = "header-lost",
        /// 403 to everything.
        Disabled = "disabled",
        /// The node has no role.
        NoRole = "no-role",
        /// EC2 may not take the node's role.
        RoleTrust = "role-trust",
        /// The document of the role's keys has a code that nobody knows.
        RoleCode = "role-code",
        /// The instance's identity document has no region.
        NoRegion = "no-region",
        /// The instance's identity document names another region.
        OtherRegion = "other-region",
        /// 500 to everything.
        ServerError = "server-error",
        /// 429 to everything.
        Throttled = "throttled",
        /// A page of HTML with status 200 to everything.
        HtmlOk = "html-ok",
        /// Binary noise instead of HTTP.
        Noise = "noise",
        /// The body never ends.
        EndlessBody = "endless-body",
        /// Answers that hold escape sequences, line feeds and markup.
        Hostile = "hostile",
    } with {
    }
}

/// How instance metadata is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The node's role.
    pub role: String,
    /// The region.
    pub region: String,
    /// The account.
    pub account: String,
}

/// A running metadata service.
#[derive(Debug)]
pub struct Imds {
    server: Server<ImdsFault>,
}

struct App {
    options: Options,
}

/// The token that it gives.
pub const IMDS_TOKEN: &str = "AQAEAlabM2V0YWRhdGF0b2tlbg==";
/// The id of the node's role's key.
pub const ROLE_KEY_ID: &str = "ASIALABLABLABLABLABL";
/// The token of the node's role's session.
pub const ROLE_TOKEN: &str = "lab-role-session-token";
/// The secret of the node's role.
pub const ROLE_SECRET: &str = "lab/role/secret/access/key/0123456789abc";

const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "x-aws-ec2-metadata-token";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
/// The longest life of a token, six hours.
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
    /// Starts listening; must be called inside a runtime.
    pub fn start(options: Options) -> io::Result<Self> {
        Ok(Self {
            server: Server::start(options.addr, Arc::new(App { options }))?,
        })
    }
}

impl Deref for Imds {
    type Target = Server<ImdsFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

// === impl App ===

impl Service for App {
    type Fault = ImdsFault;

    fn line(fault: &ImdsFault) -> Option<&Fault> {
        match fault {
            ImdsFault::Refused => Some(&Fault::Refused),
            ImdsFault::TcpHang => Some(&Fault::TcpHang),
            ImdsFault::Noise => Some(&Fault::Noise),
            ImdsFault::EndlessBody => Some(&Fault::EndlessBody),
            _ => None,
        }
    }

    async fn serve(self: Arc<Self>, mut visit: Visit<ImdsFault>) -> io::Result<()> {
        if visit.fault() == Some(ImdsFault::Reset) {
            return visit.stream.set_zero_linger();
        }
        if !visit.first_byte().await? {
            return Ok(());
        }
        let mut unread = Unread::default();
        while let Some(request) = unread.request(&mut visit.stream).await? {
            visit.entry.request(request.clone());
            let fault = visit.fault();
            let Some(answer) = self.answer(&request, fault.as_ref()) else {
                return web::drain(&mut visit.stream).await;
            };
            let line = fault.as_ref().and_then(Self::line);
            let after =
                reply::perform(&mut visit.stream, &visit.entry, &request, answer, line).await?;
            if !matches!(after, After::Keep) || request.wants_close() {
                break;
            }
        }
        web::end(visit.stream).await
    }
}

impl App {
    /// What is answered; nothing if the answer gets lost.
    fn answer(&self, request: &Request, fault: Option<&ImdsFault>) -> Option<Answer> {
        let wants_token = request.path() == "/latest/api/token";
        Some(match fault {
            Some(ImdsFault::Hang) => return None,
            Some(ImdsFault::HopLimit | ImdsFault::HopLimitRequired) if wants_token => return None,
            Some(ImdsFault::Disabled) => error(403, "Forbidden"),
            Some(ImdsFault::ServerError) => error(500, "Internal Server Error"),
            Some(ImdsFault::Throttled) => error(429, "Too Many Requests"),
            Some(ImdsFault::HtmlOk) => Answer::html(200, "Welcome"),
            Some(ImdsFault::Hostile) => Answer::text(200, HOSTILE_TEXT),
            Some(ImdsFault::NoTokens | ImdsFault::TokenRequired) if wants_token => {
                error(405, "Method Not Allowed")
            }
            Some(ImdsFault::HeaderLost) if wants_token => error(400, "Bad Request"),
            _ if wants_token => token(request),
            _ => self.metadata(request, fault),
        })
    }

    fn metadata(&self, request: &Request, fault: Option<&ImdsFault>) -> Answer {
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
            "/latest/meta-data/" => Answer::text(200, "ami-id\nhostname\niam/\ninstance-id"),
            "/latest/dynamic/instance-identity/document" => {
                Answer::text(200, &self.document(fault).to_string())
            }
            path => match path.strip_prefix(ROLES) {
                _ if fault == Some(&ImdsFault::NoRole) => error(404, "Not Found"),
                Some("") => Answer::text(200, &self.options.role),
                Some(role) if role == self.options.role => {
                    Answer::text(200, &credentials(fault).to_string())
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

/// A token, if the request says for how long.
fn token(request: &Request) -> Answer {
    let seconds = request
        .header(TTL)
        .and_then(|seconds| seconds.parse::<u32>().ok());
    match seconds {
        _ if request.method != "PUT" => error(405, "Method Not Allowed"),
        // A request that came through a proxy gets none.
        _ if request.header("x-forwarded-for").is_some() => error(403, "Forbidden"),
        Some(seconds @ 1..=LONGEST) => Answer::text(200, IMDS_TOKEN)
            .with("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", seconds.to_string()),
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

fn error(status: u16, title: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n\
         \t\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n<html>\n <head>\n  <title>{status} - {title}</title>\n \
         </head>\n <body>\n  <h1>{status} - {title}</h1>\n </body>\n</html>\n"
    );
    Answer::new(status, "text/html", body).with("Server", "EC2ws")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    async fn ask(imds: &Imds, line: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(imds.addr()).await.unwrap();
        let request =
            format!("{line} HTTP/1.1\r\nHost: imds\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_token_needs_its_time_to_live_and_opens_the_rest() {
        let imds = Imds::start(Options::default()).unwrap();
        let status =
            async |line: &str, headers: &str| ask(&imds, line, headers).await[9..12].to_owned();
        let (put, top) = ("PUT /latest/api/token", "GET /latest/meta-data/");
        assert_eq!(status(put, "").await, "400");
        assert_eq!(
            status(put, "X-aws-ec2-metadata-token-ttl-seconds: 21601\r\n").await,
            "400"
        );
        assert_eq!(status(top, "").await, "401");
        let given = ask(&imds, put, "X-aws-ec2-metadata-token-ttl-seconds: 60\r\n").await;
        assert!(given.ends_with(IMDS_TOKEN), "{given}");
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
