//! AWS Signature Version 4, computed from the bytes of a request.
//!
//! Wire format: the IAM user guide, "Create a signed AWS API request"; its worked example is a test
//! here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ring::{digest, hmac};
use time::{Date, Month, OffsetDateTime, Time};

use crate::request::Request;

/// The parsed `Authorization` and `X-Amz-Date` headers of a request.
#[derive(Debug)]
pub(super) struct ParsedSignature {
    pub(super) key_id: String,
    pub(super) region: String,
    pub(super) service: String,
    /// `X-Amz-Date`, verbatim and parsed.
    pub(super) date: String,
    pub(super) at: OffsetDateTime,
    headers: Vec<String>,
    signature: String,
}

/// Reason why a signature cannot be verified.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum SignatureError {
    /// The request has no `Authorization` header.
    Unsigned,
    /// The named part is missing or malformed.
    Incomplete(String),
}

pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(super) const TERMINATOR: &str = "aws4_request";

// === impl ParsedSignature ===

impl ParsedSignature {
    pub(super) fn parse(request: &Request) -> Result<Self, SignatureError> {
        let value = request
            .header("authorization")
            .ok_or(SignatureError::Unsigned)?;
        let incomplete = |part: &str| SignatureError::Incomplete(part.to_owned());
        let parts = value
            .strip_prefix(ALGORITHM)
            .ok_or_else(|| incomplete("the algorithm AWS4-HMAC-SHA256"))?;
        let parts: BTreeMap<&str, &str> = parts
            .split(',')
            .filter_map(|part| part.trim().split_once('='))
            .collect();
        let part = |name: &str| {
            let found = parts.get(name).copied().filter(|part| !part.is_empty());
            found.ok_or_else(|| SignatureError::Incomplete(format!("'{name}' parameter")))
        };
        let (credential, headers, signature) = (
            part("Credential")?,
            part("SignedHeaders")?,
            part("Signature")?,
        );
        let fields: Vec<&str> = credential.split('/').collect();
        let [key_id, day, region, service, TERMINATOR] = fields.as_slice() else {
            return Err(incomplete("a valid credential scope"));
        };
        let headers: Vec<String> = headers.split(';').map(str::to_owned).collect();
        if !headers.iter().any(|name| name == "host") || headers != sorted(headers.clone()) {
            return Err(incomplete(
                "'Host' among its signed headers, in their order",
            ));
        }
        let date = request
            .header("x-amz-date")
            .ok_or_else(|| incomplete("existence of an 'X-Amz-Date' header"))?;
        let at = parse_date(date)
            .filter(|_| date.starts_with(day))
            .ok_or_else(|| incomplete("a valid date"))?;
        Ok(Self {
            key_id: (*key_id).to_owned(),
            region: (*region).to_owned(),
            service: (*service).to_owned(),
            date: date.to_owned(),
            at,
            headers,
            signature: signature.to_owned(),
        })
    }

    /// Whether `secret` produces this signature and all `X-Amz-*` headers are signed.
    pub(super) fn matches(&self, request: &Request, secret: &str) -> bool {
        let mut names = request
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase());
        let all = names.all(|name| !name.starts_with("x-amz-") || self.headers.contains(&name));
        all && compute(
            request,
            &self.headers,
            &self.date,
            &self.region,
            &self.service,
            secret,
        ) == self.signature
    }
}

/// Formats a time for `X-Amz-Date`.
pub(super) fn format_date(at: OffsetDateTime) -> String {
    let (hour, minute, second) = at.to_hms();
    format!(
        "{}{:02}{:02}T{hour:02}{minute:02}{second:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day()
    )
}

fn parse_date(text: &str) -> Option<OffsetDateTime> {
    let well_formed =
        text.len() == 16 && text.is_ascii() && text.as_bytes()[8] == b'T' && text.ends_with('Z');
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u8>().ok();
    if !well_formed {
        return None;
    }
    let month = Month::try_from(number(4, 6)?).ok()?;
    let date = Date::from_calendar_date(text[..4].parse().ok()?, month, number(6, 8)?).ok()?;
    let time = Time::from_hms(number(9, 11)?, number(11, 13)?, number(13, 15)?).ok()?;
    Some(date.with_time(time).assume_utc())
}

