//! Server certificates: what load balancers and distributions show to browsers.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{StoreError, Tx};

use crate::api::errors::{KEY_PAIR_MISMATCH_EXCEPTION, MALFORMED_CERTIFICATE_EXCEPTION};
use crate::api::{
    DeleteServerCertificateInput, DeleteServerCertificateOutput, GetServerCertificateInput,
    GetServerCertificateOutput, ListServerCertificatesInput, ListServerCertificatesOutput,
    ServerCertificate as ServerCertificateShape, ServerCertificateMetadata, UpdateServerCertificateInput,
    UpdateServerCertificateOutput, UploadServerCertificateInput, UploadServerCertificateOutput,
};
use crate::certificates::{Certificate, PrivateKey};
use crate::naming::{arn, new_id};
use crate::paging::page;
use crate::state::{Entity, SERVER_CERTIFICATES, ServerCertificate, fold};
use crate::{errors, tags};

/// How many certificates an account can have.
pub(crate) const QUOTA: usize = 20;

impl ServerCertificate {
    fn metadata(&self, account: &str) -> ServerCertificateMetadata {
        ServerCertificateMetadata {
            path: self.path.clone(),
            server_certificate_name: self.name.clone(),
            server_certificate_id: self.id.clone(),
            arn: arn(account, "server-certificate", &self.path, &self.name),
            upload_date: Some(self.uploaded),
            expiration: Some(self.expires),
        }
    }
}

fn refuse_taken(tx: &Tx<'_>, name: &str) -> Result<(), AwsError> {
    if tx.contains(&SERVER_CERTIFICATES, fold(name))? {
        return Err(errors::already_exists(format!(
            "The Server Certificate with name {name} already exists."
        )));
    }
    Ok(())
}

/// Checks a certificate with its key and chain, and says until when it is valid.
fn check(body: &str, key: &str, chain: Option<&str>) -> Result<Timestamp, AwsError> {
    let malformed = |words: &str| MALFORMED_CERTIFICATE_EXCEPTION.with(words);
    let unreadable =
        || malformed("Unable to parse certificate. Please ensure the certificate is in PEM format.");
    let certificate = Certificate::only_from_pem(body).ok_or_else(unreadable)?;
    let key = PrivateKey::from_pem(key).ok_or_else(|| malformed("Invalid Private Key."))?;
    if !certificate.belongs_to(&key) {
        return Err(
            KEY_PAIR_MISMATCH_EXCEPTION.with("The public key certificate and the private key do not match.")
        );
    }
    let chain = match chain {
        Some(chain) => Certificate::from_pem(chain).ok_or_else(unreadable)?,
        None => Vec::new(),
    };
    let mut issued = &certificate;
    for (index, issuer) in chain.iter().enumerate() {
        if !issued.is_issued_by(issuer) {
            // AWS counts from the certificate itself, which is not in the chain.
            return Err(malformed(&format!(
                "Unable to validate certificate chain. The certificate chain must start with the immediate \
                 signing certificate, followed by any intermediaries in order. The index within the chain of \
                 the invalid certificate is: {}",
                i64::try_from(index).unwrap_or_default() - 1
            )));
        }
        issued = issuer;
    }
    Ok(certificate.expires)
}

pub(crate) async fn upload_server_certificate(
    ctx: Ctx,
    input: UploadServerCertificateInput,
) -> Result<UploadServerCertificateOutput, AwsError> {
    let certificate = ServerCertificate {
        expires: check(&input.certificate_body, &input.private_key, input.certificate_chain.as_deref())?,
        name: input.server_certificate_name,
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        id: new_id(&ctx, "ASCA"),
        uploaded: Timestamp::from_seconds(ctx.now().seconds),
        body: input.certificate_body.trim().to_owned(),
        chain: input.certificate_chain.map(|chain| chain.trim().to_owned()),
        private_key: input.private_key,
        tags: tags::checked(input.tags)?,
    };
    ctx.db()
        .write(|tx| {
            refuse_taken(tx, &certificate.name)?;
            if tx.count(&SERVER_CERTIFICATES)? >= QUOTA {
                return Err(errors::quota("ServerCertificatesPerAccount", QUOTA));
            }
            certificate.put(tx)
        })
        .await?;
    Ok(UploadServerCertificateOutput {
        server_certificate_metadata: Some(certificate.metadata(ctx.account())),
        tags: tags::shape(&certificate.tags),
    })
}

pub(crate) async fn get_server_certificate(
    ctx: Ctx,
    input: GetServerCertificateInput,
) -> Result<GetServerCertificateOutput, AwsError> {
    let certificate = ctx.db().read(|tx| ServerCertificate::get(tx, &input.server_certificate_name))?;
    Ok(GetServerCertificateOutput {
        server_certificate: ServerCertificateShape {
            server_certificate_metadata: certificate.metadata(ctx.account()),
            tags: tags::shape(&certificate.tags),
            certificate_body: certificate.body,
            certificate_chain: certificate.chain,
        },
    })
}

pub(crate) async fn list_server_certificates(
    ctx: Ctx,
    input: ListServerCertificatesInput,
) -> Result<ListServerCertificatesOutput, AwsError> {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let mut certificates = ctx
        .db()
        .read(|tx| tx.scan(&SERVER_CERTIFICATES)?.values().collect::<Result<Vec<_>, StoreError>>())?;
    certificates.retain(|certificate| certificate.path.starts_with(prefix));
    let key = |certificate: &ServerCertificate| fold(&certificate.name);
    let page = page(certificates, key, input.marker.as_deref(), input.max_items)?;
    Ok(ListServerCertificatesOutput {
        server_certificate_metadata_list: page
            .items
            .iter()
            .map(|certificate| certificate.metadata(ctx.account()))
            .collect(),
        is_truncated: page.is_truncated(),
        marker: page.marker,
    })
}

pub(crate) async fn update_server_certificate(
    ctx: Ctx,
    input: UpdateServerCertificateInput,
) -> Result<UpdateServerCertificateOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut certificate = ServerCertificate::get(tx, &input.server_certificate_name)?;
            let old_key = fold(&certificate.name);
            if let Some(name) = &input.new_server_certificate_name {
                if fold(name) != old_key {
                    refuse_taken(tx, name)?;
                }
                certificate.name.clone_from(name);
            }
            if let Some(path) = &input.new_path {
                certificate.path.clone_from(path);
            }
            tx.delete(&SERVER_CERTIFICATES, &old_key)?;
            certificate.put(tx)
        })
        .await?;
    Ok(UpdateServerCertificateOutput::default())
}

pub(crate) async fn delete_server_certificate(
    ctx: Ctx,
    input: DeleteServerCertificateInput,
) -> Result<DeleteServerCertificateOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let certificate = ServerCertificate::get(tx, &input.server_certificate_name)?;
            Ok::<_, AwsError>(tx.delete(&SERVER_CERTIFICATES, fold(&certificate.name))?)
        })
        .await?;
    Ok(DeleteServerCertificateOutput::default())
}
