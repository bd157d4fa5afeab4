//! What an operation requires of its caller: data that the generator writes from
//! `models/authz/<service>.json`, and that the pipeline turns into (action, resource) pairs.
//!
//! The format is described in `models/README.md`. Templates are parsed when the code is generated,
//! and every member that they refer to gets a *slot*: reading an input fills the slots in one walk
//! over the members that count ([`Authorization::inputs`]), and everything else is looked up by
//! number.

/// The permissions that an operation requires.
#[derive(Debug)]
pub struct Authorization {
    /// Each permission; all of them are required.
    pub required: &'static [Requirement],
    /// No permission is required at all (`sts:GetCallerIdentity`).
    pub permissionless: bool,
    /// The caller has no identity policies: the resource's policy alone decides
    /// (`sts:AssumeRoleWithWebIdentity`).
    pub resource_policy_only: bool,
    /// The list whose elements are decided one by one (`Delete.Objects`): one that is denied is an
    /// error entry in the answer, and the others go on.
    pub each: Option<&'static str>,
    /// The operation asks itself, once it knows the resource; says why.
    pub deferred: Option<&'static str>,
    /// The members of the input that are referred to.
    pub inputs: &'static [Input],
    /// How many slots they fill.
    pub slots: usize,
    /// How many lists are read element by element.
    pub lists: usize,
}

impl Authorization {
    /// Requires nothing; for operations outside of IAM, such as those of conformance tests.
    pub const NONE: Self = Self { permissionless: true, ..Self::EMPTY };

    /// Nothing said yet; for use with `..`.
    pub const EMPTY: Self = Self {
        required: &[],
        permissionless: false,
        resource_policy_only: false,
        each: None,
        deferred: None,
        inputs: &[],
        slots: 0,
        lists: 0,
    };
}

/// One permission, for some inputs.
#[derive(Debug)]
pub struct Requirement {
    /// The IAM action (`s3:GetObject`).
    pub action: &'static str,
    /// What the action is done to.
    pub resources: &'static [Template],
    /// When it is required: one of these alternatives holds, each with all of its conditions.
    /// Always, if empty.
    pub when: &'static [&'static [When]],
    /// The condition keys that the input fills.
    pub keys: &'static [Key],
    /// An extra permission for something else that the call does (tagging, passing a role).
    pub dependent: bool,
    /// Number of the list for whose elements it is required one by one.
    pub each: Option<usize>,
}

impl Requirement {
    /// `action` on `resources`, always; for use with `..`.
    pub const fn of(action: &'static str, resources: &'static [Template]) -> Self {
        Self { action, resources, when: &[], keys: &[], dependent: false, each: None }
    }
}

/// Text with gaps.
pub type Template = &'static [Segment];

/// A part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// The text itself.
    Text(&'static str),
    /// A fact of the call.
    Call(CallFact),
    /// A value of the input.
    Input(Reference),
}

/// What a template may say of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFact {
    /// `aws`.
    Partition,
    /// The region of the call.
    Region,
    /// The account whose resources are meant.
    Account,
    /// Name and path of the IAM user that calls.
    Caller,
}

/// A value of the input, and what is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Number of the slot.
    pub slot: usize,
    /// What is made of the value.
    pub transform: Transform,
}

/// What is made of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// The value as it is.
    Plain,
    /// The last segment of a queue URL.
    QueueName,
    /// The last segment but one of a queue URL.
    QueueAccount,
    /// The queue ARN inside a message move task handle.
    MoveTaskSource,
    /// `bucket/key` of a copy source: decoded, without leading slash and version.
    CopySource,
    /// The version id of a copy source.
    CopySourceVersion,
    /// The tags of a URL query (`x-amz-tagging`).
    QueryTags,
    /// The keys of a tag list or map.
    Keys,
    /// The value, if it is `true`.
    True,
    /// `true` where a code of an MFA device is sent along (`aws:MultiFactorAuthPresent`).
    MfaPresent,
    /// `0` where a code of an MFA device is sent along (`aws:MultiFactorAuthAge`): it is proved now.
    MfaAge,
    /// An IAM path; `/` if absent.
    Path,
    /// A URL without `https://`.
    WithoutScheme,
    /// The account of an account id or ARN.
    AccountOf,
    /// The call's account, if absent.
    OrAccount,
    /// `default`, if absent; an ARN stands for the whole template.
    OrDefault,
    /// Name and slash of an event bus, given by name or ARN; nothing for the default bus.
    RuleBus,
    /// Encoded as a segment of a URL's path.
    UrlEncoded,
    /// An ARN stands for the whole template; any other value for itself.
    OrArn,
    /// Without a leading slash; an ARN stands for the whole template.
    Relative,
    /// Name of a function (with its qualifier), given by name, partial or full ARN.
    FunctionName,
    /// Account of a function; the call's, unless an ARN or partial ARN names another.
    FunctionAccount,
    /// An ARN without what follows its last colon: a subscription's topic.
    WithoutLastPart,
    /// A thing's full name (with the path of an entity, or what a service added to the name): the
    /// given name, if there is no such thing. An ARN stands for the whole template.
    FullName {
        /// The member that names it (`RoleName`), which tells its kind.
        of: &'static str,
        /// Whether the calling user is meant if the member is absent.
        or_caller: bool,
    },
    /// What the service knows of the value from its stored state, under this name.
    Stored(&'static str),
}

/// A condition on the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The value is there; an empty list or map is not.
    Present(Reference),
    /// The value is not there.
    Absent(Reference),
    /// The value is this text.
    Is(Reference, &'static str),
}

/// A condition key that the input fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key, or what stands before the tag's key (`aws:RequestTag/`).
    pub name: &'static str,
    /// Whether there is one key a tag.
    pub tagged: bool,
    /// Its value.
    pub value: Template,
}

/// A member that is referred to, or on the way to one.
#[derive(Debug)]
pub struct Input {
    /// The member's name in the model; empty for the elements of a list themselves.
    pub name: &'static str,
    /// Number of the slot that it fills.
    pub slot: Option<usize>,
    /// Only whether it is set counts, so that the value need not be copied.
    pub presence: bool,
    /// Its number, if it is a list that is read element by element.
    pub list: Option<usize>,
    /// Members of its structure, or of the list's elements.
    pub inside: &'static [Input],
}

impl Input {
    /// The member `name`; for use with `..`.
    pub const fn of(name: &'static str) -> Self {
        Self { name, slot: None, presence: false, list: None, inside: &[] }
    }
}
