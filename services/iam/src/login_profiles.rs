//! Login profiles: whether a user has a password, and the account's rules for passwords.

use cloudtwin_core::{Ctx, Principal};
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::ReadTx;

use crate::api::{
    self, ChangePasswordInput, ChangePasswordOutput, CreateLoginProfileInput, CreateLoginProfileOutput,
    DeleteAccountPasswordPolicyInput, DeleteAccountPasswordPolicyOutput, DeleteLoginProfileInput,
    DeleteLoginProfileOutput, GetAccountPasswordPolicyInput, GetAccountPasswordPolicyOutput,
    GetLoginProfileInput, GetLoginProfileOutput, UpdateAccountPasswordPolicyInput,
    UpdateAccountPasswordPolicyOutput, UpdateLoginProfileInput, UpdateLoginProfileOutput,
};
use crate::errors;
use crate::naming::user_name;
use crate::passwords::PasswordHash;
use crate::state::{ACCOUNT, ACCOUNTS, Entity, LoginProfile, PasswordPolicy, User, update};

fn no_profile(user: &str) -> AwsError {
    errors::no_such_entity(format!("Login Profile for User {user} cannot be found."))
}

fn shape(user: &User, profile: &LoginProfile) -> api::LoginProfile {
    api::LoginProfile {
        user_name: user.name.clone(),
        create_date: profile.created,
        password_reset_required: Some(profile.reset_required),
    }
}

/// Whether a password follows the account's rules; AWS's own ones are eight characters of at least three kinds.
fn follows(password: &str, policy: Option<&PasswordPolicy>) -> bool {
    let has = |kind: fn(&char) -> bool| password.chars().any(|character| kind(&character));
    let (upper, lower) = (has(char::is_ascii_uppercase), has(char::is_ascii_lowercase));
    let (digit, symbol) = (has(char::is_ascii_digit), has(char::is_ascii_punctuation));
    let length = password.chars().count();
    match policy {
        None => {
            let kinds = [upper, lower, digit, symbol].into_iter().filter(|kind| *kind).count();
            length >= 8 && kinds >= 3
        }
        Some(policy) => {
            usize::try_from(policy.minimum_length).is_ok_and(|minimum| length >= minimum)
                && (upper || !policy.uppercase)
                && (lower || !policy.lowercase)
                && (digit || !policy.numbers)
                && (symbol || !policy.symbols)
        }
    }
}

fn check_password(tx: &ReadTx<'_>, password: &str) -> Result<(), AwsError> {
    let account = tx.get(&ACCOUNTS, ACCOUNT)?.unwrap_or_default();
    if follows(password, account.password_policy.as_ref()) {
        return Ok(());
    }
    Err(password_violation())
}

fn password_violation() -> AwsError {
    api::errors::PASSWORD_POLICY_VIOLATION_EXCEPTION
        .with("Password does not conform to the account password policy.")
}

/// How many passwords of a user are remembered: the most that a policy can forbid to use again.
const REMEMBERED: usize = 24;

impl LoginProfile {
    fn set(&mut self, password: PasswordHash, now: Timestamp) {
        self.passwords.insert(0, password);
        self.passwords.truncate(REMEMBERED);
        self.changed = Some(now);
    }
}

pub(crate) async fn create_login_profile(
    ctx: Ctx,
    input: CreateLoginProfileInput,
) -> Result<CreateLoginProfileOutput, AwsError> {
    let name = user_name(&ctx, input.user_name)?;
    let password = input.password.ok_or_else(|| errors::validation("The password is missing"))?;
    let created = Timestamp::from_seconds(ctx.now().seconds);
    let profile = LoginProfile {
        created,
        reset_required: input.password_reset_required == Some(true),
        passwords: vec![PasswordHash::new(&ctx, &password)],
        changed: Some(created),
    };
    let login_profile = update(&ctx, &name, |user: &mut User, tx| {
        if user.login_profile.is_some() {
            let message = format!("Login Profile for user {} already exists.", user.name);
            return Err(errors::already_exists(message));
        }
        check_password(tx, &password)?;
        user.login_profile = Some(profile.clone());
        Ok(shape(user, &profile))
    })
    .await?;
    Ok(CreateLoginProfileOutput { login_profile })
}

