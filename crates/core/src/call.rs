//! Calls from one service to another: they enter the pipeline after authentication.

use std::marker::PhantomData;

use cloudtwin_smithy::codec::document::{DocumentReader, to_document_and_stream};
use cloudtwin_smithy::shape::{AnyShape, Operation, ReadShape};
use cloudtwin_smithy::{AwsError, Document, StreamError};

use crate::Ctx;
use crate::body::{self, CollectError};
use crate::caller::Caller;
use crate::effects::{EffectRow, Target};

/// A call that is being made ready. By default the caller's identity is forwarded.
pub struct Call<O: Operation> {
    ctx: Ctx,
    input: O::Input,
    caller: Caller,
    region: String,
    forwarded: bool,
    trusted: bool,
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
            forwarded: true,
            trusted: false,
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
        self.forwarded = false;
        self
    }

    /// Calls as `caller`: a session that was begun for this call, or a service on behalf of another
    /// account's resource.
    #[must_use]
    pub fn as_caller(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self.forwarded = false;
        self
    }

    /// Calls without permissions: for what one service asks another one within itself, where AWS
    /// makes no API call that a policy could be about.
    #[must_use]
    pub fn trusted(mut self) -> Self {
        self.trusted = true;
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
        let Self { ctx, input, caller, region, forwarded, trusted, .. } = self;
        let schema = O::schema();
        let input = whole_document(&input, &ctx).await?;
        let called_via = if forwarded { ctx.forwarding_services() } else { Vec::new() };
        let output = Internal {
            service: schema.service.name,
            operation: schema.name,
            input: &input,
            caller,
            region: &region,
            depth: ctx.request().depth + 1,
            base_url: &ctx.request().base_url,
            called_via,
            trusted,
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
    /// The services that forwarded the call of `caller`.
    pub(crate) called_via: Vec<String>,
    /// No permission is needed.
    pub(crate) trusted: bool,
}

impl crate::Cloud {
    /// Runs a task of a service now, and what it emits: for front doors, which are no calls.
    ///
    /// # Errors
    /// What the task answers, and `InternalFailure` if there is no such task.
    pub async fn start_task(
        &self,
        service: &str,
        task: &str,
        payload: Document,
        caller: Caller,
        region: &str,
    ) -> Result<(), AwsError> {
        let row = EffectRow {
            service: service.to_owned(),
            target: Target::Task { task: task.to_owned(), payload: Document::Null },
            caller,
            region: region.to_owned(),
            depth: 0,
            attempts: 0,
            base_url: String::new(),
        };
        self.run_task(&row, task, &payload).await
    }

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
                    called_via: Vec::new(),
                    trusted: false,
                };
                self.invoke(call).await.map(drop)
            }
            Target::Task { task, payload } => self.run_task(row, task, payload).await,
        }
    }
}

/// An input or output as a document, for calls without types: with its streamed payload, which is
/// read into memory, and may be as long as the body of a request that is not streamed.
pub(crate) async fn whole_document(shape: &dyn AnyShape, ctx: &Ctx) -> Result<Document, AwsError> {
    let (mut document, stream) = to_document_and_stream(shape).map_err(|error| ctx.internal_error(&error))?;
    if let (Some((member, stream)), Document::Map(members)) = (stream, &mut document) {
        if member.target.event_stream {
            let message = format!(
                "`{}` is a stream of events, which a call between services cannot carry.",
                member.name
            );
            return Err(AwsError::new("InvalidRequest", 400, message));
        }
        let limit = ctx.cloud().config().max_body;
        let bytes = body::collect(stream, limit).await.map_err(|error| match error {
            CollectError::Stream(StreamError::Aws(error)) => error,
            CollectError::Stream(StreamError::Io(error)) => ctx.internal_error(&error),
            CollectError::TooLarge => {
                let message = format!(
                    "`{}` is longer than the {limit} bytes that a call between services can carry.",
                    member.name
                );
                AwsError::new("RequestEntityTooLargeException", 413, message)
            }
        })?;
        members.insert(member.name.to_owned(), Document::Blob(bytes));
    }
    Ok(document)
}
