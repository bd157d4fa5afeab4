//! MFA devices. Their rows and codes are `cloudtwin_core::mfa`'s, because STS checks codes too.

use bytes::Bytes;
use cloudtwin_core::Ctx;
use cloudtwin_core::mfa::{MFA_DEVICES, MfaDevice};
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{ReadTx, StoreError, Tx};

use crate::api::errors::INVALID_AUTHENTICATION_CODE_EXCEPTION;
use crate::api::{
    CreateVirtualMFADeviceInput, CreateVirtualMFADeviceOutput, DeactivateMFADeviceInput,
    DeactivateMFADeviceOutput, DeleteVirtualMFADeviceInput, DeleteVirtualMFADeviceOutput,
    EnableMFADeviceInput, EnableMFADeviceOutput, GetMFADeviceInput, GetMFADeviceOutput, ListMFADevicesInput,
    ListMFADevicesOutput, ListVirtualMFADevicesInput, ListVirtualMFADevicesOutput, MFADevice,
    ResyncMFADeviceInput, ResyncMFADeviceOutput, User as UserShape, VirtualMFADevice,
};
use crate::naming::{arn, user_or_caller};
use crate::paging::page;
use crate::state::{ACCOUNT, ACCOUNTS, Entity, USERS, User};
use crate::{errors, qr_code, tags};

/// How many devices a user can have.
const QUOTA: usize = 8;

/// How many bytes the secret of a virtual device has: 64 characters of base 32.
const SEED: usize = 40;

/// Base 32 of RFC 4648.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

impl Entity for MfaDevice {
    fn find(tx: &ReadTx<'_>, handle: &str) -> Result<Option<Self>, AwsError> {
        Ok(tx.get(&MFA_DEVICES, handle)?)
    }

    fn put(&self, tx: &mut Tx<'_>) -> Result<(), AwsError> {
        Ok(tx.put(&MFA_DEVICES, &self.serial_number, self)?)
    }

    fn missing(handle: &str) -> AwsError {
        errors::no_such_entity(format!("VirtualMFADevice with serial number {handle} doesn't exist."))
    }
}

/// Whether a serial number is that of a virtual device, of any account.
fn is_virtual(serial_number: &str) -> bool {
    serial_number.starts_with("arn:aws:iam::")
}

/// How many devices a user (or the root: the account) has.
pub(crate) fn owned(tx: &ReadTx<'_>, owner: &str) -> Result<usize, StoreError> {
    tx.index_scan(&MFA_DEVICES, "by_owner", owner)?
        .entries()
        .try_fold(0, |count, entry| entry.map(|_| count + 1))
}

/// How many virtual devices there are, how many devices are assigned, and whether the root has one.
pub(crate) fn summary(tx: &ReadTx<'_>) -> Result<(usize, usize, bool), StoreError> {
    let (mut all, mut assigned) = (0, 0);
    for device in tx.scan(&MFA_DEVICES)?.values() {
        let device = device?;
        all += usize::from(is_virtual(&device.serial_number));
        assigned += usize::from(device.owner.is_some());
    }
    Ok((all, assigned, owned(tx, tx.account())? > 0))
}

fn base32(bytes: &[u8]) -> String {
    let letter = |chunk: &[u8], index: usize| {
        // Five bytes are eight letters; the seed's length is a multiple of five.
        let number = chunk.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let digit = number >> (35 - 5 * index) & 31;
        BASE32.get(usize::try_from(digit).unwrap_or_default()).map_or('A', |letter| char::from(*letter))
    };
    bytes.chunks_exact(5).flat_map(|chunk| (0..8).map(move |index| letter(chunk, index))).collect()
}

pub(crate) async fn create_virtual_mfa_device(
    ctx: Ctx,
    input: CreateVirtualMFADeviceInput,
) -> Result<CreateVirtualMFADeviceOutput, AwsError> {
    let name = input.virtual_mfa_device_name;
    let path = input.path.as_deref().unwrap_or("/");
    let random = [ctx.random(), ctx.random(), ctx.random()];
    let device = MfaDevice {
        serial_number: arn(ctx.account(), "mfa", path, &name),
        seed: random.iter().flat_map(|number| number.to_be_bytes()).take(SEED).collect(),
        enabled: None,
        owner: None,
        drift: 0,
        last_step: None,
        tags: tags::checked(input.tags)?,
    };
    let alias = ctx
        .db()
        .write(|tx| {
            if tx.contains(&MFA_DEVICES, &device.serial_number)? {
                return Err(errors::already_exists(
                    "MFADevice entity at the same path and name already exists.",
                ));
            }
            device.put(tx)?;
            Ok(tx.get(&ACCOUNTS, ACCOUNT)?.unwrap_or_default().alias)
        })
        .await?;
    let seed = base32(&device.seed);
    let account = alias.as_deref().unwrap_or(ctx.account());
    let qr_code = qr_code::png(&format!("otpauth://totp/{name}@{account}?secret={seed}"));
    Ok(CreateVirtualMFADeviceOutput {
        virtual_mfa_device: VirtualMFADevice {
            serial_number: device.serial_number.clone(),
            base32_string_seed: Some(Bytes::from(seed)),
            qr_code_png: qr_code.map(Bytes::from),
            tags: tags::shape(&device.tags),
            ..VirtualMFADevice::default()
        },
    })
}

