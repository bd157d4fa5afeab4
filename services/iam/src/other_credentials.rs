//! What else a user can have: MFA devices, SSH keys and signing certificates. None of them can be made here
//! yet, so every user has none. Clients that clean up after a user ask for them before they delete it.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::api::{
    ListMFADevicesInput, ListMFADevicesOutput, ListSSHPublicKeysInput, ListSSHPublicKeysOutput,
    ListSigningCertificatesInput, ListSigningCertificatesOutput, ListVirtualMFADevicesInput,
    ListVirtualMFADevicesOutput,
};
use crate::naming::user_or_caller;
use crate::state::{Entity, User};

fn check_user(ctx: &Ctx, name: Option<String>) -> Result<(), AwsError> {
    match user_or_caller(ctx, name)? {
        Some(name) => ctx.db().read(|tx| User::get(tx, &name)).map(drop),
        None => Ok(()),
    }
}

pub(crate) async fn list_mfa_devices(
    ctx: Ctx,
    input: ListMFADevicesInput,
) -> Result<ListMFADevicesOutput, AwsError> {
    check_user(&ctx, input.user_name)?;
    Ok(ListMFADevicesOutput { is_truncated: Some(false), ..ListMFADevicesOutput::default() })
}

pub(crate) async fn list_virtual_mfa_devices(
    _: Ctx,
    _: ListVirtualMFADevicesInput,
) -> Result<ListVirtualMFADevicesOutput, AwsError> {
    Ok(ListVirtualMFADevicesOutput { is_truncated: Some(false), ..ListVirtualMFADevicesOutput::default() })
}

pub(crate) async fn list_ssh_public_keys(
    ctx: Ctx,
    input: ListSSHPublicKeysInput,
) -> Result<ListSSHPublicKeysOutput, AwsError> {
    check_user(&ctx, input.user_name)?;
    Ok(ListSSHPublicKeysOutput {
        ssh_public_keys: Some(Vec::new()),
        is_truncated: Some(false),
        ..ListSSHPublicKeysOutput::default()
    })
}

pub(crate) async fn list_signing_certificates(
    ctx: Ctx,
    input: ListSigningCertificatesInput,
) -> Result<ListSigningCertificatesOutput, AwsError> {
    check_user(&ctx, input.user_name)?;
    Ok(ListSigningCertificatesOutput {
        is_truncated: Some(false),
        ..ListSigningCertificatesOutput::default()
    })
}
