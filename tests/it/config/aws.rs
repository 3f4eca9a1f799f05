//! Tests of AWS settings in the agent's environment: credential source, `EKS_*` variables and
//! metadata endpoints.

use castai_health_exporter::config::agent::aws::cluster_identity::{Account, account};
use castai_health_exporter::config::agent::aws::profile::{ProfileCredentials, Role, meaning};
use castai_health_exporter::config::agent::aws::{
    AccessKey, Aws, AwsUsage, ClusterIdentity, CredentialSource, Profile,
};
use castai_health_exporter::config::{Provider, ProviderVariables, Secret};

use crate::golden_entries::assert_problems;

const KEY: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIA"),
    ("AWS_SECRET_ACCESS_KEY", "hidden"),
];
const IRSA: (&str, &str) = ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
const POD_IDENTITY: (&str, &str) = (
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "http://169.254.170.23/v1/credentials",
);
const COMPLETE: [(&str, &str); 3] = [
    ("EKS_ACCOUNT_ID", "123456789012"),
    ("EKS_REGION", "eu-central-1"),
    ("EKS_CLUSTER_NAME", "lab"),
];
const WITH_KEYS: &str = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = hidden\n";

fn aws(variables: &[(&str, &str)]) -> Aws {
    let variable = |name: &str| {
        variables
            .iter()
            .find(|(of, _)| *of == name)
            .map(|(_, value)| (*value).to_owned())
    };
    Aws::read(ProviderVariables::read(&variable).provider, &variable)
}

/// Returns the source that the agent uses, and the one that the Rust SDK would use.
fn sources(variables: &[(&str, &str)], file: &str) -> (CredentialSource, CredentialSource) {
    let variables = aws(variables).variables;
    let profile = meaning(&variables, &[file.to_owned()]);
    (
        variables.source(&profile),
        variables.source_by_rusts_chain(&profile),
    )
}

fn profile(name: Option<&str>, text: &str) -> Profile {
    let variables = aws(&name
        .map(|name| ("AWS_PROFILE", name))
        .into_iter()
        .collect::<Vec<_>>())
    .variables;
    meaning(&variables, &[text.to_owned()])
}

#[test]
fn first_configured_credential_source_wins() {
    use CredentialSource as S;
    let everything = [KEY[0], KEY[1], IRSA, POD_IDENTITY];
    assert_eq!(sources(&everything, WITH_KEYS), (S::Static, S::Static));
    assert_eq!(
        sources(&[IRSA, POD_IDENTITY], WITH_KEYS),
        (S::WebIdentity, S::Profile)
    );
    assert_eq!(
        sources(&[IRSA, POD_IDENTITY], ""),
        (S::WebIdentity, S::WebIdentity)
    );
    assert_eq!(
        sources(&[POD_IDENTITY], WITH_KEYS),
        (S::Profile, S::Profile)
    );
    assert_eq!(
        sources(&[POD_IDENTITY], "[default]\nregion = x\n"),
        (S::Container, S::Container)
    );
    assert_eq!(sources(&[], ""), (S::Imds, S::Imds));
}

#[test]
fn incomplete_access_key_is_ignored_and_both_spellings_work() {
    for half in KEY {
        assert!(aws(&[half]).variables.has_half_a_key());
        assert_eq!(sources(&[half, IRSA], "").0, CredentialSource::WebIdentity);
    }
    let old = [("AWS_ACCESS_KEY", "AKIA"), ("AWS_SECRET_KEY", "hidden")];
    assert_eq!(sources(&old, "").0, CredentialSource::Static);
    assert_eq!(
        sources(
            &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")],
            ""
        )
        .0,
        CredentialSource::Imds
    );
}

#[test]
fn secrets_are_not_in_debug_output() {
    assert!(!format!("{:?}", aws(&KEY)).contains("hidden"));
    assert!(!format!("{:?}", profile(None, WITH_KEYS)).contains("hidden"));
}

#[test]
fn profile_credentials_follow_go_sdk_order() {
    let gives = |text: &str| match profile(Some("me"), text) {
        Profile::Valid(gives) => gives,
        Profile::Invalid(why) => panic!("{text}: {why}"),
    };
    let keys = "aws_access_key_id=AKIA1\naws_secret_access_key=x";
    let key = AccessKey {
        id: "AKIA1".to_owned(),
        secret: Secret::new("x"),
        session: None,
    };
    assert_eq!(
        gives(&format!("# first\n[me]\n{keys}\n")),
        ProfileCredentials::Keys(key.clone())
    );
    let role = ProfileCredentials::Role(Role {
        arn: "arn:r".to_owned(),
        key,
        external_id: None,
        session_name: None,
    });
    let chain = format!("[profile me]\nrole_arn = arn:r\nsource_profile = base\n[base]\n{keys}\n");
    assert_eq!(gives(&chain), role);
    assert_eq!(
        gives(&format!(
            "[profile me]\nrole_arn=arn:r\nsource_profile=me\n{keys}\n"
        )),
        role
    );
    let irsa = ProfileCredentials::WebIdentity {
        token_file: "/t".into(),
        role_arn: Some("arn:r".to_owned()),
    };
    assert_eq!(
        gives("[profile me]\nweb_identity_token_file=/t\nrole_arn=arn:r\ncredential_process=x\n"),
        irsa
    );
    for (text, way) in [
        ("credential_process = /bin/x", "credential_process"),
        ("sso_session = work\ncredential_process=/bin/x", "SSO"),
        (
            "role_arn=arn:r\nsource_profile=you\n[you]\nrole_arn=b\nsource_profile=she\n[she]\naws_access_key_id=a\naws_secret_access_key=x",
            "a chain of several roles",
        ),
        (
            "role_arn=arn:r\ncredential_source=Ec2InstanceMetadata",
            "credential_source",
        ),
    ] {
        assert_eq!(
            gives(&format!("[profile me]\n{text}\n")),
            ProfileCredentials::Unprobed(way.to_owned())
        );
    }
    assert_eq!(
        gives("[profile me]\nregion = eu-central-1\ns3 =\n  aws_access_key_id = nested\n"),
        ProfileCredentials::Nothing
    );
}

