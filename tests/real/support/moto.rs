//! moto: an independent implementation of AWS's IAM, STS and EC2 that verifies signatures and
//! evaluates policies.
//!
//! Where it differs from AWS:
//!
//! * EC2 denials come in the envelope of STS, and with `AccessDenied` instead of
//!   `UnauthorizedOperation`.
//! * Errors of STS are nested one element deeper.
//! * `GetCallerIdentity` is never denied.
//! * Web identity tokens are not verified.
//! * The signature of a GET is computed with wrong headers. The start script patches this.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use lab::Request;
use lab::aws::Signer;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::support::python::{self, NotInstalledError};

/// A GET without a body signs no content headers.
const PATCHED_START: &str = "
import sys
from moto.iam import access_control
from moto.server import main
read = access_control.IAMRequestBase.__init__
def read_without_body(self, *arguments, **named):
    read(self, *arguments, **named)
    if self._method == 'GET':
        self._data = {}
access_control.IAMRequestBase.__init__ = read_without_body
main(sys.argv[1:])
";
/// Time to start on a busy machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// Timeout of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Account that moto simulates.
pub(crate) const ACCOUNT: &str = "123456789012";
/// Region that requests are signed for.
pub(crate) const REGION: &str = "eu-central-1";

/// A running moto with IAM enforced. Dropping it kills it.
pub(crate) struct Moto {
    _process: Child,
    addr: SocketAddr,
    admin: Key,
    _dir: TempDir,
}

