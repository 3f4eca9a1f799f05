//! Tests of the AWS role that the companion assumes.

use lab::aws::{Endpoint, OidcProvider, ROLE, Role, SUBJECT, SigningKeys, WebIdentity};
use lab::{Ec2, Sts};
use serde_json::{Value, json};

use super::super::role::{AUDIENCE, ISSUER};
use super::{CompanionBed, NAMESPACE, modes};
use crate::support::cluster::Cluster;
use crate::support::helm::Helm;

/// AWS as the agent's environment addresses it.
pub(super) struct Aws {
    account: lab::aws::Account,
    sts: Sts,
    ec2: Ec2,
}

impl Aws {
    /// Starts AWS with the cluster's token issuer as OIDC provider and a role for the agent's
    /// account.
    pub(super) async fn of(cluster: &Cluster) -> Self {
        let account = lab::aws::Account::default();
        let sts = Sts::start(&account, None, Endpoint::sts()).unwrap();
        let ec2 = Ec2::start(&account, None, Endpoint::ec2()).unwrap();
        let keys = cluster
            .kubectl(&["get", "--raw", "/openid/v1/jwks"])
            .await
            .unwrap();
        account.set_provider(OidcProvider {
            issuer: ISSUER.to_owned(),
            audiences: vec![AUDIENCE.to_owned()],
            signing_keys: SigningKeys::Jwks(serde_json::from_str(&keys).unwrap()),
        });
        let aws = Self { account, sts, ec2 };
        aws.trust(SUBJECT);
        aws
    }

    /// Sets the trust policy of the role to this one subject.
    pub(super) fn trust(&self, subject: &str) {
        let (issuer, audience, subject) =
            (ISSUER.to_owned(), AUDIENCE.to_owned(), subject.to_owned());
        let web_identity = Some(WebIdentity {
            issuer,
            audience,
            subject,
        });
        self.account.set_role(Role {
            name: ROLE.to_owned(),
            web_identity,
            principals: Vec::new(),
        });
    }

    /// Returns agent values with this role, and writes a token for this audience.
    pub(super) fn values(&self, role: &str, audience: &str) -> Value {
        json!({
            "role": role,
            "audience": audience,
            "env": {
                "AWS_ENDPOINT_URL_STS": format!("http://sts.lab:{}", self.sts.addr().port()),
                "AWS_ENDPOINT_URL_EC2": format!("http://ec2.lab:{}", self.ec2.addr().port()),
                "AWS_EC2_METADATA_DISABLED": "true",
            },
        })
    }
}

#[tokio::test]
async fn companion_assumes_the_agents_role_with_requested_tokens() {
    let bed = CompanionBed::start().await;
    bed.mount_secret();
    let aws = Aws::of(&bed.cluster).await;
    let role = lab::aws::Account::role_arn(ROLE);
    let helm = Helm::latest();
    bed.agent_with(&helm, &bed.url(), &aws.values(&role, AUDIENCE))
        .await;
    let checks = bed.check().await;
    for check in ["aws_credentials", "sts_identity", "ec2_api"] {
        assert_eq!(checks[check]["status"], "ok", "{:?}", checks[check]);
    }
    let evidence = checks["aws_credentials"]["evidence"].as_str().unwrap();
    for word in [
        "source web_identity",
        SUBJECT,
        AUDIENCE,
        "serviceaccount/token in the agent's pod",
        "only a sidecar can check",
    ] {
        assert!(evidence.contains(word), "{word}: {evidence}");
    }
    assert!(!evidence.contains("may not"), "{evidence}");
    assert!(
        checks["sts_identity"]["evidence"]
            .as_str()
            .unwrap()
            .contains(&format!("assumed-role/{ROLE}/"))
    );

    // AWS rejects the companion for the same reason as it rejects the agent.
    aws.trust("system:serviceaccount:castai-agent:another");
    let checks = bed.check().await;
    assert_eq!(
        modes(&checks["sts_identity"]),
        ["aws_irsa_trust_denied"],
        "{:?}",
        checks["sts_identity"]
    );
    aws.trust(SUBJECT);
    bed.agent_with(
        &helm,
        &bed.url(),
        &aws.values(&role, "pods.eks.amazonaws.com"),
    )
    .await;
    let checks = bed.check().await;
    assert_eq!(
        modes(&checks["aws_credentials"]),
        ["aws_irsa_wrong_audience"],
        "{:?}",
        checks["aws_credentials"]
    );

    // The account got its role after the pod was created.
    bed.agent_with(&helm, &bed.url(), &aws.values("", AUDIENCE))
        .await;
    let annotate = [
        "annotate",
        "--namespace",
        NAMESPACE,
        "serviceaccount",
        "castai-agent",
    ];
    let annotation = format!("eks.amazonaws.com/role-arn={role}");
    bed.cluster
        .kubectl(&[annotate.as_slice(), &[&annotation]].concat())
        .await
        .unwrap();
    let checks = bed.check().await;
    assert_eq!(
        modes(&checks["aws_credentials"]),
        ["aws_irsa_not_injected"],
        "{:?}",
        checks["aws_credentials"]
    );
}