pub(crate) async fn get_login_profile(
    ctx: Ctx,
    input: GetLoginProfileInput,
) -> Result<GetLoginProfileOutput, AwsError> {
    let name = user_name(&ctx, input.user_name)?;
    let user = ctx.db().read(|tx| User::get(tx, &name))?;
    let profile = user.login_profile.as_ref().ok_or_else(|| no_profile(&user.name))?;
    Ok(GetLoginProfileOutput { login_profile: shape(&user, profile) })
}

pub(crate) async fn update_login_profile(
    ctx: Ctx,
    input: UpdateLoginProfileInput,
) -> Result<UpdateLoginProfileOutput, AwsError> {
    let new = input.password.as_deref().map(|password| (password, PasswordHash::new(&ctx, password)));
    let now = Timestamp::from_seconds(ctx.now().seconds);
    update(&ctx, &input.user_name, |user: &mut User, tx| {
        let name = user.name.clone();
        let profile = user.login_profile.as_mut().ok_or_else(|| no_profile(&name))?;
        if let Some((password, hash)) = &new {
            check_password(tx, password)?;
            profile.set(hash.clone(), now);
        }
        if let Some(required) = input.password_reset_required {
            profile.reset_required = required;
        }
        Ok(())
    })
    .await?;
    Ok(UpdateLoginProfileOutput::default())
}

pub(crate) async fn change_password(
    ctx: Ctx,
    input: ChangePasswordInput,
) -> Result<ChangePasswordOutput, AwsError> {
    let Principal::User { name } = &ctx.caller().principal else {
        return Err(
            api::errors::INVALID_USER_TYPE_EXCEPTION.with("Only IAM Users can change their own password")
        );
    };
    let (old, new) = (input.old_password, input.new_password);
    let hash = PasswordHash::new(&ctx, &new);
    let now = Timestamp::from_seconds(ctx.now().seconds);
    // Hashing takes its time, so it is done before the transaction, which looks again whether the password is
    // still the one that was compared.
    let (user, policy) = ctx.db().read(|tx| {
        let account = tx.get(&ACCOUNTS, ACCOUNT)?.unwrap_or_default();
        Ok::<_, AwsError>((User::get(tx, name)?, account.password_policy))
    })?;
    let profile = user.login_profile.as_ref().ok_or_else(|| no_profile(&user.name))?;
    let current = profile.passwords.first();
    if !current.is_some_and(|current| current.is_of(&old)) {
        return Err(AwsError::new("AccessDenied", 403, "The old password was incorrect."));
    }
    let kept = policy.as_ref().and_then(|policy| policy.reuse_prevention).unwrap_or(1);
    let kept = usize::try_from(kept).unwrap_or(1).max(1);
    if !follows(&new, policy.as_ref()) || profile.passwords.iter().take(kept).any(|used| used.is_of(&new)) {
        return Err(password_violation());
    }
    update(&ctx, name, |user: &mut User, _| {
        let name = user.name.clone();
        let profile = user.login_profile.as_mut().ok_or_else(|| no_profile(&name))?;
        if profile.passwords.first() != current {
            return Err(api::errors::ENTITY_TEMPORARILY_UNMODIFIABLE_EXCEPTION.with(format!(
                "Login Profile for User {name} cannot be modified while login profile is being created."
            )));
        }
        profile.set(hash.clone(), now);
        profile.reset_required = false;
        Ok(())
    })
    .await?;
    Ok(ChangePasswordOutput::default())
}

