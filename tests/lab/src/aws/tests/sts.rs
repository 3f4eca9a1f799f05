//! Actions of STS.

use super::*;

#[tokio::test]
async fn get_caller_identity_returns_the_signer() {
    let account = Account::default();
    let sts = start_sts(&account);
    let response = call_signed(sts.addr(), get_caller_identity(), &signer("sts")).await;
    assert_eq!(response.status, "200", "{}", response.body);
    assert_eq!(
        response.tag("Arn"),
        "arn:aws:iam::123456789012:user/castai-agent"
    );
    assert_eq!(
        (response.tag("Account"), response.header("Content-Type")),
        (ACCOUNT, "text/xml")
    );
    assert_eq!(
        response.tag("RequestId"),
        response.header("x-amzn-RequestId")
    );
    assert!(!response.header("Date").is_empty() && response.tag("UserId").starts_with("AIDA"));
}

#[tokio::test]
async fn web_identity_session_is_accepted_sts_code_and_ec2() {
    let account = Account::default();
    let (sts, ec2) = (start_sts(&account), start_ec2(&account));
    let mut request = assume_role_with_web_identity(&token_with(&[]));
    request
        .headers
        .push(("Host".to_owned(), "sts.lab".to_owned()));
    let response = call(sts.addr(), &request).await;
    assert_eq!(response.status, "200", "{}", response.body);
    assert_eq!(
        (
            response.tag("SubjectFromWebIdentityToken"),
            response.tag("Audience")
        ),
        (SUBJECT, "sts.amazonaws.com")
    );
    let session = Signer {
        key_id: response.tag("AccessKeyId").to_owned(),
        secret: response.tag("SecretAccessKey").to_owned(),
        token: Some(response.tag("SessionToken").to_owned()),
        ..signer("sts")
    };
    let response = call_signed(sts.addr(), get_caller_identity(), &session).await;
    assert_eq!(
        response.tag("Arn"),
        "arn:aws:sts::123456789012:assumed-role/castai-agent/lab-session"
    );
    let session = Signer {
        service: "ec2".to_owned(),
        ..session
    };
    assert_eq!(
        call_signed(ec2.addr(), describe_instances(&[]), &session)
            .await
            .status,
        "200"
    );
    account.end_sessions();
    assert_eq!(
        call_signed(ec2.addr(), describe_instances(&[]), &session)
            .await
            .code(),
        ("400", "RequestExpired")
    );
}

#[tokio::test]
async fn rejected_web_identity_tokens_get_the_documented_error_codes() {
    let account = Account::default();
    let sts = start_sts(&account);
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let unsigned = token_with(&[]).rsplit_once('.').unwrap().0.to_owned() + ".c2ln";
    let cases = [
        (
            "no token".to_owned(),
            "400",
            "InvalidIdentityToken",
            "not a valid JWT",
        ),
        (
            token_with(&[("iss", json!("https://oidc.example/OTHER"))]),
            "400",
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://oidc.example/OTHER",
        ),
        (
            token_with(&[("exp", json!(now - 1))]),
            "400",
            "ExpiredTokenException",
            "Token expired: current date/time",
        ),
        (unsigned, "400", "InvalidIdentityToken", "verification key"),
        (
            token_with(&[("aud", json!("elsewhere"))]),
            "400",
            "InvalidIdentityToken",
            "Incorrect token audience",
        ),
        (
            token_with(&[("sub", json!("system:serviceaccount:default:default"))]),
            FORBIDDEN,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ),
    ];
    let call_once = async |token: &str| {
        let mut request = assume_role_with_web_identity(token);
        request
            .headers
            .push(("Host".to_owned(), "sts.lab".to_owned()));
        call(sts.addr(), &request).await
    };
    for (token, status, code, words) in cases {
        let response = call_once(&token).await;
        assert_eq!(response.code(), (status, code), "{}", response.body);
        assert!(response.tag("Message").contains(words), "{}", response.body);
    }
    account.set_provider(OidcProvider {
        signing_keys: SigningKeys::Unavailable,
        ..OidcProvider::default()
    });
    assert!(
        call_once(&token_with(&[]))
            .await
            .tag("Message")
            .contains("verification key")
    );
    account.set_provider(OidcProvider::default());
    account.remove_role(ROLE);
    assert_eq!(
        call_once(&token_with(&[])).await.code(),
        (FORBIDDEN, "AccessDenied")
    );
    account.remove_provider(ISSUER);
    assert!(
        call_once(&token_with(&[]))
            .await
            .tag("Message")
            .contains("No OpenIDConnect provider")
    );
}

#[tokio::test]
async fn assume_role_requires_a_trusted_principal() {
    let account = Account::default();
    let sts = start_sts(&account);
    let other_arn = account.add_user("other", "AKIAOTHER", "another secret");
    let arn = Account::role_arn(ROLE);
    let assume_role = || {
        form_request(&[
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", &arn),
            ("RoleSessionName", "chain"),
        ])
    };
    let response = call_signed(sts.addr(), assume_role(), &signer("sts")).await;
    assert_eq!(
        response.tag("Arn"),
        "arn:aws:sts::123456789012:assumed-role/castai-agent/chain",
        "{}",
        response.body
    );
    let other = Signer {
        key_id: "AKIAOTHER".to_owned(),
        secret: "another secret".to_owned(),
        ..signer("sts")
    };
    let response = call_signed(sts.addr(), assume_role(), &other).await;
    assert_eq!(response.code(), (FORBIDDEN, "AccessDenied"));
    assert_eq!(
        response.tag("Message"),
        format!(
            "User: {other_arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"
        )
    );
}
