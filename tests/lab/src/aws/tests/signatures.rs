//! Signature checks that all services share.

use super::*;

#[tokio::test]
async fn invalid_signatures_get_the_documented_error_codes() {
    let account = Account::default();
    let (sts, ec2) = (start_sts(&account), start_ec2(&account));
    let now = OffsetDateTime::now_utc();
    let minutes = |minutes| now - Duration::minutes(minutes);
    let expired = account.issue(ROLE, "over", -Duration::MINUTE);
    let session = account.issue(ROLE, "session", Duration::HOUR);
    let without_token = Signer {
        token: None,
        ..session_signer("sts", &session)
    };
    let cases = [
        (
            Signer {
                key_id: "AKIAUNKNOWN".to_owned(),
                ..signer("sts")
            },
            now,
            "InvalidClientTokenId",
            "AuthFailure",
            "401",
        ),
        (
            Signer {
                secret: "wrong".to_owned(),
                ..signer("sts")
            },
            now,
            "SignatureDoesNotMatch",
            "AuthFailure",
            "401",
        ),
        (
            Signer {
                region: "us-east-1".to_owned(),
                ..signer("sts")
            },
            now,
            "SignatureDoesNotMatch",
            "AuthFailure",
            "401",
        ),
        (
            signer("sts"),
            minutes(6),
            "SignatureDoesNotMatch",
            "AuthFailure",
            "401",
        ),
        (
            signer("sts"),
            minutes(-6),
            "SignatureDoesNotMatch",
            "AuthFailure",
            "401",
        ),
        (
            signer("sts"),
            minutes(16),
            "SignatureDoesNotMatch",
            "RequestExpired",
            "400",
        ),
        (
            session_signer("sts", &expired),
            now,
            "ExpiredToken",
            "RequestExpired",
            "400",
        ),
        (
            without_token,
            now,
            "InvalidClientTokenId",
            "AuthFailure",
            "401",
        ),
    ];
    for (signer, at, sts_code, ec2_code, status) in cases {
        let response = call_signed_at(sts.addr(), get_caller_identity(), &signer, at).await;
        assert_eq!(response.code(), (FORBIDDEN, sts_code), "{}", response.body);
        assert!(
            response.body.starts_with("<ErrorResponse xmlns=")
                && response.body.contains("<Type>Sender</Type>")
        );
        let signer = Signer {
            service: "ec2".to_owned(),
            ..signer
        };
        let response = call_signed_at(ec2.addr(), describe_instances(&[]), &signer, at).await;
        assert_eq!(response.code(), (status, ec2_code), "{}", response.body);
        assert!(
            response.body.contains("<Response><Errors><Error><Code>"),
            "{}",
            response.body
        );
        assert_eq!(
            response.tag("RequestID"),
            response.header("x-amzn-requestid")
        );
    }
}

#[tokio::test]
async fn misscoped_and_missing_signatures_are_rejected() {
    let account = Account::default();
    let sts = start_sts(&account);
    let minutes = |minutes| OffsetDateTime::now_utc() - Duration::minutes(minutes);
    assert_eq!(
        call_signed(sts.addr(), get_caller_identity(), &signer("ec2"))
            .await
            .tag("Message")
            .trim_end(),
        "Credential should be scoped to correct service: 'sts'."
    );
    assert_eq!(
        call(
            sts.addr(),
            &Request {
                headers: vec![("Host".to_owned(), "sts.lab".to_owned())],
                ..get_caller_identity()
            }
        )
        .await
        .code(),
        (FORBIDDEN, "MissingAuthenticationToken")
    );
    let at = call_signed_at(
        sts.addr(),
        get_caller_identity(),
        &signer("sts"),
        minutes(4),
    )
    .await;
    assert_eq!(at.status, "200", "four minutes of skew are tolerated");
}

#[tokio::test]
async fn requests_modified_after_signing_are_rejected() {
    let account = Account::default();
    let ec2 = start_ec2(&account);
    let mut request = describe_instances(&[("DryRun", "true")]);
    request.headers.extend(signer("ec2").headers(
        &request,
        &ec2.addr().to_string(),
        OffsetDateTime::now_utc(),
    ));
    assert_eq!(call(ec2.addr(), &request).await.status, "412");
    let mut changed = request.clone();
    changed.body.extend(b"&MaxResults=5");
    assert_eq!(
        call(ec2.addr(), &changed).await.code(),
        ("401", "AuthFailure")
    );
    let mut elsewhere = request;
    for (name, value) in &mut elsewhere.headers {
        if name == "Host" {
            "ec2.lab".clone_into(value);
        }
    }
    assert_eq!(
        call(ec2.addr(), &elsewhere).await.code(),
        ("401", "AuthFailure")
    );
}

#[tokio::test]
async fn requests_for_another_host_are_rejected() {
    let account = Account::default();
    let (sts, ec2) = (start_sts(&account), start_ec2(&account));
    let mut request = get_caller_identity();
    request.headers.extend(signer("sts").headers(
        &request,
        "sts.elsewhere.example",
        OffsetDateTime::now_utc(),
    ));
    for addr in [sts.addr(), ec2.addr()] {
        let response = call(addr, &request).await;
        assert_eq!(
            (response.status.as_str(), response.body.trim()),
            ("404", "<UnknownOperationException/>")
        );
    }
    let pod_identity =
        PodIdentity::start(&account, crate::aws::pod_identity::Options::default()).unwrap();
    let headers = vec![
        ("Host".to_owned(), "elsewhere.example".to_owned()),
        ("Authorization".to_owned(), token_with(&[])),
    ];
    let request = Request {
        method: "GET".to_owned(),
        target: "/v1/credentials".to_owned(),
        headers,
        body: Vec::new(),
    };
    let response = call(pod_identity.addr(), &request).await;
    assert_eq!(response.status, FORBIDDEN);
    assert!(
        response
            .body
            .contains("Called agent through invalid address"),
        "{}",
        response.body
    );
}

#[tokio::test]
async fn server_clock_skew_rejects_valid_signatures() {
    let account = Account::default();
    let (sts, ec2) = (start_sts(&account), start_ec2(&account));
    sts.set("clock:+600s".parse::<StsFault>().unwrap()).await;
    ec2.set("clock:-600s".parse::<Ec2Fault>().unwrap()).await;
    let response = call_signed(sts.addr(), get_caller_identity(), &signer("sts")).await;
    assert!(
        response.tag("Message").starts_with("Signature expired: "),
        "{}",
        response.body
    );
    assert!(response.tag("Message").ends_with(" - 5 min.)"));
    assert_eq!(
        call_signed(ec2.addr(), describe_instances(&[]), &signer("ec2"))
            .await
            .code(),
        ("401", "AuthFailure")
    );
}