#[test]
fn profile_that_crashes_the_agent_is_reported_with_the_cause() {
    let circle = "[me]\nrole_arn=a\nsource_profile=you\n[you]\nrole_arn=b\nsource_profile=me\n";
    let problems = [
        (Some("me"), WITH_KEYS),
        (None, "[default]\naws_access_key_id=AKIA1\n"),
        (Some("me"), "[me]\nrole_arn=a\nsource_profile=gone\n"),
        (Some("me"), circle),
    ]
    .map(|(name, text)| match profile(name, text) {
        Profile::Invalid(problem) => problem,
        Profile::Valid(credentials) => panic!("{text}: {credentials:?}"),
    });
    assert_problems("aws_profile", &problems.join("\n"));
    // `AWS_PROFILE` does not name this profile.
    assert_eq!(
        profile(None, "[other]\nregion=x\n"),
        Profile::Valid(ProfileCredentials::Nothing)
    );
}

#[test]
fn one_eks_variable_requires_all_three() {
    assert_eq!(aws(&[]).given, ClusterIdentity::Nothing);
    assert!(matches!(
        aws(&COMPLETE).given,
        ClusterIdentity::Complete { .. }
    ));
    for of_the_group in [
        "EKS_REGION",
        "EKS_API_TIMEOUT",
        "EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED",
    ] {
        let ClusterIdentity::Partial { set, missing } = aws(&[(of_the_group, "true")]).given else {
            panic!("{of_the_group}")
        };
        assert_eq!(set, [of_the_group]);
        assert!(
            missing.contains(&"EKS_ACCOUNT_ID") && missing.contains(&"EKS_CLUSTER_NAME"),
            "{missing:?}"
        );
    }
    let ClusterIdentity::Partial { missing, .. } =
        aws(&[COMPLETE[0], COMPLETE[1], ("EKS_CLUSTER_NAME", "")]).given
    else {
        panic!("an empty value counts as unset")
    };
    assert_eq!(missing, ["EKS_CLUSTER_NAME"]);
}

#[test]
fn aws_usage_follows_from_configured_metadata() {
    let on = |variables: &[(&'static str, &'static str)]| {
        aws(&[&[("PROVIDER", "eks")], variables].concat()).used()
    };
    assert_eq!(on(&[]), AwsUsage::Discovery);
    assert_eq!(on(&COMPLETE), AwsUsage::Lifecycle);
    let off = ("EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED", "false");
    assert!(matches!(
        on(&[COMPLETE[0], COMPLETE[1], COMPLETE[2], off]),
        AwsUsage::Nothing(_)
    ));
    for elsewhere in ["gke", "aks", "kops", "anywhere", "openshift"] {
        assert!(
            matches!(aws(&[("PROVIDER", elsewhere)]).used(), AwsUsage::Nothing(_)),
            "{elsewhere}"
        );
    }
    assert_eq!(
        aws(&COMPLETE).provider,
        Some(Provider::Eks),
        "EKS_* alone identifies the cluster"
    );
    assert!(matches!(aws(&[]).used(), AwsUsage::Nothing(_)));
    let own = [
        ("PROVIDER", "selfhostedec2"),
        ("SELFHOSTEDEC2_REGION", "eu-central-1"),
    ];
    assert!(matches!(aws(&own).given, ClusterIdentity::Partial { .. }));
}

#[test]
fn account_id_has_twelve_digits_or_is_scientific_notation() {
    assert_eq!(account("123456789012"), Account::Digits);
    assert_eq!(
        account("5.892517896e+11"),
        Account::Scientific("589251789600".to_owned())
    );
    assert_eq!(
        account("5.9e+11"),
        Account::Scientific("590000000000".to_owned())
    );
    for malformed in [
        "12345678901",
        "1e3",
        "1e400",
        "nan",
        "12345678901e",
        "١٢٣٤٥٦",
    ] {
        assert_eq!(account(malformed), Account::Malformed, "{malformed}");
    }
}

#[test]
fn imds_endpoint_must_be_link_local() {
    let place = |variables: &[(&str, &str)]| {
        aws(variables)
            .metadata
            .endpoint
            .map(|to| (to.host, to.port, to.prefix))
    };
    let at = |endpoint: &str| place(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint)]);
    let found = |host: &str, port, prefix: &str| Ok((host.to_owned(), port, prefix.to_owned()));
    assert_eq!(place(&[]), found("169.254.169.254", 80, ""));
    assert_eq!(
        place(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6")]),
        found("fd00:ec2::254", 80, "")
    );
    assert_eq!(
        at("http://127.0.0.1:1338/imds/"),
        found("127.0.0.1", 1338, "/imds")
    );
    assert_eq!(at("http://[fd00:ec2::254]"), found("fd00:ec2::254", 80, ""));
    let mut problems = Vec::new();
    for refused in [
        "http://192.0.2.1",
        "http://metadata.example",
        "https://169.254.169.254",
        "http://me:hidden@127.0.0.1",
        "http://[2001:db8::1]",
        "http://169.254.169.254?x",
        "nonsense",
    ] {
        let problem = at(refused).expect_err(refused).to_string();
        assert!(!problem.contains("hidden"), "{problem}");
        problems.push(problem);
    }
    assert_problems("imds_endpoint", &problems.join("\n"));
}
