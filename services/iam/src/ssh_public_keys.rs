//! SSH public keys of users, for CodeCommit: RSA keys, as `ssh-rsa AAAA…` (RFC 4253) or in PEM.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudtwin_core::Ctx;
use cloudtwin_core::credentials::id_of_account;
use cloudtwin_smithy::{AwsError, Timestamp};
use md5::{Digest, Md5};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::api::errors::{
    DUPLICATE_SSH_PUBLIC_KEY_EXCEPTION, INVALID_PUBLIC_KEY_EXCEPTION,
    UNRECOGNIZED_PUBLIC_KEY_ENCODING_EXCEPTION,
};
use crate::api::{
    DeleteSSHPublicKeyInput, DeleteSSHPublicKeyOutput, GetSSHPublicKeyInput, GetSSHPublicKeyOutput,
    ListSSHPublicKeysInput, ListSSHPublicKeysOutput, SSHPublicKey, SSHPublicKeyMetadata,
    UpdateSSHPublicKeyInput, UpdateSSHPublicKeyOutput, UploadSSHPublicKeyInput, UploadSSHPublicKeyOutput,
};
use crate::certificates::{pem_blocks, to_pem};
use crate::errors;
use crate::naming::user_or_caller;
use crate::paging::page;
use crate::state::{Entity, SshPublicKey, User, update};

/// How many a user can have.
const QUOTA: usize = 5;

/// The shortest and the longest modulus, in bits.
const BITS: std::ops::RangeInclusive<usize> = 2_048..=16_384;

const KIND: &[u8] = b"ssh-rsa";

/// `SEQUENCE { OBJECT IDENTIFIER rsaEncryption, NULL }` of RFC 8017.
const RSA_ENCRYPTION: [u8; 15] = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0];

/// An RSA public key: its numbers, without zeros before them.
#[derive(Debug, PartialEq, Eq)]
struct RsaKey {
    exponent: Vec<u8>,
    modulus: Vec<u8>,
}

fn invalid() -> AwsError {
    INVALID_PUBLIC_KEY_EXCEPTION.with("The public key is malformed or otherwise invalid.")
}

fn unrecognized() -> AwsError {
    UNRECOGNIZED_PUBLIC_KEY_ENCODING_EXCEPTION
        .with("The public key encoding format is unsupported or unrecognized.")
}

impl RsaKey {
    fn new(exponent: &[u8], modulus: &[u8]) -> Result<Self, AwsError> {
        let bare =
            |number: &[u8]| -> Vec<u8> { number.iter().copied().skip_while(|byte| *byte == 0).collect() };
        let key = Self { exponent: bare(exponent), modulus: bare(modulus) };
        let unused = key.modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
        if !BITS.contains(&(key.modulus.len() * 8 - unused)) || key.exponent.is_empty() {
            return Err(invalid());
        }
        Ok(key)
    }

    fn parse(text: &str) -> Result<Self, AwsError> {
        let text = text.trim();
        if text.starts_with("-----BEGIN ") {
            let blocks = pem_blocks(text).ok_or_else(invalid)?;
            let [(label, der)] = blocks.as_slice() else { return Err(invalid()) };
            if !matches!(*label, "PUBLIC KEY" | "RSA PUBLIC KEY") {
                return Err(unrecognized());
            }
            let wrapped = if *label == "RSA PUBLIC KEY" { spki(der) } else { der.clone() };
            let (_, info) = SubjectPublicKeyInfo::from_der(&wrapped).map_err(|_| invalid())?;
            return match info.parsed() {
                Ok(PublicKey::RSA(key)) => Self::new(key.exponent, key.modulus),
                _ => Err(invalid()),
            };
        }
        let mut words = text.split_ascii_whitespace();
        match (words.next(), words.next()) {
            (Some("ssh-rsa"), Some(base64)) => {
                let wire = STANDARD.decode(base64).map_err(|_| invalid())?;
                Self::from_wire(&wire).ok_or_else(invalid)?
            }
            (Some(kind), _) if kind.starts_with("ssh-") || kind.starts_with("ecdsa-") => Err(invalid()),
            _ => Err(unrecognized()),
        }
    }