pub(crate) async fn delete_login_profile(
    ctx: Ctx,
    input: DeleteLoginProfileInput,
) -> Result<DeleteLoginProfileOutput, AwsError> {
    let name = user_name(&ctx, input.user_name)?;
    update(&ctx, &name, |user: &mut User, _| {
        user.login_profile.take().map(drop).ok_or_else(|| no_profile(&user.name))
    })
    .await?;
    Ok(DeleteLoginProfileOutput::default())
}

fn no_policy(account: &str) -> AwsError {
    let message = format!("The Password Policy with domain name {account} cannot be found.");
    errors::no_such_entity(message)
}

pub(crate) async fn get_account_password_policy(
    ctx: Ctx,
    _: GetAccountPasswordPolicyInput,
) -> Result<GetAccountPasswordPolicyOutput, AwsError> {
    let account = ctx.db().read(|tx| tx.get(&ACCOUNTS, ACCOUNT))?.unwrap_or_default();
    let policy = account.password_policy.ok_or_else(|| no_policy(ctx.account()))?;
    Ok(GetAccountPasswordPolicyOutput {
        password_policy: api::PasswordPolicy {
            minimum_password_length: Some(policy.minimum_length),
            require_symbols: Some(policy.symbols),
            require_numbers: Some(policy.numbers),
            require_uppercase_characters: Some(policy.uppercase),
            require_lowercase_characters: Some(policy.lowercase),
            allow_users_to_change_password: Some(policy.users_may_change),
            expire_passwords: Some(policy.max_age.is_some()),
            max_password_age: policy.max_age,
            password_reuse_prevention: policy.reuse_prevention,
            hard_expiry: policy.hard_expiry,
        },
    })
}

pub(crate) async fn update_account_password_policy(
    ctx: Ctx,
    input: UpdateAccountPasswordPolicyInput,
) -> Result<UpdateAccountPasswordPolicyOutput, AwsError> {
    // Whatever is left out goes back to AWS's default.
    let policy = PasswordPolicy {
        minimum_length: input.minimum_password_length.unwrap_or(6),
        symbols: input.require_symbols == Some(true),
        numbers: input.require_numbers == Some(true),
        uppercase: input.require_uppercase_characters == Some(true),
        lowercase: input.require_lowercase_characters == Some(true),
        users_may_change: input.allow_users_to_change_password == Some(true),
        max_age: input.max_password_age.filter(|days| *days > 0),
        reuse_prevention: input.password_reuse_prevention,
        hard_expiry: input.hard_expiry,
    };
    ctx.db()
        .write(|tx| {
            let mut account = tx.get(&ACCOUNTS, ACCOUNT)?.unwrap_or_default();
            account.password_policy = Some(policy.clone());
            Ok::<_, AwsError>(tx.put(&ACCOUNTS, ACCOUNT, &account)?)
        })
        .await?;
    Ok(UpdateAccountPasswordPolicyOutput::default())
}

pub(crate) async fn delete_account_password_policy(
    ctx: Ctx,
    _: DeleteAccountPasswordPolicyInput,
) -> Result<DeleteAccountPasswordPolicyOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut account = tx.get(&ACCOUNTS, ACCOUNT)?.unwrap_or_default();
            account.password_policy.take().ok_or_else(|| no_policy(tx.account()))?;
            Ok::<_, AwsError>(tx.put(&ACCOUNTS, ACCOUNT, &account)?)
        })
        .await?;
    Ok(DeleteAccountPasswordPolicyOutput::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_follow_the_account() {
        assert!(follows("Passw0rd", None));
        assert!(!follows("password", None));
        assert!(!follows("Pa0!", None));
        let strict = PasswordPolicy {
            minimum_length: 10,
            symbols: true,
            numbers: false,
            uppercase: false,
            lowercase: true,
            users_may_change: false,
            max_age: None,
            reuse_prevention: None,
            hard_expiry: None,
        };
        assert!(follows("passwords!", Some(&strict)));
        assert!(!follows("Passw0rds12", Some(&strict)));
    }
}
