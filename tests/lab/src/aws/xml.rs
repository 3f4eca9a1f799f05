//! XML envelopes of AWS's query protocols.
//!
//! Wire format: the STS API reference ("Common errors", the sample responses of each action) and
//! the EC2 API reference ("Error codes for the Amazon EC2 API", "Example error response").

use super::random;
use crate::response::Response;

/// An AWS error with status, code and message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct AwsError {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

// === impl AwsError ===

impl AwsError {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// Wraps the error in the envelope of STS and most query-protocol services.
    pub(super) fn in_sts_envelope(&self) -> Response {
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

    /// Wraps the error in the envelope of EC2.
    pub(super) fn in_ec2_envelope(&self) -> Response {
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

/// Returns a successful STS response; `result` is the content of the action's result element.
pub(super) fn sts_result(action: &str, result: &str) -> Response {
    let id = random::request_id();
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <{action}Result>\n{result}  \
         </{action}Result>\n  <ResponseMetadata>\n    <RequestId>{id}</RequestId>\n  </ResponseMetadata>\n\
         </{action}Response>\n"
    );
    sts(200, &id, body)
}

/// Returns a successful EC2 response; `result` follows the request ID.
pub(super) fn ec2_result(action: &str, result: &str) -> Response {
    let id = random::request_id();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{action}Response \
         xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\n    <requestId>{id}</requestId>\n{result}\
         </{action}Response>"
    );
    ec2(200, &id, body).with_header("Vary", "accept-encoding")
}

/// Escapes text for XML.
pub(super) fn escaped(text: &str) -> String {
    let escape = |letter: char| match letter {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        letter => letter.to_string(),
    };
    text.chars().map(escape).collect()
}

fn sts(status: u16, id: &str, body: String) -> Response {
    Response::new(status, "text/xml", body).with_header("x-amzn-RequestId", id)
}

fn ec2(status: u16, id: &str, body: String) -> Response {
    Response::new(status, "text/xml;charset=UTF-8", body)
        .with_header("x-amzn-requestid", id)
        .with_header("Cache-Control", "no-cache, no-store")
        .with_header(
            "Strict-Transport-Security",
            "max-age=31536000; includeSubDomains",
        )
        .with_header("Server", "AmazonEC2")
}