    /// RFC 4253, section 6.6; `None` if it is not written as it says.
    fn from_wire(wire: &[u8]) -> Option<Result<Self, AwsError>> {
        fn next(wire: &[u8]) -> Option<(&[u8], &[u8])> {
            let (length, rest) = wire.split_first_chunk::<4>()?;
            rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
        }
        let (kind, rest) = next(wire)?;
        let (exponent, rest) = next(rest)?;
        let (modulus, rest) = next(rest)?;
        (kind == KIND && rest.is_empty()).then(|| Self::new(exponent, modulus))
    }

    fn wire(&self) -> Vec<u8> {
        let (exponent, modulus) = (positive(&self.exponent), positive(&self.modulus));
        let parts = [KIND, &exponent, &modulus];
        parts
            .iter()
            .flat_map(|part| (part.len() as u32).to_be_bytes().into_iter().chain(part.iter().copied()))
            .collect()
    }

    fn fingerprint(&self) -> String {
        let mut text = String::new();
        for (index, byte) in Md5::digest(self.wire()).iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            // Writing into a string cannot fail.
            let _ = write!(text, "{colon}{byte:02x}");
        }
        text
    }

    fn ssh(&self) -> String {
        format!("ssh-rsa {}", STANDARD.encode(self.wire()))
    }

    fn pem(&self) -> String {
        let numbers = [der(2, &positive(&self.modulus)), der(2, &positive(&self.exponent))].concat();
        to_pem("PUBLIC KEY", &spki(&der(0x30, &numbers)))
    }
}

/// A number as DER and SSH write it: with a zero before it if it would be negative otherwise.
fn positive(number: &[u8]) -> Vec<u8> {
    let sign = number.first().is_some_and(|byte| byte & 0x80 != 0);
    sign.then_some(0).into_iter().chain(number.iter().copied()).collect()
}

/// An RSA public key (PKCS #1) as `SubjectPublicKeyInfo`.
fn spki(pkcs1: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = [0].into_iter().chain(pkcs1.iter().copied()).collect();
    der(0x30, &[RSA_ENCRYPTION.to_vec(), der(3, &bits)].concat())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let mut element = vec![tag];
    if content.len() < 128 {
        element.push(content.len() as u8);
    } else {
        let significant: Vec<u8> = length.iter().copied().skip_while(|byte| *byte == 0).collect();
        element.push(0x80 | significant.len() as u8);
        element.extend(significant);
    }
    element.extend(content);
    element
}

fn missing(id: &str) -> AwsError {
    errors::no_such_entity(format!("The Public Key with id {id} cannot be found."))
}

fn status(active: bool) -> String {
    if active { "Active" } else { "Inactive" }.to_owned()
}

fn shape(user: &str, key: &SshPublicKey, body: String) -> SSHPublicKey {
    SSHPublicKey {
        user_name: user.to_owned(),
        ssh_public_key_id: key.id.clone(),
        fingerprint: key.fingerprint.clone(),
        ssh_public_key_body: body,
        status: status(key.active),
        upload_date: Some(key.uploaded),
    }
}

pub(crate) async fn upload_ssh_public_key(
    ctx: Ctx,
    input: UploadSSHPublicKeyInput,
) -> Result<UploadSSHPublicKeyOutput, AwsError> {
    let parsed = RsaKey::parse(&input.ssh_public_key_body)?;
    let key = SshPublicKey {
        id: id_of_account("APKA", 17, ctx.account(), ctx.random()),
        body: parsed.ssh(),
        fingerprint: parsed.fingerprint(),
        active: true,
        uploaded: Timestamp::from_seconds(ctx.now().seconds),
    };
    let shape = update(&ctx, &input.user_name, |user: &mut User, _| {
        if user.ssh_public_keys.iter().any(|other| other.body == key.body) {
            return Err(DUPLICATE_SSH_PUBLIC_KEY_EXCEPTION
                .with("The SSH public key is already associated with the specified IAM user."));
        }
        if user.ssh_public_keys.len() >= QUOTA {
            return Err(errors::quota("SSHPublicKeysPerUser", QUOTA));
        }
        user.ssh_public_keys.push(key.clone());
        Ok(shape(&user.name, &key, input.ssh_public_key_body.clone()))
    })
    .await?;
    Ok(UploadSSHPublicKeyOutput { ssh_public_key: Some(shape) })
}

