//! The AWS services that may act in the whole organization (trusted access).

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::access::{self, OpenTo};
use crate::api::{
    DisableAWSServiceAccessInput, DisableAWSServiceAccessOutput, EnableAWSServiceAccessInput,
    EnableAWSServiceAccessOutput, EnabledServicePrincipal, ListAWSServiceAccessForOrganizationInput,
    ListAWSServiceAccessForOrganizationOutput,
};
use crate::errors;
use crate::paging::page;

/// The services that the user guide names under "AWS services that you can use with AWS Organizations".
#[rustfmt::skip]
const TRUSTED_SERVICES: [&str; 73] = [
    "access-analyzer.amazonaws.com", "account.amazonaws.com", "agreement-visibility.marketplace.amazonaws.com",
    "application-signals.cloudwatch.amazonaws.com", "arc-region-switch.amazonaws.com",
    "auditmanager.amazonaws.com", "aws-artifact-account-sync.amazonaws.com", "backup.amazonaws.com",
    "backup-gateway.amazonaws.com", "billing.amazonaws.com", "chatbot.amazonaws.com", "cloudtrail.amazonaws.com",
    "compute-optimizer.amazonaws.com", "config-multiaccountsetup.amazonaws.com", "config.amazonaws.com",
    "controltower.amazonaws.com", "cost-optimization-hub.bcm.amazonaws.com",
    "deployment-strategies.codedeploy.amazonaws.com", "detective.amazonaws.com", "devops-guru.amazonaws.com",
    "ds.amazonaws.com", "ec2.amazonaws.com", "ec2-capacity-manager.amazonaws.com", "fms.amazonaws.com",
    "guardduty.amazonaws.com", "health.amazonaws.com", "iam.amazonaws.com", "identitystore.amazonaws.com",
    "inspector2.amazonaws.com", "ipam.amazonaws.com", "license-manager-linux-subscriptions.amazonaws.com",
    "license-manager-user-subscriptions.amazonaws.com", "license-manager.amazonaws.com",
    "license-manager.member-account.amazonaws.com", "license-management.marketplace.amazonaws.com",
    "macie.amazonaws.com", "malware-protection.guardduty.amazonaws.com", "mgn.amazonaws.com",
    "member.org.stacksets.cloudformation.amazonaws.com", "network-manager.amazonaws.com",
    "networkmanager.amazonaws.com", "notifications.amazonaws.com", "observabilityadmin.amazonaws.com",
    "opsdatasync.ssm.amazonaws.com", "private-marketplace.marketplace.amazonaws.com",
    "procurement-insights.marketplace.amazonaws.com", "q.amazonaws.com", "ram.amazonaws.com",
    "reachabilityanalyzer.networkinsights.amazonaws.com", "reporting.trustedadvisor.amazonaws.com",
    "resource-explorer-2.amazonaws.com", "rolesanywhere.amazonaws.com", "route53profiles.amazonaws.com",
    "route53resolver.amazonaws.com", "s3.amazonaws.com", "securityhub.amazonaws.com",
    "securitylake.amazonaws.com", "security-ir.amazonaws.com", "servicecatalog.amazonaws.com",
    "servicequotas.amazonaws.com", "signer.amazonaws.com", "ssm-incidents.amazonaws.com",
    "ssm-quicksetup.amazonaws.com", "ssm.amazonaws.com", "sso.amazonaws.com",
    "stacksets.cloudformation.amazonaws.com", "storage-lens.s3.amazonaws.com",
    "support-console.amazonaws.com", "support.amazonaws.com", "tagpolicies.tag.amazonaws.com",
    "user-subscriptions.amazonaws.com", "vpc-lattice.amazonaws.com", "wellarchitected.amazonaws.com",
];

/// That a service can be integrated with an organization.
pub(crate) fn check(service_principal: &str) -> Result<(), AwsError> {
    if TRUSTED_SERVICES.contains(&service_principal) {
        return Ok(());
    }
    Err(errors::invalid_input(
        "UNRECOGNIZED_SERVICE_PRINCIPAL",
        "You specified an unrecognized service principal.",
    ))
}

pub(crate) async fn enable_service_access(
    ctx: Ctx,
    input: EnableAWSServiceAccessInput,
) -> Result<EnableAWSServiceAccessOutput, AwsError> {
    let now = ctx.now();
    ctx.db()
        .write(|tx| {
            let mut organization = access::with_all_features(&ctx, tx, OpenTo::Management)?;
            check(&input.service_principal)?;
            organization.service_access.entry(input.service_principal.clone()).or_insert(now);
            organization.put(tx)
        })
        .await?;
    Ok(EnableAWSServiceAccessOutput::default())
}

pub(crate) async fn disable_service_access(
    ctx: Ctx,
    input: DisableAWSServiceAccessInput,
) -> Result<DisableAWSServiceAccessOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut organization = access::with_all_features(&ctx, tx, OpenTo::Management)?;
            check(&input.service_principal)?;
            organization.service_access.remove(&input.service_principal);
            organization.put(tx)
        })
        .await?;
    Ok(DisableAWSServiceAccessOutput::default())
}

pub(crate) async fn list_service_access(
    ctx: Ctx,
    input: ListAWSServiceAccessForOrganizationInput,
) -> Result<ListAWSServiceAccessForOrganizationOutput, AwsError> {
    let organization = ctx.db().read(|tx| access::with_all_features(&ctx, tx, OpenTo::Administrators))?;
    let services: Vec<_> = organization.service_access.into_iter().collect();
    let (services, next_token) =
        page(services, |(name, _)| name, input.next_token.as_deref(), input.max_results)?;
    let shape =
        |(name, since)| EnabledServicePrincipal { service_principal: Some(name), date_enabled: Some(since) };
    Ok(ListAWSServiceAccessForOrganizationOutput {
        enabled_service_principals: Some(services.into_iter().map(shape).collect()),
        next_token,
    })
}
