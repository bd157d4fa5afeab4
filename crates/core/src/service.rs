//! A service: the index of its operations, and its peculiarities as data.

use std::collections::HashMap;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use cloudtwin_smithy::route::Router;
use cloudtwin_smithy::schema::{Discriminator, OperationEntry, OperationSchema, ServiceSchema};
use cloudtwin_smithy::shape::{AnyShape, Operation, ReadShape, ShapeDeserializer};
use cloudtwin_smithy::validate::Violations;
use cloudtwin_smithy::{AwsError, CodecError, Document, Shape};

use crate::Ctx;
use crate::authorize::{self, Access, CallFacts, Identities, OrganizationMembers, Resources, StoredNames};
use crate::cloud::Cloud;
use crate::cross_origin::CrossOriginRules;
use crate::front_door::FrontDoor;

/// A handler's answer, boxed.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Box<dyn AnyShape>, AwsError>> + Send>>;

/// An operation whose types are no longer known.
pub(crate) trait AnyOperation: Send + Sync {
    fn schema(&self) -> &'static OperationSchema;
    fn read(&self, from: &mut dyn ShapeDeserializer) -> Result<Box<dyn AnyShape>, CodecError>;
    fn run(&self, ctx: Ctx, input: Box<dyn AnyShape>) -> Answer;
}

struct Typed<O, F>(F, PhantomData<fn() -> O>);

impl<O, F, Fut> AnyOperation for Typed<O, F>
where
    O: Operation,
    F: Fn(Ctx, O::Input) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O::Output, AwsError>> + Send + 'static,
{
    fn schema(&self) -> &'static OperationSchema {
        O::schema()
    }

    fn read(&self, from: &mut dyn ShapeDeserializer) -> Result<Box<dyn AnyShape>, CodecError> {
        Ok(Box::new(O::Input::read_shape(from)?))
    }

    fn run(&self, ctx: Ctx, input: Box<dyn AnyShape>) -> Answer {
        match input.into_any().downcast::<O::Input>() {
            Ok(input) => {
                // Large handlers make large futures, so this one is moved only once.
                let answer = Box::pin((self.0)(ctx, *input));
                Box::pin(async move { answer.await.map(|output| Box::new(output) as Box<dyn AnyShape>) })
            }
            Err(_) => {
                let error = ctx.internal_error(&"an operation was given another operation's input");
                Box::pin(std::future::ready(Err(error)))
            }
        }
    }
}

type TaskRun =
    dyn Fn(Ctx, Document) -> Pin<Box<dyn Future<Output = Result<(), AwsError>> + Send>> + Send + Sync;

pub(crate) type Background = dyn Fn(Cloud) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// How a service words the refusal of an input that breaks its schema.
#[derive(Clone, Copy)]
pub enum ValidationStyle {
    /// `ValidationException` with AWS's common message (`1 validation error detected: …`).
    ValidationException,
    /// The same message under the code `ValidationError` (query protocol services).
    ValidationError,
    /// The service's own words, or `None` to let the call through to its handler, which knows
    /// better than the model.
    Custom(fn(&'static OperationSchema, &Violations) -> Option<AwsError>),
}

/// An operation of the model, whether it is served or not.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    /// Query parameters and headers that tell it from another operation with the same path.
    pub(crate) discriminators: &'static [Discriminator],
    pub(crate) served: Option<Arc<dyn AnyOperation>>,
}

/// A service and what it serves.
pub struct Service {
    pub(crate) schema: &'static ServiceSchema,
    pub(crate) operations: HashMap<&'static str, Known>,
    pub(crate) router: Router<&'static str>,
    pub(crate) validation: ValidationStyle,
    pub(crate) front_doors: Vec<Arc<dyn FrontDoor>>,
    pub(crate) cross_origin: Option<Box<dyn CrossOriginRules>>,
    pub(crate) tasks: HashMap<&'static str, Box<TaskRun>>,
    pub(crate) background: Vec<Box<Background>>,
    pub(crate) stored_names: Option<Box<dyn StoredNames>>,
    pub(crate) identities: Option<Arc<dyn Identities>>,
    pub(crate) organizations: Option<Arc<dyn OrganizationMembers>>,
    pub(crate) resources: Option<Arc<dyn Resources>>,
}

impl Service {
    /// A service of `schema` whose model has the operations `index`; none of them is served yet.
    pub fn new(schema: &'static ServiceSchema, index: &'static [OperationEntry]) -> Self {
        let mut router = Router::default();
        let mut operations = HashMap::with_capacity(index.len());
        for &OperationEntry { name, method, uri, discriminators } in index {
            if let Err(error) = router.add(method, uri, name) {
                tracing::error!(
                    service = schema.name,
                    operation = name,
                    ?error,
                    "bad URI pattern in the model"
                );
            }
            operations.insert(name, Known { name, discriminators, served: None });
        }
        Self {
            schema,
            operations,
            router,
            validation: ValidationStyle::ValidationException,
            front_doors: Vec::new(),
            cross_origin: None,
            tasks: HashMap::new(),
            background: Vec::new(),
            stored_names: None,
            identities: None,
            organizations: None,
            resources: None,
        }
    }

