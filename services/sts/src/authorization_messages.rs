//! `DecodeAuthorizationMessage`.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::api::errors::INVALID_AUTHORIZATION_MESSAGE_EXCEPTION;
use crate::api::{DecodeAuthorizationMessageInput, DecodeAuthorizationMessageOutput};

pub(crate) async fn decode_authorization_message(
    ctx: Ctx,
    input: DecodeAuthorizationMessageInput,
) -> Result<DecodeAuthorizationMessageOutput, AwsError> {
    let decoded = ctx.cloud().decode_authorization_message(ctx.account(), &input.encoded_message)?;
    let decoded =
        decoded.ok_or_else(|| INVALID_AUTHORIZATION_MESSAGE_EXCEPTION.with("Message is not valid"))?;
    Ok(DecodeAuthorizationMessageOutput { decoded_message: Some(decoded) })
}
