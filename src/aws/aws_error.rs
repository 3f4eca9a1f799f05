//! An error response of AWS: code, message and failure mode.

use std::fmt;

use crate::catalogue::FailureMode as M;
use crate::classify;
use crate::config::agent::aws::AwsService;
use crate::net::Response;
use crate::redaction::scrubbed;
use crate::report::DateSample;
use crate::report::evidence::quote;

/// Clock skew in seconds beyond which AWS rejects signatures.
const MAX_SIGNATURE_SKEW: f64 = 300.0;

/// An error response.
#[derive(Debug)]
pub struct AwsError<'a> {
    service: AwsService,
    response: &'a Response,
    /// AWS's error code; `None` if the response is not from AWS.
    pub code: Option<String>,
    /// AWS's message.
    pub message: String,
    request_id: Option<String>,
}

impl<'a> AwsError<'a> {
    /// Parses a response in XML or JSON.
    pub fn parse(service: AwsService, response: &'a Response) -> Self {
        let body = String::from_utf8_lossy(&response.body);
        let error = classify::aws_error_body(&body);
        let header = || response.header("x-amzn-requestid").map(str::to_owned);
        // JSON services put the code in this header, sometimes followed by a URL.
        let kind = response
            .header("x-amzn-errortype")
            .and_then(|kind| kind.split(':').next())
            .map(str::to_owned);
        Self {
            service,
            response,
            code: kind.or(error.code),
            message: error.message.unwrap_or_default(),
            request_id: error.request_id.or_else(header),
        }
    }

    /// Returns the failure mode for a caller with temporary or permanent keys.
    ///
    /// Returns `None` for an unknown code, and for EKS, which the agent does not need.
    pub fn mode(&self, temporary: bool) -> Option<M> {
        let Some(code) = &self.code else {
            return Some(self.mode_without_code());
        };
        let service = match self.service {
            AwsService::Sts => classify::AwsErrorSource::Sts,
            AwsService::Ec2 => classify::AwsErrorSource::Ec2,
            AwsService::Eks => return None,
        };
        let mode = classify::aws_code(service, code, &self.message)?;
        Some(match mode {
            // With this skew AWS accepts no signature, whatever code it returns.
            M::AwsAuthFailureAmbiguous | M::AwsKeySecretWrong if self.skew().is_some() => {
                M::AwsClockSkew
            }
            M::AwsAuthFailureAmbiguous if temporary && code == "RequestExpired" => {
                M::AwsSessionExpired
            }
            mode => mode,
        })
    }

    /// Returns the mode of a response without an AWS code: from a proxy, or from a failing AWS.
    fn mode_without_code(&self) -> M {
        match (
            self.response.status.as_u16(),
            self.service == AwsService::Sts,
        ) {
            (429, true) => M::AwsStsThrottled,
            (429, false) => M::Ec2Throttled,
            (500.., true) => M::AwsStsServerError,
            (500.., false) => M::Ec2ServerError,
            (_, true) => M::ProxyBlockPage,
            (_, false) => M::Ec2UnexpectedBody,
        }
    }

    /// Returns the skew of the local clock in seconds, if it is too large for signatures.
    pub fn skew(&self) -> Option<f64> {
        let DateSample {
            skew, uncertainty, ..
        } = self.response.date_sample(self.service.signing_name())?;
        (skew.abs() - uncertainty > MAX_SIGNATURE_SKEW).then_some(skew)
    }
}

/// Describes the response without a successful body, which may contain keys.
impl fmt::Display for AwsError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (service, status) = (self.service.name(), self.response.status);
        match &self.code {
            Some(code) => write!(
                f,
                "{service} returned {status} {} {}",
                sanitized(code),
                quote(self.message.as_bytes())
            )?,
            None if status.is_success() => {
                let kind = self
                    .response
                    .header("content-type")
                    .unwrap_or("unknown type");
                write!(
                    f,
                    "the {service} endpoint returned {status} with {} bytes of {}, which is not a response from {service}",
                    self.response.body.len(),
                    quote(kind.as_bytes())
                )?;
            }
            None => write!(
                f,
                "the {service} endpoint returned {status} {}",
                self.response.quoted()
            )?,
        }
        if let Some(id) = &self.request_id {
            write!(f, ", request id {}", sanitized(id))?;
        }
        for name in ["server", "via", "location"] {
            if let Some(value) = self.response.header(name).filter(|_| self.code.is_none()) {
                write!(f, ", {name}: {}", quote(value.as_bytes()))?;
            }
        }
        if let Some(skew) = self.skew() {
            write!(
                f,
                "; the local clock is {:.0} s {} the server's",
                skew.abs(),
                if skew > 0.0 { "ahead of" } else { "behind" }
            )?;
        }
        Ok(())
    }
}

/// Returns a code or ID without secrets and with only the characters that are safe without quotes.
fn sanitized(word: &str) -> String {
    let clean: String = scrubbed(word)
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c))
        .take(64)
        .collect();
    if clean.is_empty() {
        "?".to_owned()
    } else {
        clean
    }
}
