//! Signature Version 4, computed from the bytes of a request.
//!
//! Wire format: the IAM user guide, "Create a signed AWS API request", whose worked example is a test here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ring::{digest, hmac};
use time::{Date, Month, OffsetDateTime, Time};

use crate::request::Request;

/// Signs requests by hand, for tests that ask AWS, or a stand-in, without an SDK.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The key's id.
    pub key_id: String,
    /// Its secret.
    pub secret: String,
    /// The token of a session.
    pub token: Option<String>,
    /// The region of the scope.
    pub region: String,
    /// The service of the scope.
    pub service: String,
}

/// What a request says of its own signature.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) key_id: String,
    pub(super) region: String,
    pub(super) service: String,
    /// `X-Amz-Date`, as written and as a time.
    pub(super) stamp: String,
    pub(super) at: OffsetDateTime,
    headers: Vec<String>,
    signature: String,
}

/// Why a request cannot be judged.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    /// It says nothing of a signature.
    Unsigned,
    /// It says too little, and what.
    Incomplete(String),
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";

// === impl Signer ===

impl Signer {
    /// The headers to add to a request, `Host` among them.
    pub fn headers(
        &self,
        request: &Request,
        host: &str,
        at: impl Into<OffsetDateTime>,
    ) -> Vec<(String, String)> {
        let stamp = stamp(at.into());
        let mut headers = vec![
            ("Host".to_owned(), host.to_owned()),
            ("X-Amz-Date".to_owned(), stamp.clone()),
        ];
        headers.extend(
            self.token
                .iter()
                .map(|token| ("X-Amz-Security-Token".to_owned(), token.clone())),
        );
        let mut signed = request.clone();
        signed.headers.extend(headers.clone());
        let names: Vec<String> = signed
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect();
        let names = sorted(names);
        let signature = signature(
            &signed,
            &names,
            &stamp,
            &self.region,
            &self.service,
            &self.secret,
        );
        let scope = format!(
            "{}/{}/{}/{TERMINATOR}",
            &stamp[..8],
            self.region,
            self.service
        );
        let value = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
            self.key_id,
            names.join(";")
        );
        headers.push(("Authorization".to_owned(), value));
        headers
    }
}

// === impl Signed ===

impl Signed {
    pub(super) fn read(request: &Request) -> Result<Self, Flaw> {
        let value = request.header("authorization").ok_or(Flaw::Unsigned)?;
        let incomplete = |what: &str| Flaw::Incomplete(what.to_owned());
        let parts = value
            .strip_prefix(ALGORITHM)
            .ok_or_else(|| incomplete("the algorithm AWS4-HMAC-SHA256"))?;
        let parts: BTreeMap<&str, &str> = parts
            .split(',')
            .filter_map(|part| part.trim().split_once('='))
            .collect();
        let part = |name: &str| {
            let found = parts.get(name).copied().filter(|part| !part.is_empty());
            found.ok_or_else(|| Flaw::Incomplete(format!("'{name}' parameter")))
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
        let stamp = request
            .header("x-amz-date")
            .ok_or_else(|| incomplete("existence of an 'X-Amz-Date' header"))?;
        let at = read_stamp(stamp)
            .filter(|_| stamp.starts_with(day))
            .ok_or_else(|| incomplete("a valid date"))?;
        Ok(Self {
            key_id: (*key_id).to_owned(),
            region: (*region).to_owned(),
            service: (*service).to_owned(),
            stamp: stamp.to_owned(),
            at,
            headers,
            signature: signature.to_owned(),
        })
    }

    /// Whether it is the one that this secret makes; every header of AWS's must be signed.
    pub(super) fn fits(&self, request: &Request, secret: &str) -> bool {
        let mut names = request
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase());
        let all = names.all(|name| !name.starts_with("x-amz-") || self.headers.contains(&name));
        all && signature(
            request,
            &self.headers,
            &self.stamp,
            &self.region,
            &self.service,
            secret,
        ) == self.signature
    }
}

