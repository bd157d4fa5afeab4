//! Signing certificates of users: X.509 certificates for requests by SOAP.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};

use crate::api::errors::{
    DUPLICATE_CERTIFICATE_EXCEPTION, INVALID_CERTIFICATE_EXCEPTION, MALFORMED_CERTIFICATE_EXCEPTION,
};
use crate::api::{
    DeleteSigningCertificateInput, DeleteSigningCertificateOutput, ListSigningCertificatesInput,
    ListSigningCertificatesOutput, SigningCertificate as SigningCertificateShape,
    UpdateSigningCertificateInput, UpdateSigningCertificateOutput, UploadSigningCertificateInput,
    UploadSigningCertificateOutput,
};
use crate::certificates::Certificate;
use crate::errors;
use crate::naming::{user_name, user_or_caller};
use crate::paging::page;
use crate::state::{Entity, SigningCertificate, User, update};

/// How many a user can have.
const QUOTA: usize = 2;

/// What the ids consist of.
const ID_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn shape(user: &str, certificate: &SigningCertificate) -> SigningCertificateShape {
    SigningCertificateShape {
        user_name: user.to_owned(),
        certificate_id: certificate.id.clone(),
        certificate_body: certificate.body.clone(),
        status: if certificate.active { "Active" } else { "Inactive" }.to_owned(),
        upload_date: Some(certificate.uploaded),
    }
}

fn missing(id: &str) -> AwsError {
    errors::no_such_entity(format!("The Certificate with id {id} cannot be found."))
}

pub(crate) async fn upload_signing_certificate(
    ctx: Ctx,
    input: UploadSigningCertificateInput,
) -> Result<UploadSigningCertificateOutput, AwsError> {
    let name = user_name(&ctx, input.user_name)?;
    let parsed = Certificate::only_from_pem(&input.certificate_body)
        .ok_or_else(|| MALFORMED_CERTIFICATE_EXCEPTION.with("Certificate Body is malformed."))?;
    if parsed.expires < ctx.now() {
        return Err(INVALID_CERTIFICATE_EXCEPTION.with("The certificate has expired."));
    }
    let certificate = SigningCertificate {
        id: ctx.random_text(ID_LETTERS, 32),
        body: input.certificate_body.trim().to_owned(),
        active: true,
        uploaded: Timestamp::from_seconds(ctx.now().seconds),
    };
    let shape = update(&ctx, &name, |user: &mut User, _| {
        let same = |other: &SigningCertificate| {
            Certificate::only_from_pem(&other.body).is_some_and(|other| other.der() == parsed.der())
        };
        if user.signing_certificates.iter().any(same) {
            return Err(
                DUPLICATE_CERTIFICATE_EXCEPTION.with("The certificate is already associated with the user.")
            );
        }
        if user.signing_certificates.len() >= QUOTA {
            return Err(errors::quota("SigningCertificatesPerUser", QUOTA));
        }
        user.signing_certificates.push(certificate.clone());
        Ok(shape(&user.name, &certificate))
    })
    .await?;
    Ok(UploadSigningCertificateOutput { certificate: shape })
}

pub(crate) async fn list_signing_certificates(
    ctx: Ctx,
    input: ListSigningCertificatesInput,
) -> Result<ListSigningCertificatesOutput, AwsError> {
    // The root has none.
    let Some(name) = user_or_caller(&ctx, input.user_name)? else {
        return Ok(ListSigningCertificatesOutput {
            is_truncated: Some(false),
            ..ListSigningCertificatesOutput::default()
        });
    };
    let user = ctx.db().read(|tx| User::get(tx, &name))?;
    let key = |certificate: &SigningCertificate| certificate.id.clone();
    let page = page(user.signing_certificates, key, input.marker.as_deref(), input.max_items)?;
    Ok(ListSigningCertificatesOutput {
        certificates: page.items.iter().map(|certificate| shape(&user.name, certificate)).collect(),
        is_truncated: page.is_truncated(),
        marker: page.marker,
    })
}

pub(crate) async fn update_signing_certificate(
    ctx: Ctx,
    input: UpdateSigningCertificateInput,
) -> Result<UpdateSigningCertificateOutput, AwsError> {
    let name = user_name(&ctx, input.user_name)?;
    let id = input.certificate_id;
    update(&ctx, &name, |user: &mut User, _| {
        let found = user.signing_certificates.iter_mut().find(|certificate| certificate.id == id);
        found.ok_or_else(|| missing(&id))?.active = input.status == "Active";
        Ok(())
    })
    .await?;
    Ok(UpdateSigningCertificateOutput::default())
}

pub(crate) async fn delete_signing_certificate(
    ctx: Ctx,
    input: DeleteSigningCertificateInput,
) -> Result<DeleteSigningCertificateOutput, AwsError> {
    let name = user_name(&ctx, input.user_name)?;
    let id = input.certificate_id;
    update(&ctx, &name, |user: &mut User, _| {
        let position = user.signing_certificates.iter().position(|certificate| certificate.id == id);
        user.signing_certificates.remove(position.ok_or_else(|| missing(&id))?);
        Ok(())
    })
    .await?;
    Ok(DeleteSigningCertificateOutput::default())
}
