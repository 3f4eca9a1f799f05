//! Compares the identity that AWS reports with the account and the role that the agent is configured
//! with.

use crate::aws::CallerIdentity;
use crate::aws::credentials::CachedCredentials;
use crate::catalogue::{CheckId, FailureMode as M};
use crate::checks::sts_identity::{StsIdentity, StsIdentityError};
use crate::config::agent::aws::cluster_identity::Account;
use crate::config::agent::aws::{ClusterIdentity, cluster_identity};
use crate::report::evidence::quote;
use crate::report::{Finding, LatestReports};

/// The remedy for a pod that has the role of an earlier annotation.
const NEW_POD: &str = "Restart the agent, so that its new pod gets the role in the annotation:\n\
    $ kubectl -n {namespace} rollout restart deploy/{deployment}";

impl StsIdentity {
    /// Compares the caller with the account and role that the agent is configured with.
    pub(super) fn compare(
        &self,
        caller: &CallerIdentity,
        cached: &CachedCredentials,
        reports: &LatestReports,
    ) -> Result<(), StsIdentityError> {
        let aws = self.context.aws.settings();
        let arn = quote(caller.arn.as_bytes());
        let failure = |finding, tolerated| Err(StsIdentityError::Found { finding, tolerated });
        let expected = match &aws.given {
            ClusterIdentity::Complete { account, .. } => match cluster_identity::account(account) {
                Account::Digits => Some((account.clone(), "EKS_ACCOUNT_ID is")),
                Account::Scientific(digits) => Some((digits, "EKS_ACCOUNT_ID means")),
                Account::Malformed => None,
            },
            _ => reports
                .report(CheckId::Imds)
                .and_then(|report| report.instance.as_ref())
                .and_then(|instance| Some((instance.account.clone()?, "the node belongs to"))),
        };
        if let Some((account, expected_from)) =
            expected.filter(|(account, _)| *account != caller.account)
        {
            let evidence = format!(
                "the agent authenticates to AWS as {arn} in account {}, but {expected_from} \
                 {account}: give the agent a role or key of the cluster's account, or correct \
                 EKS_ACCOUNT_ID; credentials of another account cannot see the cluster's \
                 instances",
                caller.account
            );
            return failure(Finding::new(M::AwsAccountMismatch, evidence), false);
        }
        let annotated = self
            .context
            .aws
            .annotated_role()
            .filter(|_| aws.variables.token_file.is_some());
        if let (Some(annotated), Some(role)) = (&annotated, &aws.variables.role_arn)
            && annotated != role
        {
            let evidence = format!(
                "the agent authenticates to AWS as {arn} from AWS_ROLE_ARN ({}), but its service \
                 account's annotation specifies {}: the pod was created before the annotation \
                 changed",
                quote(role.as_bytes()),
                quote(annotated.as_bytes())
            );
            let finding = Finding::new(M::AwsRoleMismatch, evidence);
            return failure(finding.with_own_remedy(Some(NEW_POD.to_owned())), true);
        }
        if let Some(role) = aws
            .variables
            .role_arn
            .as_ref()
            .filter(|role| !caller.has_role(role))
        {
            let evidence = format!(
                "the agent authenticates to AWS as {arn} with credentials from {}, but \
                 AWS_ROLE_ARN specifies {}: a source with higher precedence overrides it",
                cached.source.label(),
                quote(role.as_bytes())
            );
            return failure(Finding::new(M::AwsRoleMismatch, evidence), true);
        }
        Ok(())
    }
}
