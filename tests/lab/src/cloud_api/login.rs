//! Microsoft's login: exchanges a service-account token for an access token.

use serde_json::json;

use super::{CloudApiFault, FEDERATED_TOKEN, Handler, TENANT_ID, WORKLOAD_CLIENT_ID};
use crate::HOSTILE_TEXT;
use crate::request::Request;
use crate::response::Response;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Handler {
    pub(super) fn login(&self, request: &Request, fault: Option<&CloudApiFault>) -> Response {
        let rejected = |status, error: &str, description: &str| {
            Response::json(
                status,
                &json!({ "error": error, "error_description": description, "error_codes": [700_016] }),
            )
        };
        let form: Vec<(String, String)> = request.parameters();
        let field = |name: &str| {
            form.iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let scope = field("scope").unwrap_or_default();
        let assertion = field("client_assertion").unwrap_or_default();
        match fault {
            Some(CloudApiFault::ServerError) => {
                rejected(503, "temporarily_unavailable", "AADSTS90033: try again.")
            }
            _ if request.method != "POST"
                || request.path() != format!("/{TENANT_ID}/oauth2/v2.0/token") =>
            {
                rejected(404, "invalid_request", "AADSTS90002: Tenant not found.")
            }
            Some(CloudApiFault::Forbidden) => rejected(
                401,
                "invalid_client",
                "AADSTS70021: No matching federated identity record found.",
            ),
            Some(CloudApiFault::Hostile) => rejected(
                400,
                "invalid_client",
                &format!("{HOSTILE_TEXT} {assertion}"),
            ),
            _ if field("grant_type") != Some("client_credentials")
                || field("client_assertion_type") != Some(JWT_BEARER)
                || !scope.ends_with("/.default") =>
            {
                rejected(
                    400,
                    "invalid_request",
                    "AADSTS900144: The request body is incomplete.",
                )
            }
            _ if field("client_id") != Some(WORKLOAD_CLIENT_ID) || assertion != FEDERATED_TOKEN => {
                rejected(
                    401,
                    "invalid_client",
                    "AADSTS700213: No matching federated identity record found.",
                )
            }
            _ => Response::json(
                200,
                &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": self.options.token }),
            ),
        }
    }
}
