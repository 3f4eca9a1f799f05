//! `DescribeCluster` of EKS.

use super::*;

#[tokio::test]
async fn describe_cluster_requires_a_valid_signature() {
    let account = Account::default();
    let eks = Eks::start(&account, None, Endpoint::eks()).unwrap();
    let cluster = |name: &str| Request {
        method: "GET".to_owned(),
        target: format!("/clusters/{name}"),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let response = call_signed(eks.addr(), cluster("lab"), &signer("eks")).await;
    assert_eq!(response.status, "200", "{}", response.body);
    let shown: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(
        shown["cluster"]["resourcesVpcConfig"]["publicAccessCidrs"],
        json!(["0.0.0.0/0"])
    );
    let status_and_code = async |signer: Signer| {
        let response = call_signed(eks.addr(), cluster("lab"), &signer).await;
        (
            response.status.clone(),
            response.header("x-amzn-errortype").to_owned(),
        )
    };
    let forbidden = |code: &str| ("403".to_owned(), code.to_owned());
    assert_eq!(
        status_and_code(signer("ec2")).await,
        forbidden("InvalidSignatureException")
    );
    assert_eq!(
        status_and_code(Signer {
            region: "us-east-1".to_owned(),
            ..signer("eks")
        })
        .await,
        forbidden("InvalidSignatureException")
    );
    assert_eq!(
        status_and_code(Signer {
            secret: "another".to_owned(),
            ..signer("eks")
        })
        .await,
        forbidden("InvalidSignatureException")
    );
    assert_eq!(
        status_and_code(Signer {
            key_id: "AKIAUNKNOWN".to_owned(),
            ..signer("eks")
        })
        .await,
        forbidden("UnrecognizedClientException")
    );
    let session = account.issue(ROLE, "lab", Duration::seconds(-1));
    assert_eq!(
        status_and_code(session_signer("eks", &session)).await,
        forbidden("ExpiredTokenException")
    );
    let late = OffsetDateTime::now_utc() - Duration::minutes(10);
    let response = call_signed_at(eks.addr(), cluster("lab"), &signer("eks"), late).await;
    assert!(
        response.status == FORBIDDEN && response.body.contains("Signature expired"),
        "{}",
        response.body
    );
    let mut unsigned = cluster("lab");
    unsigned
        .headers
        .push(("Host".to_owned(), eks.addr().to_string()));
    assert_eq!(
        call(eks.addr(), &unsigned).await.header("x-amzn-errortype"),
        "MissingAuthenticationTokenException"
    );
    let response = call_signed(eks.addr(), cluster("other"), &signer("eks")).await;
    assert_eq!(
        (
            response.status.as_str(),
            response.header("x-amzn-errortype")
        ),
        ("404", "ResourceNotFoundException")
    );
}
