//! The EKS Pod Identity Agent.

use super::*;

async fn get_credentials(addr: SocketAddr, token: &str) -> ParsedResponse {
    let headers = vec![
        ("Host".to_owned(), addr.to_string()),
        ("Authorization".to_owned(), token.to_owned()),
    ];
    let request = Request {
        method: "GET".to_owned(),
        target: "/v1/credentials".to_owned(),
        headers,
        body: Vec::new(),
    };
    call(addr, &request).await
}

#[tokio::test]
async fn credentials_require_a_valid_token_and_an_association() {
    let account = Account::default();
    let pod_identity =
        PodIdentity::start(&account, crate::aws::pod_identity::Options::default()).unwrap();
    let sts = start_sts(&account);
    let addr = pod_identity.addr();
    assert_eq!(pod_identity.uri(), format!("http://{addr}/v1/credentials"));
    let call_once = async |token: &str| get_credentials(addr, token).await;
    let audience = ("aud", json!(["pods.eks.amazonaws.com"]));
    let valid_token = token_with(std::slice::from_ref(&audience));
    let credentials: Value = serde_json::from_str(&call_once(&valid_token).await.body).unwrap();
    let text = |name: &str| credentials[name].as_str().unwrap().to_owned();
    let session = Signer {
        key_id: text("AccessKeyId"),
        secret: text("SecretAccessKey"),
        token: Some(text("Token")),
        ..signer("sts")
    };
    let arn = call_signed(sts.addr(), get_caller_identity(), &session)
        .await
        .tag("Arn")
        .to_owned();
    assert!(
        arn.starts_with("arn:aws:sts::123456789012:assumed-role/castai-agent/eks-lab-"),
        "{arn}"
    );
    assert_eq!(
        pod_identity.issued(),
        [text("SecretAccessKey"), text("Token")]
    );

    let cases = [
        (
            String::new(),
            "400",
            "Service account token cannot be empty",
        ),
        (
            "no token".to_owned(),
            "400",
            "Service account token cannot be parsed: token is malformed",
        ),
        (
            token_with(&[audience.clone(), ("exp", json!(1))]),
            "400",
            "token has invalid claims: token is expired",
        ),
        (token_with(&[]), "400", "(InvalidTokenException): "),
        (
            token_with(&[
                audience,
                ("sub", json!("system:serviceaccount:default:default")),
            ]),
            "404",
            "(ResourceNotFoundException): ",
        ),
    ];
    for (token, status, words) in cases {
        let response = call_once(&token).await;
        assert_eq!(
            (response.status.as_str(), response.header("Content-Type")),
            (status, "text/plain; charset=utf-8")
        );
        assert!(
            response.body.contains(words) && response.body.ends_with('\n'),
            "{}",
            response.body
        );
    }
}

#[tokio::test]
async fn every_fault_changes_the_response_until_healed() {
    let pod_identity = PodIdentity::start(
        &Account::default(),
        crate::aws::pod_identity::Options::default(),
    )
    .unwrap();
    let addr = pod_identity.addr();
    let call_once = async |token: &str| get_credentials(addr, token).await;
    let valid_token = token_with(&[("aud", json!(["pods.eks.amazonaws.com"]))]);
    let healthy = call_once(&valid_token).await.status;
    for (name, _) in PodIdentityFault::names()
        .into_iter()
        .filter(|(name, _)| name.parse::<Fault>().is_err())
    {
        pod_identity
            .set(name.parse::<PodIdentityFault>().unwrap())
            .await;
        let response = call_once(&valid_token).await;
        let is_success =
            ["expired-credentials", "missing-secret", "other-document"].contains(&name);
        assert_eq!(
            response.status == healthy,
            is_success,
            "{name}: {}",
            response.body
        );
        pod_identity.heal().await;
        assert_eq!(
            call_once(&valid_token).await.status,
            healthy,
            "after {name}"
        );
    }
}
