//! Tests of AWS endpoints: STS endpoints match those of the AWS SDK, and environment overrides
//! apply.

use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use castai_health_exporter::config::Provider;
use castai_health_exporter::config::agent::aws::{Aws, AwsService, Version};

use crate::golden_entries::assert_problems;

const FIPS: (&str, &str) = ("AWS_USE_FIPS_ENDPOINT", "true");
const DUAL_STACK: (&str, &str) = ("AWS_USE_DUALSTACK_ENDPOINT", "true");
const REGIONS: &[&str] = &[
    "us-east-1",
    "eu-central-1",
    "ap-southeast-7",
    "il-central-1",
    "cn-north-1",
    "cn-northwest-1",
    "us-gov-west-1",
    "us-gov-east-1",
    "us-iso-east-1",
    "us-isob-east-1",
    "us-isof-south-1",
    "eu-isoe-west-1",
    "eusc-de-east-1",
];

fn of(
    service: AwsService,
    region: &str,
    agent: Option<Version>,
    variables: &[(&str, &str)],
) -> Result<String, String> {
    let variable = |name: &str| {
        variables
            .iter()
            .find(|(of, _)| *of == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let endpoints = Aws::read(Some(Provider::Eks), &variable).endpoints;
    endpoints
        .of(service, region, agent)
        .map(|endpoint| endpoint.url.to_string())
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn sts_endpoints_match_the_aws_sdk() {
    let settings: [&[(&str, &str)]; 4] = [&[], &[FIPS], &[DUAL_STACK], &[FIPS, DUAL_STACK]];
    for region in REGIONS {
        for variables in settings {
            let params = Params::builder()
                .region((*region).to_owned())
                .use_fips(variables.contains(&FIPS))
                .use_dual_stack(variables.contains(&DUAL_STACK))
                .build()
                .unwrap();
            // A partition without such endpoints has none in the SDK's rules either.
            let Ok(theirs) = DefaultResolver::new().resolve_endpoint(&params).await else {
                continue;
            };
            let ours = of(AwsService::Sts, region, None, variables).unwrap();
            assert_eq!(
                ours.trim_end_matches('/'),
                theirs.url(),
                "{region} {variables:?}"
            );
        }
    }
}

#[test]
fn ec2_endpoints_follow_the_sts_pattern() {
    let at = |region: &str, variables: &[(&str, &str)]| {
        of(AwsService::Ec2, region, None, variables).unwrap()
    };
    for (region, variables, host) in [
        ("eu-central-1", &[][..], "ec2.eu-central-1.amazonaws.com"),
        (
            "eu-central-1",
            &[FIPS],
            "ec2-fips.eu-central-1.amazonaws.com",
        ),
        ("eu-central-1", &[DUAL_STACK], "ec2.eu-central-1.api.aws"),
        (
            "us-east-1",
            &[FIPS, DUAL_STACK],
            "ec2-fips.us-east-1.api.aws",
        ),
        ("cn-north-1", &[], "ec2.cn-north-1.amazonaws.com.cn"),
        (
            "cn-north-1",
            &[DUAL_STACK],
            "ec2.cn-north-1.api.amazonwebservices.com.cn",
        ),
        ("us-gov-west-1", &[], "ec2.us-gov-west-1.amazonaws.com"),
        ("us-gov-west-1", &[FIPS], "ec2.us-gov-west-1.amazonaws.com"),
        ("us-iso-east-1", &[], "ec2.us-iso-east-1.c2s.ic.gov"),
    ] {
        assert_eq!(
            at(region, variables),
            format!("https://{host}/"),
            "{region} {variables:?}"
        );
    }
}

#[test]
fn eks_endpoints_do_not_depend_on_the_agent_version() {
    let old = Some(Version(0, 95, 0));
    let at = |region: &str, variables: &[(&str, &str)]| {
        of(AwsService::Eks, region, old, variables).unwrap()
    };
    for (region, variables, host) in [
        ("eu-central-1", &[][..], "eks.eu-central-1.amazonaws.com"),
        ("us-east-1", &[FIPS], "fips.eks.us-east-1.amazonaws.com"),
        ("us-east-1", &[DUAL_STACK], "eks.us-east-1.api.aws"),
        (
            "us-east-1",
            &[FIPS, DUAL_STACK],
            "eks-fips.us-east-1.api.aws",
        ),
        ("us-gov-west-1", &[FIPS], "eks.us-gov-west-1.amazonaws.com"),
        (
            "us-gov-west-1",
            &[FIPS, DUAL_STACK],
            "eks-fips.us-gov-west-1.api.aws",
        ),
        (
            "us-iso-east-1",
            &[FIPS],
            "eks-fips.us-iso-east-1.c2s.ic.gov",
        ),
        ("cn-north-1", &[], "eks.cn-north-1.amazonaws.com.cn"),
        (
            "cn-north-1",
            &[DUAL_STACK],
            "eks.cn-north-1.api.amazonwebservices.com.cn",
        ),
    ] {
        assert_eq!(
            at(region, variables),
            format!("https://{host}/"),
            "{region} {variables:?}"
        );
    }
    let (all, own) = (
        ("AWS_ENDPOINT_URL", "https://all.example"),
        ("AWS_ENDPOINT_URL_EKS", "https://eks.example"),
    );
    assert_eq!(at("eu-central-1", &[all]), "https://all.example/");
    assert_eq!(at("eu-central-1", &[all, own]), "https://eks.example/");
    assert_eq!(
        at(
            "eu-central-1",
            &[own, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]
        ),
        "https://eks.eu-central-1.amazonaws.com/"
    );
}

#[test]
fn old_agent_uses_the_global_sts_endpoint() {
    let old = Some(Version(0, 95, 0));
    let at = |region: &str, agent, variables: &[(&str, &str)]| {
        of(AwsService::Sts, region, agent, variables).unwrap()
    };
    let (global, regional) = (
        "https://sts.amazonaws.com/",
        "https://sts.eu-central-1.amazonaws.com/",
    );
    assert_eq!(at("eu-central-1", old, &[]), global);
    assert_eq!(
        at(
            "eu-central-1",
            old,
            &[("AWS_STS_REGIONAL_ENDPOINTS", "legacy")]
        ),
        global
    );
    assert_eq!(
        at(
            "eu-central-1",
            old,
            &[("AWS_STS_REGIONAL_ENDPOINTS", "regional")]
        ),
        regional
    );
    assert_eq!(at("eu-central-1", Some(Version(0, 96, 0)), &[]), regional);
    assert_eq!(at("eu-central-1", None, &[]), regional);
    assert_eq!(
        at("eu-south-1", old, &[]),
        "https://sts.eu-south-1.amazonaws.com/",
        "a region that was opened later"
    );
    assert_eq!(
        at("cn-north-1", old, &[]),
        "https://sts.cn-north-1.amazonaws.com.cn/"
    );
}

#[test]
fn endpoint_variables_override_endpoints() {
    let (all, sts, ec2) = (
        ("AWS_ENDPOINT_URL", "https://all.example"),
        ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:5000/sts"),
        (
            "AWS_ENDPOINT_URL_EC2",
            "https://vpce-1.ec2.eu-central-1.vpce.amazonaws.com",
        ),
    );
    let at = |service, variables: &[(&str, &str)]| of(service, "eu-central-1", None, variables);
    assert_eq!(at(AwsService::Sts, &[all]).unwrap(), "https://all.example/");
    assert_eq!(
        at(AwsService::Sts, &[all, sts]).unwrap(),
        "http://127.0.0.1:5000/sts"
    );
    assert_eq!(
        at(AwsService::Ec2, &[all, ec2]).unwrap(),
        "https://vpce-1.ec2.eu-central-1.vpce.amazonaws.com/"
    );
    let ignored = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    assert_eq!(
        at(AwsService::Ec2, &[ec2, ignored]).unwrap(),
        "https://ec2.eu-central-1.amazonaws.com/"
    );
    let old = of(
        AwsService::Ec2,
        "eu-central-1",
        Some(Version(0, 95, 0)),
        &[ec2],
    )
    .unwrap();
    assert_eq!(
        old, "https://ec2.eu-central-1.amazonaws.com/",
        "SDK v1 ignores these variables"
    );
}

#[test]
fn unusable_endpoint_is_reported_without_its_secrets() {
    let why = |text: &str, more: &[(&str, &str)]| {
        let variables = [&[("AWS_ENDPOINT_URL_EC2", text)], more].concat();
        of(AwsService::Ec2, "eu-central-1", None, &variables).expect_err(text)
    };
    let problems = [
        why("ec2.lab", &[]),
        why("ftp://ec2.lab", &[]),
        why("https://ec2.lab", &[FIPS]),
        why("https://me:hidden@ec2.lab", &[]),
    ];
    assert!(!problems[3].contains("hidden"));
    assert_problems("aws_endpoint", &problems.join("\n"));
    for region in [
        "",
        "eu central 1",
        "eu-central-1.evil.example",
        "eu-central-1/",
    ] {
        assert!(of(AwsService::Ec2, region, None, &[]).is_err(), "{region}");
    }
}