pub(crate) async fn get_ssh_public_key(
    ctx: Ctx,
    input: GetSSHPublicKeyInput,
) -> Result<GetSSHPublicKeyOutput, AwsError> {
    let user = ctx.db().read(|tx| User::get(tx, &input.user_name))?;
    let id = &input.ssh_public_key_id;
    let key = user.ssh_public_keys.iter().find(|key| key.id == *id).ok_or_else(|| missing(id))?;
    let body = if input.encoding == "PEM" { RsaKey::parse(&key.body)?.pem() } else { key.body.clone() };
    Ok(GetSSHPublicKeyOutput { ssh_public_key: Some(shape(&user.name, key, body)) })
}

pub(crate) async fn list_ssh_public_keys(
    ctx: Ctx,
    input: ListSSHPublicKeysInput,
) -> Result<ListSSHPublicKeysOutput, AwsError> {
    // The root has none.
    let user = match user_or_caller(&ctx, input.user_name)? {
        Some(name) => Some(ctx.db().read(|tx| User::get(tx, &name))?),
        None => None,
    };
    let (name, keys) = user.map(|user| (user.name, user.ssh_public_keys)).unwrap_or_default();
    let page = page(keys, |key| key.id.clone(), input.marker.as_deref(), input.max_items)?;
    Ok(ListSSHPublicKeysOutput {
        is_truncated: page.is_truncated(),
        marker: page.marker,
        ssh_public_keys: Some(
            page.items
                .into_iter()
                .map(|key| SSHPublicKeyMetadata {
                    user_name: name.clone(),
                    ssh_public_key_id: key.id,
                    status: status(key.active),
                    upload_date: key.uploaded,
                })
                .collect(),
        ),
    })
}

pub(crate) async fn update_ssh_public_key(
    ctx: Ctx,
    input: UpdateSSHPublicKeyInput,
) -> Result<UpdateSSHPublicKeyOutput, AwsError> {
    let id = input.ssh_public_key_id;
    update(&ctx, &input.user_name, |user: &mut User, _| {
        let found = user.ssh_public_keys.iter_mut().find(|key| key.id == id);
        found.ok_or_else(|| missing(&id))?.active = input.status == "Active";
        Ok(())
    })
    .await?;
    Ok(UpdateSSHPublicKeyOutput::default())
}

pub(crate) async fn delete_ssh_public_key(
    ctx: Ctx,
    input: DeleteSSHPublicKeyInput,
) -> Result<DeleteSSHPublicKeyOutput, AwsError> {
    let id = input.ssh_public_key_id;
    update(&ctx, &input.user_name, |user: &mut User, _| {
        let position = user.ssh_public_keys.iter().position(|key| key.id == id);
        user.ssh_public_keys.remove(position.ok_or_else(|| missing(&id))?);
        Ok(())
    })
    .await?;
    Ok(DeleteSSHPublicKeyOutput::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_in_both_encodings() {
        let key = RsaKey::new(&[1, 0, 1], &[0xab; 256]).unwrap();
        assert_eq!(RsaKey::parse(&format!("{} ann@laptop", key.ssh())).unwrap(), key);
        assert_eq!(RsaKey::parse(&key.pem()).unwrap(), key);
        assert_eq!(key.fingerprint().len(), 47);
    }

    #[test]
    fn short_and_other_keys_are_refused() {
        assert_eq!(RsaKey::new(&[1, 0, 1], &[0xab; 128]).unwrap_err().code(), "InvalidPublicKey");
        for (text, code) in [
            ("ssh-rsa AAAA", "InvalidPublicKey"),
            ("ssh-rsa %", "InvalidPublicKey"),
            ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA", "InvalidPublicKey"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "InvalidPublicKey"),
            ("---- BEGIN SSH2 PUBLIC KEY ----", "UnrecognizedPublicKeyEncoding"),
            ("", "UnrecognizedPublicKeyEncoding"),
        ] {
            assert_eq!(RsaKey::parse(text).unwrap_err().code(), code, "{text}");
        }
    }
}
