//! An answer that is not the one hoped for: AWS's code and words, and what they mean.

use std::fmt;

use crate::catalogue::FailureMode as M;
use crate::classify;
use crate::config::aws::Service;
use crate::net::Answer;
use crate::report::DateSample;
use crate::report::evidence::quote;

/// AWS refuses signatures that are more than five minutes off, in seconds.
const LIMIT: f64 = 300.0;

/// An answer that is not the one hoped for.
#[derive(Debug)]
pub struct Refusal<'a> {
    service: Service,
    answer: &'a Answer,
    /// AWS's code, when it was AWS that answered.
    pub code: Option<String>,
    /// AWS's words.
    pub message: String,
    request_id: Option<String>,
}

impl<'a> Refusal<'a> {
    /// Reads an answer, whatever its envelope.
    pub fn read(service: Service, answer: &'a Answer) -> Self {
        let body = String::from_utf8_lossy(&answer.body);
        let error = classify::aws_error_body(&body);
        let header = || answer.header("x-amzn-requestid").map(str::to_owned);
        // Services that speak JSON name the code there, perhaps with an address behind it.
        let kind = answer
            .header("x-amzn-errortype")
            .and_then(|kind| kind.split(':').next())
            .map(str::to_owned);
        Self {
            service,
            answer,
            code: kind.or(error.code),
            message: error.message.unwrap_or_default(),
            request_id: error.request_id.or_else(header),
        }
    }

    /// What it means for a caller whose keys are temporary, or are not; nothing for a code that nobody knows, or of EKS,
    /// without whose answer the agent can live.
    pub fn mode(&self, temporary: bool) -> Option<M> {
        let Some(code) = &self.code else {
            return Some(self.mode_of_a_stranger());
        };
        let service = match self.service {
            Service::Sts => classify::AwsService::Sts,
            Service::Ec2 => classify::AwsService::Ec2,
            Service::Eks => return None,
        };
        let mode = classify::aws_code(service, code, &self.message)?;
        Some(match mode {
            // Whatever AWS calls it: with a clock that far off no signature is accepted.
            M::AwsAuthFailureAmbiguous | M::AwsKeySecretWrong if self.skew().is_some() => {
                M::AwsClockSkew
            }
            M::AwsAuthFailureAmbiguous if temporary && code == "RequestExpired" => {
                M::AwsSessionExpired
            }
            mode => mode,
        })
    }

    /// Not AWS's words: somebody in between, or AWS in trouble.
    fn mode_of_a_stranger(&self) -> M {
        match (self.answer.status.as_u16(), self.service == Service::Sts) {
            (429, true) => M::AwsStsThrottled,
            (429, false) => M::Ec2Throttled,
            (500.., true) => M::AwsStsServerError,
            (500.., false) => M::Ec2ServerError,
            (_, true) => M::ProxyBlockPage,
            (_, false) => M::Ec2UnexpectedBody,
        }
    }

    /// How far this clock is off, in seconds, when that is too far for signatures.
    pub fn skew(&self) -> Option<f64> {
        let DateSample {
            skew, uncertainty, ..
        } = self.answer.date_sample(self.service.signing_name())?;
        (skew.abs() - uncertainty > LIMIT).then_some(skew)
    }
}

/// What was answered, without a body that holds keys.
impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (service, status) = (self.service.name(), self.answer.status);
        match &self.code {
            Some(code) => write!(
                f,
                "{service} answered {status} {} {}",
                plain(code),
                quote(self.message.as_bytes())
            )?,
            None if status.is_success() => {
                let kind = self.answer.header("content-type").unwrap_or("no type");
                write!(
                    f,
                    "{service}'s address answered {status} with {} bytes of {}, which is no answer of {service}",
                    self.answer.body.len(),
                    quote(kind.as_bytes())
                )?;
            }
            None => write!(
                f,
                "{service}'s address answered {status} {}",
                self.answer.quoted()
            )?,
        }
        if let Some(id) = &self.request_id {
            write!(f, ", request id {}", plain(id))?;
        }
        for name in ["server", "via", "location"] {
            if let Some(value) = self.answer.header(name).filter(|_| self.code.is_none()) {
                write!(f, ", {name}: {}", quote(value.as_bytes()))?;
            }
        }
        if let Some(skew) = self.skew() {
            write!(
                f,
                "; this clock is {:.0} s {} the server's",
                skew.abs(),
                if skew > 0.0 { "ahead of" } else { "behind" }
            )?;
        }
        Ok(())
    }
}

/// A word of AWS's as it may stand without quotes.
fn plain(word: &str) -> String {
    let clean: String = word
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
