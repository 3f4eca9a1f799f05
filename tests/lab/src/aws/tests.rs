//! Compares the fake AWS services with AWS's documentation.

mod ec2;
mod eks;
mod faults;
mod pod_identity;
mod signatures;
mod sts;

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::client::send;

const FORBIDDEN: &str = "403";

/// A parsed HTTP response.
struct ParsedResponse {
    status: String,
    head: String,
    body: String,
}

impl ParsedResponse {
    fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    fn tag(&self, name: &str) -> &str {
        let rest = self
            .body
            .split_once(&format!("<{name}>"))
            .map_or("", |(_, rest)| rest);
        rest.split_once("</").map_or("", |(text, _)| text)
    }

    fn code(&self) -> (&str, &str) {
        (&self.status, self.tag("Code"))
    }
}

async fn call(addr: SocketAddr, request: &Request) -> ParsedResponse {
    let response = send(addr, request).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    ParsedResponse {
        status: head[9..12].to_owned(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

fn form_request(pairs: &[(&str, &str)]) -> Request {
    let encoded = |text: &str| {
        text.replace(':', "%3A")
            .replace('/', "%2F")
            .replace('@', "%40")
    };
    let body: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    Request {
        method: "POST".to_owned(),
        target: "/".to_owned(),
        headers: vec![(
            "Content-Type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        )],
        body: body.join("&").into_bytes(),
    }
}

fn signer(service: &str) -> Signer {
    Signer {
        key_id: KEY_ID.to_owned(),
        secret: SECRET.to_owned(),
        token: None,
        region: REGION.to_owned(),
        service: service.to_owned(),
    }
}

fn session_signer(service: &str, issued: &SessionCredentials) -> Signer {
    Signer {
        key_id: issued.key_id.clone(),
        secret: issued.secret.clone(),
        token: Some(issued.token.clone()),
        ..signer(service)
    }
}

async fn call_signed(addr: SocketAddr, request: Request, signer: &Signer) -> ParsedResponse {
    call_signed_at(addr, request, signer, OffsetDateTime::now_utc()).await
}

async fn call_signed_at(
    addr: SocketAddr,
    mut request: Request,
    signer: &Signer,
    at: OffsetDateTime,
) -> ParsedResponse {
    request
        .headers
        .extend(signer.headers(&request, &addr.to_string(), at));
    call(addr, &request).await
}

fn get_caller_identity() -> Request {
    form_request(&[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")])
}

fn describe_instances(more: &[(&str, &str)]) -> Request {
    form_request(
        &[
            &[("Action", "DescribeInstances"), ("Version", "2016-11-15")],
            more,
        ]
        .concat(),
    )
}

fn assume_role_with_web_identity(token: &str) -> Request {
    form_request(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", &Account::role_arn(ROLE)),
        ("RoleSessionName", "lab-session"),
        ("WebIdentityToken", token),
    ])
}

fn token_with(changes: &[(&str, Value)]) -> String {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let mut claims = json!({ "iss": ISSUER, "sub": SUBJECT, "aud": ["sts.amazonaws.com"], "iat": now - 60, "exp": now + 3600 });
    for (name, value) in changes {
        claims[*name] = value.clone();
    }
    jwt_with_claims(&claims)
}

fn start_sts(account: &Account) -> Sts {
    Sts::start(account, None, Endpoint::sts()).unwrap()
}

fn start_ec2(account: &Account) -> Ec2 {
    Ec2::start(account, None, Endpoint::ec2()).unwrap()
}