/// Computes the signature: steps 1 to 4 of the guide.
pub(super) fn compute(
    request: &Request,
    headers: &[String],
    date: &str,
    region: &str,
    service: &str,
    secret: &str,
) -> String {
    let day = &date[..8];
    let canonical = canonical_request(request, headers);
    let to_sign = format!(
        "{ALGORITHM}\n{date}\n{day}/{region}/{service}/{TERMINATOR}\n{}",
        sha256_hex(canonical.as_bytes())
    );
    let mut key = format!("AWS4{secret}").into_bytes();
    for step in [day, region, service, TERMINATOR] {
        key = hmac_sha256(&key, step);
    }
    hex(&hmac_sha256(&key, &to_sign))
}

/// Returns the canonical request. S3 encodes paths differently.
fn canonical_request(request: &Request, headers: &[String]) -> String {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let path = if path.is_empty() { "/" } else { path };
    let path = path
        .split('/')
        .map(percent_encode)
        .collect::<Vec<_>>()
        .join("/");
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query = sorted(
        pairs
            .map(|pair| {
                if pair.contains('=') {
                    pair.to_owned()
                } else {
                    format!("{pair}=")
                }
            })
            .collect(),
    );
    let mut lines = String::new();
    for name in headers {
        let values = request
            .headers
            .iter()
            .filter(|(given, _)| given.eq_ignore_ascii_case(name));
        let values: Vec<String> = values
            .map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        writeln!(lines, "{name}:{}", values.join(",")).expect("writing to a String never fails");
    }
    let (method, query, names, body) = (
        &request.method,
        query.join("&"),
        headers.join(";"),
        sha256_hex(&request.body),
    );
    format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{body}")
}

fn percent_encode(segment: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    segment.bytes().map(encode).collect()
}

pub(super) fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String never fails");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::signer::Signer;

    fn request(target: &str, headers: &[(&str, &str)]) -> Request {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Request {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers,
            body: Vec::new(),
        }
    }

    fn signer(service: &str) -> Signer {
        Signer {
            key_id: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            token: None,
            region: "us-east-1".to_owned(),
            service: service.to_owned(),
        }
    }

    #[test]
    fn signatures_match_the_aws_worked_examples() {
        let at = parse_date("20150830T123600Z").unwrap();
        let form = request(
            "/?Action=ListUsers&Version=2010-05-08",
            &[(
                "Content-Type",
                "application/x-www-form-urlencoded; charset=utf-8",
            )],
        );
        let cases = [
            (
                form,
                "iam",
                "iam.amazonaws.com",
                "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
            (
                request("/", &[]),
                "service",
                "example.amazonaws.com",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
        ];
        for (mut request, service, host, signature) in cases {
            let signer = signer(service);
            let headers = signer.headers(&request, host, at);
            assert!(
                headers
                    .last()
                    .unwrap()
                    .1
                    .ends_with(&format!("Signature={signature}")),
                "{headers:?}"
            );
            request.headers.extend(headers);
            let parsed = ParsedSignature::parse(&request).unwrap();
            assert_eq!(
                (parsed.key_id.as_str(), parsed.region.as_str(), parsed.at),
                ("AKIDEXAMPLE", "us-east-1", at)
            );
            assert!(
                parsed.matches(&request, &signer.secret)
                    && !parsed.matches(&request, "another secret")
            );
            request.body.push(b'x');
            assert!(
                !parsed.matches(&request, &signer.secret),
                "the signature does not cover the body"
            );
        }
    }

    #[test]
    fn partial_signatures_are_incomplete() {
        let date = ("X-Amz-Date", "20150830T123600Z");
        let complete = "AWS4-HMAC-SHA256 Credential=A/20150830/r/s/aws4_request, SignedHeaders=host, Signature=0";
        let read = |value: &str, date| {
            ParsedSignature::parse(&request("/", &[("Authorization", value), date])).map(|_| ())
        };
        assert_eq!(
            ParsedSignature::parse(&request("/", &[])).map(|_| ()),
            Err(SignatureError::Unsigned)
        );
        assert_eq!(read(complete, date), Ok(()));
        for (value, date) in [
            ("Bearer x", date),
            (&complete[..60], date),
            (&*complete.replace("=host", "=accept"), date),
            (&*complete.replace("/r/s/", "/r/"), date),
            (complete, ("X-Amz-Date", "20150831T123600Z")),
            (complete, ("X-Amz-Date", "yesterday")),
            (complete, ("Date", "20150830T123600Z")),
        ] {
            assert!(
                matches!(read(value, date), Err(SignatureError::Incomplete(_))),
                "{value} {date:?}"
            );
        }
    }
}