/// A time as `X-Amz-Date` has it.
pub(super) fn stamp(at: OffsetDateTime) -> String {
    let (hour, minute, second) = at.to_hms();
    format!(
        "{}{:02}{:02}T{hour:02}{minute:02}{second:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day()
    )
}

fn read_stamp(text: &str) -> Option<OffsetDateTime> {
    let sound =
        text.len() == 16 && text.is_ascii() && text.as_bytes()[8] == b'T' && text.ends_with('Z');
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u8>().ok();
    if !sound {
        return None;
    }
    let month = Month::try_from(number(4, 6)?).ok()?;
    let date = Date::from_calendar_date(text[..4].parse().ok()?, month, number(6, 8)?).ok()?;
    let time = Time::from_hms(number(9, 11)?, number(11, 13)?, number(13, 15)?).ok()?;
    Some(date.with_time(time).assume_utc())
}

/// Steps 1 to 4 of the guide.
fn signature(
    request: &Request,
    headers: &[String],
    stamp: &str,
    region: &str,
    service: &str,
    secret: &str,
) -> String {
    let day = &stamp[..8];
    let canonical = canonical(request, headers);
    let to_sign = format!(
        "{ALGORITHM}\n{stamp}\n{day}/{region}/{service}/{TERMINATOR}\n{}",
        hash(canonical.as_bytes())
    );
    let mut key = format!("AWS4{secret}").into_bytes();
    for step in [day, region, service, TERMINATOR] {
        key = mac(&key, step);
    }
    hex(&mac(&key, &to_sign))
}

/// The canonical request; only services like S3 have paths that this would not do for.
fn canonical(request: &Request, headers: &[String]) -> String {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let path = if path.is_empty() { "/" } else { path };
    let path = path.split('/').map(encoded).collect::<Vec<_>>().join("/");
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
        writeln!(lines, "{name}:{}", values.join(",")).expect("a String takes everything");
    }
    let (method, query, names, body) = (
        &request.method,
        query.join("&"),
        headers.join(";"),
        hash(&request.body),
    );
    format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{body}")
}

fn encoded(segment: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    segment.bytes().map(encode).collect()
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_worked_examples_of_aws_have_the_signatures_that_aws_prints() {
        let at = read_stamp("20150830T123600Z").unwrap();
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
            let read = Signed::read(&request).unwrap();
            assert_eq!(
                (read.key_id.as_str(), read.region.as_str(), read.at),
                ("AKIDEXAMPLE", "us-east-1", at)
            );
            assert!(read.fits(&request, &signer.secret) && !read.fits(&request, "another secret"));
            request.body.push(b'x');
            assert!(
                !read.fits(&request, &signer.secret),
                "the body is signed as well"
            );
        }
    }

    #[test]
    fn a_signature_that_says_too_little_is_incomplete() {
        let date = ("X-Amz-Date", "20150830T123600Z");
        let whole = "AWS4-HMAC-SHA256 Credential=A/20150830/r/s/aws4_request, SignedHeaders=host, Signature=0";
        let read = |value: &str, date| {
            Signed::read(&request("/", &[("Authorization", value), date])).map(|_| ())
        };
        assert_eq!(
            Signed::read(&request("/", &[])).map(|_| ()),
            Err(Flaw::Unsigned)
        );
        assert_eq!(read(whole, date), Ok(()));
        for (value, date) in [
            ("Bearer x", date),
            (&whole[..60], date),
            (&*whole.replace("=host", "=accept"), date),
            (&*whole.replace("/r/s/", "/r/"), date),
            (whole, ("X-Amz-Date", "20150831T123600Z")),
            (whole, ("X-Amz-Date", "yesterday")),
            (whole, ("Date", "20150830T123600Z")),
        ] {
            assert!(
                matches!(read(value, date), Err(Flaw::Incomplete(_))),
                "{value} {date:?}"
            );
        }
    }
}
