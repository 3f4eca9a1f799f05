//! Request signing for tests.

use time::OffsetDateTime;

use super::signature::{self, ALGORITHM, TERMINATOR};
use crate::request::Request;

/// Signs requests, for tests that call AWS or an emulator without an SDK.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Access key ID.
    pub key_id: String,
    /// Secret access key.
    pub secret: String,
    /// Session token.
    pub token: Option<String>,
    /// Region of the credential scope.
    pub region: String,
    /// Service of the credential scope.
    pub service: String,
}

// === impl Signer ===

impl Signer {
    /// Returns the headers to add to a request, including `Host`.
    pub fn headers(
        &self,
        request: &Request,
        host: &str,
        at: impl Into<OffsetDateTime>,
    ) -> Vec<(String, String)> {
        let date = signature::format_date(at.into());
        let mut headers = vec![
            ("Host".to_owned(), host.to_owned()),
            ("X-Amz-Date".to_owned(), date.clone()),
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
        let names = signature::sorted(names);
        let signature = signature::compute(
            &signed,
            &names,
            &date,
            &self.region,
            &self.service,
            &self.secret,
        );
        let scope = format!(
            "{}/{}/{}/{TERMINATOR}",
            &date[..8],
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