    /// Serves an operation with `handler`.
    #[must_use]
    pub fn op<O, F, Fut>(mut self, _: O, handler: F) -> Self
    where
        O: Operation,
        F: Fn(Ctx, O::Input) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O::Output, AwsError>> + Send + 'static,
    {
        let name = O::schema().name;
        let operation: Arc<dyn AnyOperation> = Arc::new(Typed::<O, F>(handler, PhantomData));
        match self.operations.get_mut(name) {
            Some(known) => known.served = Some(operation),
            None => tracing::error!(operation = name, "an operation is not in its service's model"),
        }
        self
    }

    /// Words refusals by the schema in this style; [`ValidationStyle::ValidationException`]
    /// otherwise.
    #[must_use]
    pub fn validation(mut self, style: ValidationStyle) -> Self {
        self.validation = style;
        self
    }

    /// Adds a front door: requests that are no AWS API calls, such as `/_aws/sqs/messages`.
    #[must_use]
    pub fn front_door(mut self, door: impl FrontDoor + 'static) -> Self {
        self.front_doors.push(Arc::new(door));
        self
    }

    /// Lets the service decide what web pages may do with it, instead of the server.
    #[must_use]
    pub fn cross_origin(mut self, rules: impl CrossOriginRules + 'static) -> Self {
        self.cross_origin = Some(Box::new(rules));
        self
    }

    /// Adds a task that effects of this service can ask for, at once or at some time (see
    /// [`crate::effects`]).
    #[must_use]
    pub fn task<F, Fut>(mut self, name: &'static str, run: F) -> Self
    where
        F: Fn(Ctx, Document) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), AwsError>> + Send + 'static,
    {
        self.tasks.insert(name, Box::new(move |ctx, payload| Box::pin(run(ctx, payload))));
        self
    }

    /// Runs something for as long as the cloud lives, from its start: pollers, and what was left from before.
    /// It is dropped where it waits when the cloud stops.
    #[must_use]
    pub fn background<F, Fut>(mut self, run: F) -> Self
    where
        F: Fn(Cloud) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.background.push(Box::new(move |cloud| Box::pin(run(cloud))));
        self
    }

    /// Answers for the policies of callers. One service of a cloud does: IAM.
    #[must_use]
    pub fn identities(mut self, identities: impl Identities + 'static) -> Self {
        self.identities = Some(Arc::new(identities));
        self
    }

    /// Answers for the policies of organizations. One service of a cloud does.
    #[must_use]
    pub fn organization_members(mut self, organizations: impl OrganizationMembers + 'static) -> Self {
        self.organizations = Some(Arc::new(organizations));
        self
    }

    /// Answers for the resources of this service: their owners, policies and tags.
    #[must_use]
    pub fn resources(mut self, resources: impl Resources + 'static) -> Self {
        self.resources = Some(Arc::new(resources));
        self
    }

    /// Answers for what permissions need from stored state, such as the path of a user.
    #[must_use]
    pub fn stored_names(mut self, names: impl StoredNames + 'static) -> Self {
        self.stored_names = Some(Box::new(names));
        self
    }

    /// The permissions that a call of `operation` requires; see [`crate::authorize::required`].
    pub fn required(
        &self,
        cloud: &Cloud,
        operation: &'static OperationSchema,
        input: &dyn Shape,
        call: &CallFacts<'_>,
    ) -> Vec<Access> {
        let stored =
            |wanted: &str, value: &str| self.stored_names.as_ref()?.stored_name(cloud, call, wanted, value);
        authorize::required(operation.authorization, input, call, &stored)
    }

    /// botocore's name of the service.
    pub fn name(&self) -> &'static str {
        self.schema.name
    }

    /// How many operations are served, and how many the model has.
    pub fn coverage(&self) -> (usize, usize) {
        (self.operations.values().filter(|known| known.served.is_some()).count(), self.operations.len())
    }
}
