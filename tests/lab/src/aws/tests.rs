//! The lab's AWS held to AWS's documentation.

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::Fault;
use crate::client::{get, send};
use crate::pki::Pki;

const REFUSED: &str = "403";

/// The status, the headers and the body of an answer.
struct Seen {
    status: String,
    head: String,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    fn tag(&self, name: &str) -> &str {
        let rest = self
            .body
            .split_once(&format!("<{name}>"))
            .map_or("", |(_, rest)| rest);
        rest.split_once("</").map_or("", |(text, _)| text)
    }

    fn code(&self) -> (&str, &str) {
        (&self.status, self.tag("Code"))
    }
}

async fn tell(addr: SocketAddr, request: &Request) -> Seen {
    let answer = send(addr, request).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Seen {
        status: head[9..12].to_owned(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

fn form(pairs: &[(&str, &str)]) -> Request {
    let encoded = |text: &str| {
        text.replace(':', "%3A")
            .replace('/', "%2F")
            .replace('@', "%40")
    };
    let body: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    Request {
        method: "POST".to_owned(),
        target: "/".to_owned(),
        headers: vec![(
            "Content-Type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        )],
        body: body.join("&").into_bytes(),
    }
}

fn signer(service: &str) -> Signer {
    Signer {
        key_id: KEY_ID.to_owned(),
        secret: SECRET.to_owned(),
        token: None,
        region: REGION.to_owned(),
        service: service.to_owned(),
    }
}

fn of_session(service: &str, issued: &Issued) -> Signer {
    Signer {
        key_id: issued.key_id.clone(),
        secret: issued.secret.clone(),
        token: Some(issued.token.clone()),
        ..signer(service)
    }
}

async fn signed(addr: SocketAddr, request: Request, signer: &Signer) -> Seen {
    signed_at(addr, request, signer, OffsetDateTime::now_utc()).await
}

async fn signed_at(
    addr: SocketAddr,
    mut request: Request,
    signer: &Signer,
    at: OffsetDateTime,
) -> Seen {
    request
        .headers
        .extend(signer.headers(&request, &addr.to_string(), at));
    tell(addr, &request).await
}

fn who() -> Request {
    form(&[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")])
}

fn instances(more: &[(&str, &str)]) -> Request {
    form(
        &[
            &[("Action", "DescribeInstances"), ("Version", "2016-11-15")],
            more,
        ]
        .concat(),
    )
}

fn web_identity(token: &str) -> Request {
    form(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", &Account::role_arn(ROLE)),
        ("RoleSessionName", "lab-session"),
        ("WebIdentityToken", token),
    ])
}

fn token_of(changes: &[(&str, Value)]) -> String {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let mut claims = json!({ "iss": ISSUER, "sub": SUBJECT, "aud": ["sts.amazonaws.com"], "iat": now - 60, "exp": now + 3600 });
    for (name, value) in changes {
        claims[*name] = value.clone();
    }
    token_with(&claims)
}

fn sts(account: &Account) -> Sts {
    Sts::start(account, None, Place::sts()).unwrap()
}

fn ec2(account: &Account) -> Ec2 {
    Ec2::start(account, None, Place::ec2()).unwrap()
}

#[tokio::test]
async fn eks_shows_a_cluster_to_whoever_signs_for_it_and_refuses_everybody_else() {
    let account = Account::default();
    let eks = Eks::start(&account, None, Place::eks()).unwrap();
    let cluster = |name: &str| Request {
        method: "GET".to_owned(),
        target: format!("/clusters/{name}"),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let seen = signed(eks.addr(), cluster("lab"), &signer("eks")).await;
    assert_eq!(seen.status, "200", "{}", seen.body);
    let shown: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(
        shown["cluster"]["resourcesVpcConfig"]["publicAccessCidrs"],
        json!(["0.0.0.0/0"])
    );
    let of = async |signer: Signer| {
        let seen = signed(eks.addr(), cluster("lab"), &signer).await;
        (
            seen.status.clone(),
            seen.header("x-amzn-errortype").to_owned(),
        )
    };
    let refused = |code: &str| ("403".to_owned(), code.to_owned());
    assert_eq!(
        of(signer("ec2")).await,
        refused("InvalidSignatureException")
    );
    assert_eq!(
        of(Signer {
            region: "us-east-1".to_owned(),
            ..signer("eks")
        })
        .await,
        refused("InvalidSignatureException")
    );
    assert_eq!(
        of(Signer {
            secret: "another".to_owned(),
            ..signer("eks")
        })
        .await,
        refused("InvalidSignatureException")
    );
    assert_eq!(
        of(Signer {
            key_id: "AKIAUNKNOWN".to_owned(),
            ..signer("eks")
        })
        .await,
        refused("UnrecognizedClientException")
    );
    let session = account.issue(ROLE, "lab", Duration::seconds(-1));
    assert_eq!(
        of(of_session("eks", &session)).await,
        refused("ExpiredTokenException")
    );
    let late = OffsetDateTime::now_utc() - Duration::minutes(10);
    let seen = signed_at(eks.addr(), cluster("lab"), &signer("eks"), late).await;
    assert!(
        seen.status == REFUSED && seen.body.contains("Signature expired"),
        "{}",
        seen.body
    );
    let mut unsigned = cluster("lab");
    unsigned
        .headers
        .push(("Host".to_owned(), eks.addr().to_string()));
    assert_eq!(
        tell(eks.addr(), &unsigned).await.header("x-amzn-errortype"),
        "MissingAuthenticationTokenException"
    );
    let seen = signed(eks.addr(), cluster("other"), &signer("eks")).await;
    assert_eq!(
        (seen.status.as_str(), seen.header("x-amzn-errortype")),
        ("404", "ResourceNotFoundException")
    );
}

#[tokio::test]
async fn sts_says_who_signed() {
    let account = Account::default();
    let sts = sts(&account);
    let seen = signed(sts.addr(), who(), &signer("sts")).await;
    assert_eq!(seen.status, "200", "{}", seen.body);
    assert_eq!(
        seen.tag("Arn"),
        "arn:aws:iam::123456789012:user/castai-agent"
    );
    assert_eq!(
        (seen.tag("Account"), seen.header("Content-Type")),
        (ACCOUNT, "text/xml")
    );
    assert_eq!(seen.tag("RequestId"), seen.header("x-amzn-RequestId"));
    assert!(!seen.header("Date").is_empty() && seen.tag("UserId").starts_with("AIDA"));
}

#[tokio::test]
async fn what_nobody_can_have_signed_is_refused_by_the_right_name() {
    let account = Account::default();
    let (sts, ec2) = (sts(&account), ec2(&account));
    let now = OffsetDateTime::now_utc();
    let minutes = |minutes| now - Duration::minutes(minutes);
    let over = account.issue(ROLE, "over", -Duration::MINUTE);
    let session = account.issue(ROLE, "session", Duration::HOUR);
    let without_token = Signer {
        token: None,
        ..of_session("sts", &session)
    };
    let cases = [
        (
            Signer {
                key_id: "AKIANOBODY".to_owned(),
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
            of_session("sts", &over),
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
    for (signer, at, by_sts, by_ec2, status) in cases {
        let seen = signed_at(sts.addr(), who(), &signer, at).await;
        assert_eq!(seen.code(), (REFUSED, by_sts), "{}", seen.body);
        assert!(
            seen.body.starts_with("<ErrorResponse xmlns=")
                && seen.body.contains("<Type>Sender</Type>")
        );
        let signer = Signer {
            service: "ec2".to_owned(),
            ..signer
        };
        let seen = signed_at(ec2.addr(), instances(&[]), &signer, at).await;
        assert_eq!(seen.code(), (status, by_ec2), "{}", seen.body);
        assert!(
            seen.body.contains("<Response><Errors><Error><Code>"),
            "{}",
            seen.body
        );
        assert_eq!(seen.tag("RequestID"), seen.header("x-amzn-requestid"));
    }
    assert_eq!(
        signed(sts.addr(), who(), &signer("ec2"))
            .await
            .tag("Message")
            .trim_end(),
        "Credential should be scoped to correct service: 'sts'."
    );
    assert_eq!(
        tell(
            sts.addr(),
            &Request {
                headers: vec![("Host".to_owned(), "sts.lab".to_owned())],
                ..who()
            }
        )
        .await
        .code(),
        (REFUSED, "MissingAuthenticationToken")
    );
    let at = signed_at(sts.addr(), who(), &signer("sts"), minutes(4)).await;
    assert_eq!(at.status, "200", "four minutes are within the tolerance");
}

#[tokio::test]
async fn a_request_that_was_signed_and_changed_is_refused() {
    let account = Account::default();
    let ec2 = ec2(&account);
    let mut request = instances(&[("DryRun", "true")]);
    request.headers.extend(signer("ec2").headers(
        &request,
        &ec2.addr().to_string(),
        OffsetDateTime::now_utc(),
    ));
    assert_eq!(tell(ec2.addr(), &request).await.status, "412");
    let mut changed = request.clone();
    changed.body.extend(b"&MaxResults=5");
    assert_eq!(
        tell(ec2.addr(), &changed).await.code(),
        ("401", "AuthFailure")
    );
    let mut elsewhere = request;
    for (name, value) in &mut elsewhere.headers {
        if name == "Host" {
            "ec2.lab".clone_into(value);
        }
    }
    assert_eq!(
        tell(ec2.addr(), &elsewhere).await.code(),
        ("401", "AuthFailure")
    );
}

#[tokio::test]
async fn what_is_meant_for_another_host_is_not_looked_at() {
    let account = Account::default();
    let (sts, ec2) = (sts(&account), ec2(&account));
    let mut request = who();
    request.headers.extend(signer("sts").headers(
        &request,
        "sts.elsewhere.example",
        OffsetDateTime::now_utc(),
    ));
    for addr in [sts.addr(), ec2.addr()] {
        let seen = tell(addr, &request).await;
        assert_eq!(
            (seen.status.as_str(), seen.body.trim()),
            ("404", "<UnknownOperationException/>")
        );
    }
    let pod_identity = PodIdentity::start(&account, pod_identity::Options::default()).unwrap();
    let headers = vec![
        ("Host".to_owned(), "elsewhere.example".to_owned()),
        ("Authorization".to_owned(), token_of(&[])),
    ];
    let request = Request {
        method: "GET".to_owned(),
        target: "/v1/credentials".to_owned(),
        headers,
        body: Vec::new(),
    };
    let seen = tell(pod_identity.addr(), &request).await;
    assert_eq!(seen.status, REFUSED);
    assert!(
        seen.body.contains("Called agent through invalid address"),
        "{}",
        seen.body
    );
}

#[tokio::test]
async fn a_token_of_the_service_account_becomes_a_session_that_sts_and_ec2_accept() {
    let account = Account::default();
    let (sts, ec2) = (sts(&account), ec2(&account));
    let mut request = web_identity(&token_of(&[]));
    request
        .headers
        .push(("Host".to_owned(), "sts.lab".to_owned()));
    let seen = tell(sts.addr(), &request).await;
    assert_eq!(seen.status, "200", "{}", seen.body);
    assert_eq!(
        (
            seen.tag("SubjectFromWebIdentityToken"),
            seen.tag("Audience")
        ),
        (SUBJECT, "sts.amazonaws.com")
    );
    let session = Signer {
        key_id: seen.tag("AccessKeyId").to_owned(),
        secret: seen.tag("SecretAccessKey").to_owned(),
        token: Some(seen.tag("SessionToken").to_owned()),
        ..signer("sts")
    };
    let seen = signed(sts.addr(), who(), &session).await;
    assert_eq!(
        seen.tag("Arn"),
        "arn:aws:sts::123456789012:assumed-role/castai-agent/lab-session"
    );
    let session = Signer {
        service: "ec2".to_owned(),
        ..session
    };
    assert_eq!(
        signed(ec2.addr(), instances(&[]), &session).await.status,
        "200"
    );
    account.end_sessions();
    assert_eq!(
        signed(ec2.addr(), instances(&[]), &session).await.code(),
        ("400", "RequestExpired")
    );
}

#[tokio::test]
async fn a_token_that_does_not_fit_the_roles_trust_is_refused_by_the_right_name() {
    let account = Account::default();
    let sts = sts(&account);
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let unsigned = token_of(&[]).rsplit_once('.').unwrap().0.to_owned() + ".c2ln";
    let cases = [
        (
            "no token".to_owned(),
            "400",
            "InvalidIdentityToken",
            "not a valid JWT",
        ),
        (
            token_of(&[("iss", json!("https://oidc.example/OTHER"))]),
            "400",
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://oidc.example/OTHER",
        ),
        (
            token_of(&[("exp", json!(now - 1))]),
            "400",
            "ExpiredTokenException",
            "Token expired: current date/time",
        ),
        (unsigned, "400", "InvalidIdentityToken", "verification key"),
        (
            token_of(&[("aud", json!("elsewhere"))]),
            "400",
            "InvalidIdentityToken",
            "Incorrect token audience",
        ),
        (
            token_of(&[("sub", json!("system:serviceaccount:default:default"))]),
            REFUSED,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ),
    ];
    let ask = async |token: &str| {
        let mut request = web_identity(token);
        request
            .headers
            .push(("Host".to_owned(), "sts.lab".to_owned()));
        tell(sts.addr(), &request).await
    };
    for (token, status, code, words) in cases {
        let seen = ask(&token).await;
        assert_eq!(seen.code(), (status, code), "{}", seen.body);
        assert!(seen.tag("Message").contains(words), "{}", seen.body);
    }
    account.set_provider(Provider {
        signs: Signs::Nobody,
        ..Provider::default()
    });
    assert!(
        ask(&token_of(&[]))
            .await
            .tag("Message")
            .contains("verification key")
    );
    account.set_provider(Provider::default());
    account.remove_role(ROLE);
    assert_eq!(ask(&token_of(&[])).await.code(), (REFUSED, "AccessDenied"));
    account.remove_provider(ISSUER);
    assert!(
        ask(&token_of(&[]))
            .await
            .tag("Message")
            .contains("No OpenIDConnect provider")
    );
}

#[tokio::test]
async fn a_role_is_taken_with_keys_by_those_it_trusts_alone() {
    let account = Account::default();
    let sts = sts(&account);
    let stranger = account.add_user("stranger", "AKIASTRANGER", "another secret");
    let arn = Account::role_arn(ROLE);
    let take = || {
        form(&[
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", &arn),
            ("RoleSessionName", "chain"),
        ])
    };
    let seen = signed(sts.addr(), take(), &signer("sts")).await;
    assert_eq!(
        seen.tag("Arn"),
        "arn:aws:sts::123456789012:assumed-role/castai-agent/chain",
        "{}",
        seen.body
    );
    let other = Signer {
        key_id: "AKIASTRANGER".to_owned(),
        secret: "another secret".to_owned(),
        ..signer("sts")
    };
    let seen = signed(sts.addr(), take(), &other).await;
    assert_eq!(seen.code(), (REFUSED, "AccessDenied"));
    assert_eq!(
        seen.tag("Message"),
        format!("User: {stranger} is not authorized to perform: sts:AssumeRole on resource: {arn}")
    );
}

#[tokio::test]
async fn ec2_shows_the_instances_that_are_asked_for() {
    let account = Account::default();
    let (mine, spot, far) = (
        Instance::default(),
        "i-00000000000000001",
        "i-00000000000000002",
    );
    account.set_instances(vec![
        mine.clone(),
        Instance {
            id: spot.to_owned(),
            spot: true,
            tags: Vec::new(),
            ..Instance::default()
        },
        Instance {
            id: far.to_owned(),
            region: "us-east-1".to_owned(),
            ..Instance::default()
        },
    ]);
    let ec2 = ec2(&account);
    let ask =
        async |more: &[(&str, &str)]| signed(ec2.addr(), instances(more), &signer("ec2")).await;
    let all = ask(&[]).await;
    assert_eq!(
        (all.status.as_str(), all.header("Content-Type")),
        ("200", "text/xml;charset=UTF-8")
    );
    assert_eq!(all.tag("requestId"), all.header("x-amzn-requestid"));
    let ids = |seen: &Seen| [mine.id.as_str(), spot, far].map(|id| seen.body.contains(id));
    assert_eq!(ids(&all), [true, true, false], "one region is not another");
    assert!(all.body.contains("<key>kubernetes.io/cluster/lab</key>"));
    assert_eq!(
        ids(&ask(&[("InstanceId.1", &mine.id)]).await),
        [true, false, false]
    );
    let one = ask(&[
        ("Filter.1.Name", "instance-id"),
        ("Filter.1.Value.1", spot),
        ("Filter.1.Value.2", far),
    ])
    .await;
    assert_eq!(ids(&one), [false, true, false]);
    assert_eq!(one.tag("instanceLifecycle"), "spot");
    assert!(!one.body.contains("tagSet"));
    let none = ask(&[
        ("Filter.1.Name", "instance-id"),
        ("Filter.1.Value.1", far),
        ("MaxResults", "5"),
    ])
    .await;
    assert!(
        none.status == "200" && none.body.contains("<reservationSet/>"),
        "{}",
        none.body
    );
    for (more, code) in [
        (&[("DryRun", "true")][..], "DryRunOperation"),
        (&[("InstanceId.1", far)], "InvalidInstanceID.NotFound"),
        (
            &[("InstanceId.1", "i-nonsense")],
            "InvalidInstanceID.Malformed",
        ),
        (
            &[("InstanceId.1", spot), ("MaxResults", "5")],
            "InvalidParameterCombination",
        ),
        (&[("MaxResults", "4")], "InvalidParameterValue"),
        (&[("Filter.1.Name", "nonsense")], "InvalidParameterValue"),
    ] {
        assert_eq!(ask(more).await.tag("Code"), code);
    }
}

#[tokio::test]
async fn a_denial_ends_in_the_words_that_iam_documents() {
    const ACTION: &str = "ec2:DescribeInstances";
    let account = Account::default();
    let ec2 = ec2(&account);
    for (fault, end) in [
        (
            "denied-identity-policy",
            "because no identity-based policy allows the ec2:DescribeInstances action",
        ),
        (
            "denied-explicit",
            "with an explicit deny in an identity-based policy",
        ),
        (
            "denied-scp",
            "with an explicit deny in a service control policy",
        ),
        (
            "denied-scp-implicit",
            "because no service control policy allows the ec2:DescribeInstances action",
        ),
        (
            "denied-rcp",
            "with an explicit deny in a resource control policy",
        ),
        (
            "denied-boundary",
            "because no permissions boundary allows the ec2:DescribeInstances action",
        ),
        (
            "denied-boundary-explicit",
            "with an explicit deny in a permissions boundary",
        ),
        (
            "denied-session-policy",
            "because no session policy allows the ec2:DescribeInstances action",
        ),
        (
            "denied-session-policy-explicit",
            "with an explicit deny in a session policy",
        ),
        (
            "denied-resource-policy",
            "because no resource-based policy allows the ec2:DescribeInstances action",
        ),
        (
            "denied-resource-policy-explicit",
            "with an explicit deny in a resource-based policy",
        ),
        (
            "denied-vpce",
            "because no VPC endpoint policy allows the ec2:DescribeInstances action",
        ),
        (
            "denied-vpce-explicit",
            "with an explicit deny in a VPC endpoint policy",
        ),
    ] {
        ec2.set(fault.parse::<Ec2Fault>().unwrap()).await;
        let seen = signed(ec2.addr(), instances(&[("DryRun", "true")]), &signer("ec2")).await;
        assert_eq!(seen.code(), (REFUSED, "UnauthorizedOperation"));
        let user = "arn:aws:iam::123456789012:user/castai-agent";
        let whole = format!(
            "You are not authorized to perform this operation. User: {user} is not authorized to perform: {ACTION} {end}"
        );
        assert_eq!(seen.tag("Message"), whole);
    }
}

#[tokio::test]
async fn every_fault_of_sts_and_ec2_shows_and_heals() {
    let account = Account::default();
    let (sts, ec2) = (sts(&account), ec2(&account));
    let session = async || {
        let mut request = web_identity(&token_of(&[]));
        request
            .headers
            .push(("Host".to_owned(), "sts.lab".to_owned()));
        let role = form(&[
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", &Account::role_arn(ROLE)),
            ("RoleSessionName", "chain"),
        ]);
        let seen = [
            tell(sts.addr(), &request).await,
            signed(sts.addr(), role, &signer("sts")).await,
            signed(sts.addr(), who(), &signer("sts")).await,
        ];
        seen.map(|seen| {
            (
                seen.status.clone(),
                seen.tag("Code").to_owned(),
                seen.tag("Account").to_owned(),
                seen.tag("Arn").to_owned(),
            )
        })
    };
    let healthy = session().await;
    let general: Vec<&str> = Fault::names().into_iter().map(|(name, _)| name).collect();
    for (name, _) in StsFault::names()
        .into_iter()
        .filter(|(name, _)| !general.contains(name))
    {
        sts.set(name.parse::<StsFault>().unwrap()).await;
        assert_ne!(session().await, healthy, "{name}");
        sts.heal().await;
        assert_eq!(session().await, healthy, "after {name}");
    }
    let look = async || {
        let mut seen = Vec::new();
        for more in [&[("DryRun", "true")][..], &[]] {
            let one = signed(ec2.addr(), instances(more), &signer("ec2")).await;
            let kind = (
                one.tag("requestId").is_empty(),
                one.body.contains("tagSet"),
                one.body.contains("instancesSet"),
            );
            seen.push((one.status.clone(), one.tag("Code").to_owned(), kind));
        }
        seen
    };
    let healthy = look().await;
    for (name, _) in Ec2Fault::names()
        .into_iter()
        .filter(|(name, _)| !general.contains(name))
    {
        ec2.set(name.parse::<Ec2Fault>().unwrap()).await;
        assert_ne!(look().await, healthy, "{name}");
        ec2.heal().await;
        assert_eq!(look().await, healthy, "after {name}");
    }
}

#[tokio::test]
async fn pod_identity_gives_credentials_for_a_token_that_fits() {
    let account = Account::default();
    let pod_identity = PodIdentity::start(&account, pod_identity::Options::default()).unwrap();
    let sts = sts(&account);
    let addr = pod_identity.addr();
    assert_eq!(pod_identity.uri(), format!("http://{addr}/v1/credentials"));
    let ask = async |token: &str| {
        let headers = vec![
            ("Host".to_owned(), addr.to_string()),
            ("Authorization".to_owned(), token.to_owned()),
        ];
        let target = "/v1/credentials".to_owned();
        tell(
            addr,
            &Request {
                method: "GET".to_owned(),
                target,
                headers,
                body: Vec::new(),
            },
        )
        .await
    };
    let audience = ("aud", json!(["pods.eks.amazonaws.com"]));
    let good = token_of(std::slice::from_ref(&audience));
    let given: Value = serde_json::from_str(&ask(&good).await.body).unwrap();
    let text = |name: &str| given[name].as_str().unwrap().to_owned();
    let session = Signer {
        key_id: text("AccessKeyId"),
        secret: text("SecretAccessKey"),
        token: Some(text("Token")),
        ..signer("sts")
    };
    let arn = signed(sts.addr(), who(), &session)
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
            token_of(&[audience.clone(), ("exp", json!(1))]),
            "400",
            "token has invalid claims: token is expired",
        ),
        (token_of(&[]), "400", "(InvalidTokenException): "),
        (
            token_of(&[
                audience,
                ("sub", json!("system:serviceaccount:default:default")),
            ]),
            "404",
            "(ResourceNotFoundException): ",
        ),
    ];
    for (token, status, words) in cases {
        let seen = ask(&token).await;
        assert_eq!(
            (seen.status.as_str(), seen.header("Content-Type")),
            (status, "text/plain; charset=utf-8")
        );
        assert!(
            seen.body.contains(words) && seen.body.ends_with('\n'),
            "{}",
            seen.body
        );
    }
    let healthy = ask(&good).await.status;
    for (name, _) in PodIdentityFault::names()
        .into_iter()
        .filter(|(name, _)| name.parse::<Fault>().is_err())
    {
        pod_identity
            .set(name.parse::<PodIdentityFault>().unwrap())
            .await;
        let seen = ask(&good).await;
        let odd = ["over-already", "half-a-key", "other-document"].contains(&name);
        assert_eq!(seen.status == healthy, odd, "{name}: {}", seen.body);
        pod_identity.heal().await;
        assert_eq!(ask(&good).await.status, healthy, "after {name}");
    }
}

#[tokio::test]
async fn behind_tls_and_with_a_fault_on_the_line_it_is_the_same_service() {
    let pki = Pki::new("lab");
    let sts = Sts::start(&Account::default(), Some(&pki), Place::sts()).unwrap();
    let ask = || {
        get(
            &pki,
            sts.addr(),
            "sts.lab",
            "/?Action=GetCallerIdentity&Version=2011-06-15",
            "",
        )
    };
    assert!(
        ask()
            .await
            .unwrap()
            .contains("<Code>MissingAuthenticationToken</Code>")
    );
    for fault in ["refused", "tls-alert", "cert-expired", "http-reset"] {
        sts.set(fault.parse::<StsFault>().unwrap()).await;
        assert!(ask().await.is_err(), "{fault}");
    }
    sts.set("html:403".parse::<StsFault>().unwrap()).await;
    assert!(ask().await.unwrap().contains("<!DOCTYPE html>"));
}

#[tokio::test]
async fn a_servers_clock_that_is_wrong_refuses_what_is_right() {
    let account = Account::default();
    let (sts, ec2) = (sts(&account), ec2(&account));
    sts.set("clock:+600s".parse::<StsFault>().unwrap()).await;
    ec2.set("clock:-600s".parse::<Ec2Fault>().unwrap()).await;
    let seen = signed(sts.addr(), who(), &signer("sts")).await;
    assert!(
        seen.tag("Message").starts_with("Signature expired: "),
        "{}",
        seen.body
    );
    assert!(seen.tag("Message").ends_with(" - 5 min.)"));
    assert_eq!(
        signed(ec2.addr(), instances(&[]), &signer("ec2"))
            .await
            .code(),
        ("401", "AuthFailure")
    );
}
