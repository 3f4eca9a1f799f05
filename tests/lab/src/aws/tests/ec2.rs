//! `DescribeInstances` of EC2.

use super::*;

#[tokio::test]
async fn describe_instances_selects_by_id_filter_and_region() {
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
    let ec2 = start_ec2(&account);
    let call_once = async |more: &[(&str, &str)]| {
        call_signed(ec2.addr(), describe_instances(more), &signer("ec2")).await
    };
    let all = call_once(&[]).await;
    assert_eq!(
        (all.status.as_str(), all.header("Content-Type")),
        ("200", "text/xml;charset=UTF-8")
    );
    assert_eq!(all.tag("requestId"), all.header("x-amzn-requestid"));
    let ids = |response: &ParsedResponse| {
        [mine.id.as_str(), spot, far].map(|id| response.body.contains(id))
    };
    assert_eq!(
        ids(&all),
        [true, true, false],
        "instances of another region are listed"
    );
    assert!(all.body.contains("<key>kubernetes.io/cluster/lab</key>"));
    assert_eq!(
        ids(&call_once(&[("InstanceId.1", &mine.id)]).await),
        [true, false, false]
    );
    let one = call_once(&[
        ("Filter.1.Name", "instance-id"),
        ("Filter.1.Value.1", spot),
        ("Filter.1.Value.2", far),
    ])
    .await;
    assert_eq!(ids(&one), [false, true, false]);
    assert_eq!(one.tag("instanceLifecycle"), "spot");
    assert!(!one.body.contains("tagSet"));
    let none = call_once(&[
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
        assert_eq!(call_once(more).await.tag("Code"), code);
    }
}

#[tokio::test]
async fn access_denied_messages_match_the_iam_documentation() {
    const ACTION: &str = "ec2:DescribeInstances";
    let account = Account::default();
    let ec2 = start_ec2(&account);
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
        let response = call_signed(
            ec2.addr(),
            describe_instances(&[("DryRun", "true")]),
            &signer("ec2"),
        )
        .await;
        assert_eq!(response.code(), (FORBIDDEN, "UnauthorizedOperation"));
        let user = "arn:aws:iam::123456789012:user/castai-agent";
        let message = format!(
            "You are not authorized to perform this operation. User: {user} is not authorized to perform: {ACTION} {end}"
        );
        assert_eq!(response.tag("Message"), message);
    }
}
