//! Calls from one service to another: they enter the pipeline after authentication.

use std::marker::PhantomData;

use cloudtwin_smithy::codec::document::{DocumentReader, to_document};
use cloudtwin_smithy::shape::{Operation, ReadShape};
use cloudtwin_smithy::{AwsError, Document, Shape};

use crate::Ctx;
use crate::caller::Caller;
use crate::effects::{EffectRow, Target};

/// A call that is being made ready. By default the caller's identity is forwarded.
pub struct Call<O: Operation> {
    ctx: Ctx,
    input: O::Input,
    caller: Caller,
    region: String,
    operation: PhantomData<fn() -> O>,
}

impl Ctx {
    /// Prepares a call of another service's operation `O` (one of this crate's own client types).
    pub fn call<O: Operation>(&self, _: O, input: O::Input) -> Call<O> {
        Call {
            ctx: self.clone(),
            input,
            caller: self.caller().clone(),
            region: self.region().to_owned(),
            operation: PhantomData,
        }
    }
}

impl<O> Call<O>
where
    O: Operation,
    O::Output: ReadShape,
{
    /// Calls as the service `name` on behalf of `source_arn`.
    #[must_use]
    pub fn as_service(mut self, name: &str, source_arn: &str) -> Self {
        self.caller = Caller::service(name, source_arn, self.ctx.account());
        self
    }

    /// Calls in another account: its resources are meant, and the caller counts as one of it.
    #[must_use]
    pub fn in_account(mut self, account: &str) -> Self {
        account.clone_into(&mut self.caller.account);
        self
    }

    /// Calls in another region.
    #[must_use]
    pub fn in_region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// Makes the call.
    ///
    /// # Errors
    /// What the other service answers.
    pub async fn send(self) -> Result<O::Output, AwsError> {
        let Self { ctx, input, caller, region, .. } = self;
        let schema = O::schema();
        let input = to_document(&input).map_err(|error| ctx.internal_error(&error))?;
        let output = Internal {
            service: schema.service.name,
            operation: schema.name,
            input: &input,
            caller,
            region: &region,
            depth: ctx.request().depth + 1,
            base_url: &ctx.request().base_url,
        };
        let output = Box::pin(ctx.cloud().invoke(output)).await?;
        let mut report = cloudtwin_smithy::DecodeReport::default();
        O::Output::read_shape(&mut DocumentReader::new(&output, &mut report))
            .map_err(|error| ctx.internal_error(&error))
    }
}

/// A call without types.
pub(crate) struct Internal<'a> {
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) input: &'a Document,
    pub(crate) caller: Caller,
    pub(crate) region: &'a str,
    pub(crate) depth: u32,
    pub(crate) base_url: &'a str,
}

impl crate::Cloud {
    /// Runs an effect's target.
    pub(crate) async fn run_effect(&self, row: &EffectRow) -> Result<(), AwsError> {
        match &row.target {
            Target::Call { operation, input } => {
                let call = Internal {
                    service: &row.service,
                    operation,
                    input,
                    caller: row.caller.clone(),
                    region: &row.region,
                    depth: row.depth,
                    base_url: &row.base_url,
                };
                self.invoke(call).await.map(drop)
            }
            Target::Task { task, payload } => self.run_task(row, task, payload).await,
        }
    }
}

/// An output as a document, for callers without types.
pub(crate) fn output_document(output: &dyn Shape, ctx: &Ctx) -> Result<Document, AwsError> {
    to_document(output).map_err(|error| ctx.internal_error(&error))
}
