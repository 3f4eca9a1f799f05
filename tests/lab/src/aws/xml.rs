//! The envelopes of AWS's query protocols.
//!
//! Wire format: the STS API reference ("Common errors", the sample responses of each action) and the EC2 API reference
//! ("Error codes for the Amazon EC2 API", "Example error response").

use super::random;
use crate::answer::Answer;

/// An error: status, code and message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Error {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

// === impl Error ===

impl Error {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// In the envelope of STS and most services with a query protocol.
    pub(super) fn in_sts_envelope(&self) -> Answer {
        let id = random::request_id();
        let fault = if self.status < 500 {
            "Sender"
        } else {
            "Receiver"
        };
        let body = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    <Type>{fault}</Type>\n    \
             <Code>{}</Code>\n    <Message>{}</Message>\n  </Error>\n  <RequestId>{id}</RequestId>\n</ErrorResponse>\n",
            self.code,
            escaped(&self.message)
        );
        sts(self.status, &id, body)
    }

    /// In the envelope of EC2.
    pub(super) fn in_ec2_envelope(&self) -> Answer {
        let id = random::request_id();
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{}</Code><Message>{}</Message>\
             </Error></Errors><RequestID>{id}</RequestID></Response>",
            self.code,
            escaped(&self.message)
        );
        ec2(self.status, &id, body)
    }
}

/// An answer of STS; `result` is what stands between the tags of the action's result.
pub(super) fn sts_result(action: &str, result: &str) -> Answer {
    let id = random::request_id();
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <{action}Result>\n{result}  \
         </{action}Result>\n  <ResponseMetadata>\n    <RequestId>{id}</RequestId>\n  </ResponseMetadata>\n\
         </{action}Response>\n"
    );
    sts(200, &id, body)
}

/// An answer of EC2; `result` is what stands behind its request id.
pub(super) fn ec2_result(action: &str, result: &str) -> Answer {
    let id = random::request_id();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{action}Response \
         xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\n    <requestId>{id}</requestId>\n{result}\
         </{action}Response>"
    );
    ec2(200, &id, body).with("Vary", "accept-encoding")
}

/// Text as it stands between tags.
pub(super) fn escaped(text: &str) -> String {
    let escape = |letter: char| match letter {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        letter => letter.to_string(),
    };
    text.chars().map(escape).collect()
}

fn sts(status: u16, id: &str, body: String) -> Answer {
    Answer::new(status, "text/xml", body).with("x-amzn-RequestId", id)
}

fn ec2(status: u16, id: &str, body: String) -> Answer {
    Answer::new(status, "text/xml;charset=UTF-8", body)
        .with("x-amzn-requestid", id)
        .with("Cache-Control", "no-cache, no-store")
        .with(
            "Strict-Transport-Security",
            "max-age=31536000; includeSubDomains",
        )
        .with("Server", "AmazonEC2")
}