pub(crate) async fn delete_virtual_mfa_device(
    ctx: Ctx,
    input: DeleteVirtualMFADeviceInput,
) -> Result<DeleteVirtualMFADeviceOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let device = MfaDevice::get(tx, &input.serial_number)?;
            if device.owner.is_some() {
                return Err(errors::delete_conflict("MFA VirtualDevice in use. Must deactivate first."));
            }
            Ok(tx.delete(&MFA_DEVICES, &input.serial_number)?)
        })
        .await?;
    Ok(DeleteVirtualMFADeviceOutput::default())
}

fn invalid_codes() -> AwsError {
    INVALID_AUTHENTICATION_CODE_EXCEPTION.with("Authentication code for device is not valid.")
}

fn not_of_user() -> AwsError {
    errors::no_such_entity("MFA Device invalid for user.")
}

pub(crate) async fn enable_mfa_device(
    ctx: Ctx,
    input: EnableMFADeviceInput,
) -> Result<EnableMFADeviceOutput, AwsError> {
    let now = ctx.now();
    ctx.db()
        .write(|tx| {
            let user = User::get(tx, &input.user_name)?;
            let serial_number = &input.serial_number;
            let mut device = match MfaDevice::find(tx, serial_number)? {
                Some(device) => device,
                None if is_virtual(serial_number) => return Err(MfaDevice::missing(serial_number)),
                // A hardware device is made elsewhere: it is known from when somebody has it.
                None => MfaDevice {
                    serial_number: serial_number.clone(),
                    seed: serial_number.clone().into_bytes(),
                    enabled: None,
                    owner: None,
                    drift: 0,
                    last_step: None,
                    tags: Vec::new(),
                },
            };
            if device.owner.is_some() {
                return Err(errors::already_exists("MFA Device is already in use."));
            }
            if owned(tx, &user.id)? >= QUOTA {
                return Err(errors::quota("MFADevicesPerUser", QUOTA));
            }
            if !device.synchronise(&input.authentication_code1, &input.authentication_code2, now.as_millis())
            {
                return Err(invalid_codes());
            }
            device.owner = Some(user.id);
            device.enabled = Some(Timestamp::from_seconds(now.seconds));
            device.last_step = None;
            device.put(tx)
        })
        .await?;
    Ok(EnableMFADeviceOutput::default())
}

pub(crate) async fn resync_mfa_device(
    ctx: Ctx,
    input: ResyncMFADeviceInput,
) -> Result<ResyncMFADeviceOutput, AwsError> {
    let now = ctx.now().as_millis();
    ctx.db()
        .write(|tx| {
            let user = User::get(tx, &input.user_name)?;
            let mut device = MfaDevice::find(tx, &input.serial_number)?
                .filter(|device| device.owner.as_ref() == Some(&user.id))
                .ok_or_else(not_of_user)?;
            if !device.synchronise(&input.authentication_code1, &input.authentication_code2, now) {
                return Err(invalid_codes());
            }
            device.put(tx)
        })
        .await?;
    Ok(ResyncMFADeviceOutput::default())
}

/// The unique id of whom a call means: a user, or the root.
fn owner_id(tx: &ReadTx<'_>, name: Option<&str>) -> Result<String, AwsError> {
    match name {
        Some(name) => Ok(User::get(tx, name)?.id),
        None => Ok(tx.account().to_owned()),
    }
}