/// Access key of a user.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// A response.
pub(crate) struct MotoResponse {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// An error of moto.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MotoError {
    /// The program is not installed.
    #[error("moto: {0}")]
    NotInstalled(#[from] NotInstalledError),
    /// It rejected a request of the test setup.
    #[error("moto: {0}")]
    Refused(String),
    /// It could not be reached.
    #[error("moto: {0}")]
    Io(#[from] io::Error),
}

impl Moto {
    /// Starts moto on a free port with an administrator, and enforces IAM from then on.
    pub(crate) async fn start() -> Result<Self, MotoError> {
        let python = python::installed("moto").await?;
        let dir = TempDir::new()?;
        let log = dir.path().join("moto.log");
        let process = Command::new(python)
            .args(["-c", PATCHED_START, "-H", "127.0.0.1", "-p", "0"])
            .env_remove("INITIAL_NO_AUTH_ACTION_COUNT")
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?)
            .kill_on_drop(true)
            .spawn()?;
        let listen_address = async {
            loop {
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                let address = text
                    .split_once("Running on http://")
                    .map(|(_, rest)| rest.lines().next().unwrap_or(""));
                if let Some(address) = address.and_then(|address| address.trim().parse().ok()) {
                    return address;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        let addr = timeout(START_TIMEOUT, listen_address).await;
        let addr = addr
            .map_err(|_| MotoError::Refused(std::fs::read_to_string(&log).unwrap_or_default()))?;
        let anonymous = Key {
            id: "AKIANOBODY".to_owned(),
            secret: "nothing".to_owned(),
        };
        let mut moto = Self {
            _process: process,
            addr,
            admin: anonymous,
            _dir: dir,
        };
        moto.admin = moto.add_user("admin").await?;
        moto.set_policy("admin", Some("Allow"), "*").await?;
        moto.enforce().await?;
        Ok(moto)
    }

    /// Returns the endpoint of all services.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Adds a user without permissions and returns its access key.
    pub(crate) async fn add_user(&self, name: &str) -> Result<Key, MotoError> {
        self.iam(&[("Action", "CreateUser"), ("UserName", name)])
            .await?;
        let body = self
            .iam(&[("Action", "CreateAccessKey"), ("UserName", name)])
            .await?;
        let tag = |name: &str| {
            body.split_once(&format!("<{name}>"))
                .and_then(|(_, rest)| rest.split_once("</"))
        };
        let text = |name: &str| tag(name).map(|(text, _)| text.to_owned());
        let key = text("AccessKeyId").zip(text("SecretAccessKey"));
        key.map(|(id, secret)| Key { id, secret })
            .ok_or(MotoError::Refused(body))
    }

    /// Sets the user's only policy to this effect for this action, or removes it.
    pub(crate) async fn set_policy(
        &self,
        user: &str,
        effect: Option<&str>,
        action: &str,
    ) -> Result<(), MotoError> {
        let Some(effect) = effect else {
            self.iam(&[
                ("Action", "DeleteUserPolicy"),
                ("UserName", user),
                ("PolicyName", "lab"),
            ])
            .await?;
            return Ok(());
        };
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": effect, "Action": action, "Resource": "*" }],
        });
        let policy = policy.to_string();
        let put = [
            ("Action", "PutUserPolicy"),
            ("UserName", user),
            ("PolicyName", "lab"),
            ("PolicyDocument", &policy),
        ];
        self.iam(&put).await.map(drop)
    }

    /// Sends one request of a service's query protocol with a hand-made signature.
    pub(crate) async fn ask(
        &self,
        service: &str,
        key: &Key,
        form: &[(&str, &str)],
    ) -> Result<MotoResponse, MotoError> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        // moto signs the encoding that its own client would send.
        let body = body.replace('*', "%2A").replace('+', "%20");
        let headers = vec![(
            "Content-Type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        )];
        let (method, target) = ("POST".to_owned(), "/".to_owned());
        self.signed(
            service,
            key,
            Request {
                method,
                target,
                headers,
                body: body.into_bytes(),
            },
        )
        .await
    }

    /// Creates an EKS cluster with these authorized networks.
    pub(crate) async fn add_cluster(&self, name: &str, networks: &[&str]) -> Result<(), MotoError> {
        let cluster = serde_json::json!({
            "name": name,
            "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/lab"),
            "resourcesVpcConfig": {
                "endpointPublicAccess": true,
                "endpointPrivateAccess": false,
                "publicAccessCidrs": networks,
                "subnetIds": [],
            },
        });
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        let (method, target) = ("POST".to_owned(), "/clusters".to_owned());
        let request = Request {
            method,
            target,
            headers,
            body: cluster.to_string().into_bytes(),
        };
        let MotoResponse { status, body } = self.signed("eks", &self.admin, request).await?;
        if status == 200 {
            Ok(())
        } else {
            Err(MotoError::Refused(format!("{status} {body}")))
        }
    }

    async fn signed(
        &self,
        service: &str,
        key: &Key,
        mut request: Request,
    ) -> Result<MotoResponse, MotoError> {
        let signer = Signer {
            key_id: key.id.clone(),
            secret: key.secret.clone(),
            token: None,
            region: REGION.to_owned(),
            service: service.to_owned(),
        };
        // moto selects the service by the signed host.
        let host = format!("{service}.{REGION}.amazonaws.com");
        request
            .headers
            .extend(signer.headers(&request, &host, SystemTime::now()));
        self.send(&request).await
    }

    async fn iam(&self, form: &[(&str, &str)]) -> Result<String, MotoError> {
        let form = [form, &[("Version", "2010-05-08")]].concat();
        let MotoResponse { status, body } = self.ask("iam", &self.admin, &form).await?;
        if status == 200 {
            Ok(body)
        } else {
            Err(MotoError::Refused(format!("{status} {body}")))
        }
    }

    /// Sets the number of further requests allowed without a signature to zero.
    async fn enforce(&self) -> Result<(), MotoError> {
        let headers = vec![
            ("Host".to_owned(), self.addr.to_string()),
            // moto does not read a form here.
            ("Content-Type".to_owned(), "text/plain".to_owned()),
        ];
        let target = "/moto-api/reset-auth".to_owned();
        let seen = self
            .send(&Request {
                method: "POST".to_owned(),
                target,
                headers,
                body: b"0".to_vec(),
            })
            .await?;
        if seen.status == 200 {
            Ok(())
        } else {
            Err(MotoError::Refused(seen.body))
        }
    }

    async fn send(&self, request: &Request) -> Result<MotoResponse, MotoError> {
        let Request {
            method,
            target,
            headers,
            body,
        } = request;
        let mut bytes = format!(
            "{method} {target} HTTP/1.1\r\nContent-Length: {}\r\n",
            body.len()
        )
        .into_bytes();
        for (name, value) in headers {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        bytes.extend(b"Connection: close\r\n\r\n");
        bytes.extend(body);
        let exchange = async {
            let mut stream = TcpStream::connect(self.addr).await?;
            stream.write_all(&bytes).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, io::Error>(answer)
        };
        let answer = timeout(REQUEST_TIMEOUT, exchange)
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .ok_or_else(|| MotoError::Refused(answer.clone()))?;
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| MotoError::Refused(head.to_owned()))?;
        Ok(MotoResponse {
            status,
            body: body.to_owned(),
        })
    }
}
