//! Faults of STS and EC2.

use super::*;
use crate::Fault;
use crate::client::get;
use crate::pki::Pki;

#[tokio::test]
async fn every_sts_and_ec2_fault_changes_the_response_until_healed() {
    let account = Account::default();
    let (sts, ec2) = (start_sts(&account), start_ec2(&account));
    let session = async || {
        let mut request = assume_role_with_web_identity(&token_with(&[]));
        request
            .headers
            .push(("Host".to_owned(), "sts.lab".to_owned()));
        let role = form_request(&[
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", &Account::role_arn(ROLE)),
            ("RoleSessionName", "chain"),
        ]);
        let response = [
            call(sts.addr(), &request).await,
            call_signed(sts.addr(), role, &signer("sts")).await,
            call_signed(sts.addr(), get_caller_identity(), &signer("sts")).await,
        ];
        response.map(|response| {
            (
                response.status.clone(),
                response.tag("Code").to_owned(),
                response.tag("Account").to_owned(),
                response.tag("Arn").to_owned(),
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
    let probe = async || {
        let mut response = Vec::new();
        for more in [&[("DryRun", "true")][..], &[]] {
            let one = call_signed(ec2.addr(), describe_instances(more), &signer("ec2")).await;
            let kind = (
                one.tag("requestId").is_empty(),
                one.body.contains("tagSet"),
                one.body.contains("instancesSet"),
            );
            response.push((one.status.clone(), one.tag("Code").to_owned(), kind));
        }
        response
    };
    let healthy = probe().await;
    for (name, _) in Ec2Fault::names()
        .into_iter()
        .filter(|(name, _)| !general.contains(name))
    {
        ec2.set(name.parse::<Ec2Fault>().unwrap()).await;
        assert_ne!(probe().await, healthy, "{name}");
        ec2.heal().await;
        assert_eq!(probe().await, healthy, "after {name}");
    }
}

#[tokio::test]
async fn generic_faults_apply_to_sts_over_tls() {
    let pki = Pki::new("lab");
    let sts = Sts::start(&Account::default(), Some(&pki), Endpoint::sts()).unwrap();
    let call_once = || {
        get(
            &pki,
            sts.addr(),
            "sts.lab",
            "/?Action=GetCallerIdentity&Version=2011-06-15",
            "",
        )
    };
    assert!(
        call_once()
            .await
            .unwrap()
            .contains("<Code>MissingAuthenticationToken</Code>")
    );
    for fault in ["refused", "tls-alert", "cert-expired", "http-reset"] {
        sts.set(fault.parse::<StsFault>().unwrap()).await;
        assert!(call_once().await.is_err(), "{fault}");
    }
    sts.set("html:403".parse::<StsFault>().unwrap()).await;
    assert!(call_once().await.unwrap().contains("<!DOCTYPE html>"));
}