pub(crate) async fn deactivate_mfa_device(
    ctx: Ctx,
    input: DeactivateMFADeviceInput,
) -> Result<DeactivateMFADeviceOutput, AwsError> {
    let name = user_or_caller(&ctx, input.user_name)?;
    ctx.db()
        .write(|tx| {
            let owner = owner_id(tx, name.as_deref())?;
            let mut device = MfaDevice::find(tx, &input.serial_number)?
                .filter(|device| device.owner.as_ref() == Some(&owner))
                .ok_or_else(not_of_user)?;
            if !is_virtual(&device.serial_number) {
                return Ok(tx.delete(&MFA_DEVICES, &device.serial_number)?);
            }
            (device.owner, device.enabled, device.drift, device.last_step) = (None, None, 0, None);
            device.put(tx)
        })
        .await?;
    Ok(DeactivateMFADeviceOutput::default())
}

pub(crate) async fn get_mfa_device(
    ctx: Ctx,
    input: GetMFADeviceInput,
) -> Result<GetMFADeviceOutput, AwsError> {
    ctx.db().read(|tx| {
        let device = MfaDevice::get(tx, &input.serial_number)?;
        let user = match &device.owner {
            Some(owner) => tx.index_get(&USERS, "by_id", owner)?,
            None => None,
        };
        if let Some(name) = &input.user_name {
            let wanted = User::get(tx, name)?;
            if device.owner.as_ref() != Some(&wanted.id) {
                return Err(not_of_user());
            }
        }
        Ok(GetMFADeviceOutput {
            user_name: user.map(|user| user.name),
            serial_number: device.serial_number,
            enable_date: device.enabled,
            certifications: None,
        })
    })
}

pub(crate) async fn list_mfa_devices(
    ctx: Ctx,
    input: ListMFADevicesInput,
) -> Result<ListMFADevicesOutput, AwsError> {
    let name = user_or_caller(&ctx, input.user_name)?;
    let (name, devices) = ctx.db().read(|tx| {
        let (name, owner) = match &name {
            Some(name) => User::get(tx, name).map(|user| (user.name, user.id))?,
            None => (String::new(), tx.account().to_owned()),
        };
        let devices =
            tx.index_scan(&MFA_DEVICES, "by_owner", &owner)?.values().collect::<Result<Vec<_>, _>>()?;
        Ok::<_, AwsError>((name, devices))
    })?;
    let key = |device: &MfaDevice| device.serial_number.clone();
    let page = page(devices, key, input.marker.as_deref(), input.max_items)?;
    Ok(ListMFADevicesOutput {
        is_truncated: page.is_truncated(),
        marker: page.marker,
        mfa_devices: page
            .items
            .into_iter()
            .map(|device| MFADevice {
                user_name: name.clone(),
                enable_date: device.enabled.unwrap_or_default(),
                serial_number: device.serial_number,
            })
            .collect(),
    })
}

pub(crate) async fn list_virtual_mfa_devices(
    ctx: Ctx,
    input: ListVirtualMFADevicesInput,
) -> Result<ListVirtualMFADevicesOutput, AwsError> {
    let wanted = |device: &MfaDevice| match input.assignment_status.as_deref() {
        Some("Assigned") => device.owner.is_some(),
        Some("Unassigned") => device.owner.is_none(),
        _ => true,
    };
    ctx.db().read(|tx| {
        let mut devices = tx.scan(&MFA_DEVICES)?.values().collect::<Result<Vec<_>, StoreError>>()?;
        devices.retain(|device| is_virtual(&device.serial_number) && wanted(device));
        let key = |device: &MfaDevice| device.serial_number.clone();
        let page = page(devices, key, input.marker.as_deref(), input.max_items)?;
        let (is_truncated, marker) = (page.is_truncated(), page.marker);
        let mut shapes = Vec::new();
        for device in page.items {
            shapes.push(VirtualMFADevice {
                user: owner_shape(tx, device.owner.as_deref())?,
                serial_number: device.serial_number,
                enable_date: device.enabled,
                ..VirtualMFADevice::default()
            });
        }
        Ok(ListVirtualMFADevicesOutput { is_truncated, marker, virtual_mfa_devices: shapes })
    })
}

fn owner_shape(tx: &ReadTx<'_>, owner: Option<&str>) -> Result<Option<UserShape>, AwsError> {
    match owner {
        Some(owner) if owner == tx.account() => Ok(Some(crate::users::root_shape(owner))),
        Some(owner) => {
            let user = tx.index_get(&USERS, "by_id", owner)?;
            Ok(user.map(|user| user.shape(tx.account())))
        }
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_written_in_base_32() {
        // RFC 4648, section 10.
        assert_eq!(base32(b"fooba"), "MZXW6YTB");
        assert_eq!(base32(b"12345678901234567890"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(base32(&[0; SEED]).len(), 64);
    }
}
