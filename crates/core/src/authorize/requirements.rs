//! What a call requires: the operation's [`Authorization`] applied to its input.

use std::borrow::Cow;

use cloudtwin_policy::KeyValue;
use cloudtwin_smithy::Shape;
use cloudtwin_smithy::authorization::{
    Authorization, CallFact, Key, Reference, Requirement, Segment, Template, Transform, When,
};

use super::referenced::{Referenced, Value};
use super::transforms::{self, Piece, Stored};
use crate::caller::{Caller, Principal};
use crate::cloud::Cloud;

/// One permission that a call requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The IAM action (`s3:GetObject`).
    pub action: Cow<'static, str>,
    /// ARN of what it is done to; `*` for an action without resource types, and where the input
    /// does not tell the resource.
    pub resource: String,
    /// The condition keys that the input fills.
    pub keys: Vec<(String, KeyValue)>,
    /// An extra permission for something else that the call does (tagging, passing a role).
    pub dependent: bool,
    /// The element of the operation's `each` list that it is required for, counted from 0.
    pub element: Option<usize>,
}

impl Access {
    /// `action` on `resource`, without condition keys.
    pub fn new(action: impl Into<Cow<'static, str>>, resource: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            keys: Vec::new(),
            dependent: false,
            element: None,
        }
    }

    /// With one more condition key.
    #[must_use]
    pub fn key(mut self, name: impl Into<String>, value: impl Into<KeyValue>) -> Self {
        self.keys.push((name.into(), value.into()));
        self
    }
}

/// What templates may say of a call.
#[derive(Clone, Copy, Debug)]
pub struct CallFacts<'a> {
    /// `aws`.
    pub partition: &'a str,
    /// The region of the call.
    pub region: &'a str,
    /// The account whose resources are meant.
    pub account: &'a str,
    /// Path and name of the calling IAM user, without the leading slash; `None` for other callers.
    pub caller: Option<&'a str>,
}

impl<'a> CallFacts<'a> {
    /// The facts of a call in `region` by `caller`.
    pub fn of(caller: &'a Caller, region: &'a str) -> Self {
        let user = match caller.principal {
            Principal::User { .. } => caller.arn.split_once(":user/").map(|(_, name)| name),
            _ => None,
        };
        Self { partition: "aws", region, account: &caller.account, caller: user }
    }
}

/// What a service knows of names in its inputs, so that resources have their full ARNs before the
/// operation runs.
pub trait StoredNames: Send + Sync {
    /// What stands for `value` where `models/README.md` says that stored state decides:
    ///
    /// * `with_path`: `wanted` is the member that names the entity (`UserName`, `RoleName` …), the
    ///   answer its stored path and name, without the leading slash;
    /// * other transforms: `wanted` is the transform (`access_key_user` …).
    ///
    /// `None` if there is no such thing, or the store cannot be read: the resource is then named by
    /// what the input says, or `*`.
    fn stored_name(&self, cloud: &Cloud, call: &CallFacts<'_>, wanted: &str, value: &str) -> Option<String>;
}

/// The permissions that a call requires: every requirement whose condition holds, on each of its
/// resources, and for each element where one refers to the elements of a list. In the order of the
/// data: the operation's own action first.
///
/// `stored` answers for [`StoredNames`]. A resource that cannot be built, because a member is missing or
/// empty, is `*`: only a policy for all resources allows it.
///
/// Whether the answer is everything (not [`Authorization::deferred`]) or decided by element
/// ([`Authorization::each`]) is for the caller to see.
pub fn required(
    authorization: &'static Authorization,
    input: &dyn Shape,
    call: &CallFacts<'_>,
    stored: &dyn Fn(&str, &str) -> Option<String>,
) -> Vec<Access> {
    let found = Referenced::read(authorization, input);
    let by_element = authorization.each.is_some();
    let resolver = Resolver { found, call, stored, by_element };
    let mut all = Vec::with_capacity(authorization.required.len());
    for requirement in authorization.required {
        match requirement.each {
            None => resolver.require(requirement, None, &mut all),
            Some(list) => {
                for element in 0..resolver.found.len(list) {
                    resolver.require(requirement, Some(element), &mut all);
                }
            }
        }
    }
    all
}

/// How many of the latest permissions a new one is compared with.
const COMPARED: usize = 32;

struct Resolver<'a> {
    found: Referenced,
    call: &'a CallFacts<'a>,
    stored: &'a Stored<'a>,
    /// Whether elements are decided one by one.
    by_element: bool,
}

/// What a reference leads to.
enum Resolved<'a> {
    Absent,
    One(Piece<'a>),
    Many(Vec<Piece<'a>>),
    Pairs(Cow<'a, [(String, String)]>),
}

impl Resolver<'_> {
    fn require(&self, requirement: &'static Requirement, element: Option<usize>, all: &mut Vec<Access>) {
        let holds = |alternative: &&[When]| alternative.iter().all(|when| self.holds(*when, element));
        if !requirement.when.is_empty() && !requirement.when.iter().any(holds) {
            return;
        }
        let mut keys = Vec::new();
        for key in requirement.keys {
            self.key(key, element, &mut keys);
        }
        let mut resources = Vec::with_capacity(requirement.resources.len());
        for template in requirement.resources {
            self.resources(template, element, &mut resources);
        }
        let element = element.filter(|_| self.by_element);
        let last = resources.len().saturating_sub(1);
        for (index, resource) in resources.into_iter().enumerate() {
            // Elements of a batch often ask for the same; only some are compared, so that a large
            // batch takes linear time.
            let repeated = all.iter().rev().take(COMPARED).any(|known| {
                known.action == requirement.action
                    && known.resource == resource
                    && known.element == element
                    && known.keys == keys
            });
            if repeated {
                continue;
            }
            all.push(Access {
                action: Cow::Borrowed(requirement.action),
                resource,
                keys: if index == last { std::mem::take(&mut keys) } else { keys.clone() },
                dependent: requirement.dependent,
                element,
            });
        }
    }

    fn holds(&self, when: When, element: Option<usize>) -> bool {
        match when {
            When::Present(reference) => self.is_present(reference, element),
            When::Absent(reference) => !self.is_present(reference, element),
            When::Is(reference, text) => {
                matches!(self.resolve(reference, element), Resolved::One(Piece::Part(found)) if found == text)
            }
        }
    }

    fn is_present(&self, reference: Reference, element: Option<usize>) -> bool {
        match self.found.value(reference.slot, element) {
            None => false,
            Some(_) if reference.transform == Transform::Plain => true,
            Some(_) => !matches!(self.resolve(reference, element), Resolved::Absent),
        }
    }

    fn resolve(&self, reference: Reference, element: Option<usize>) -> Resolved<'_> {
        let Reference { slot, transform } = reference;
        let piece = |text| transforms::of_text(transform, text, self.call, self.stored);
        match self.found.value(slot, element) {
            Some(Value::Text(text)) if transform == Transform::QueryTags => {
                let pairs = transforms::query_tags(text);
                if pairs.is_empty() { Resolved::Absent } else { Resolved::Pairs(Cow::Owned(pairs)) }
            }
            Some(Value::Text(text)) if !text.is_empty() => {
                piece(text).map_or(Resolved::Absent, Resolved::One)
            }
            Some(Value::Texts(texts)) => {
                Resolved::Many(texts.iter().filter_map(|text| piece(text)).collect())
            }
            Some(Value::Pairs(pairs)) if matches!(transform, Transform::Plain | Transform::Keys) => {
                Resolved::Pairs(Cow::Borrowed(pairs))
            }
            Some(Value::Pairs(pairs)) => {
                Resolved::Many(pairs.iter().filter_map(|(key, _)| piece(key)).collect())
            }
            Some(Value::Set) => Resolved::Absent,
            Some(Value::Text(_)) | None => transforms::of_absent(transform, self.call)
                .map_or(Resolved::Absent, |text| Resolved::One(Piece::Part(text))),
        }
    }

    fn call_fact(&self, fact: CallFact) -> Option<&str> {
        match fact {
            CallFact::Partition => Some(self.call.partition),
            CallFact::Region => Some(self.call.region),
            CallFact::Account => Some(self.call.account),
            CallFact::Caller => self.call.caller,
        }
    }

    /// Adds the resources that a template names: one, or one for each value of a list in it.
    fn resources(&self, template: Template, element: Option<usize>, resources: &mut Vec<String>) {
        let mut texts = vec![String::with_capacity(112)];
        // ARNs that stand for the whole template.
        let mut whole: Vec<String> = Vec::new();
        for segment in template {
            let found = match segment {
                Segment::Text(text) => Resolved::One(Piece::Part(Cow::Borrowed(*text))),
                Segment::Call(fact) => self
                    .call_fact(*fact)
                    .map_or(Resolved::Absent, |text| Resolved::One(Piece::Part(Cow::Borrowed(text)))),
                Segment::Input(reference) => self.resolve(*reference, element),
            };
            match found {
                Resolved::One(Piece::Part(text)) => texts.iter_mut().for_each(|one| one.push_str(&text)),
                Resolved::One(Piece::Whole(arn)) => {
                    whole.push(arn.to_owned());
                    texts.clear();
                }
                Resolved::Many(pieces) => {
                    let mut grown = Vec::with_capacity(texts.len() * pieces.len());
                    for piece in &pieces {
                        match piece {
                            Piece::Part(text) => grown.extend(texts.iter().map(|one| format!("{one}{text}"))),
                            Piece::Whole(arn) => whole.push((*arn).to_owned()),
                        }
                    }
                    texts = grown;
                }
                Resolved::Pairs(pairs) => {
                    let mut grown = Vec::with_capacity(texts.len() * pairs.len());
                    for (key, _) in pairs.iter() {
                        grown.extend(texts.iter().map(|one| format!("{one}{key}")));
                    }
                    texts = grown;
                }
                Resolved::Absent => {
                    texts.clear();
                    break;
                }
            }
            if texts.is_empty() {
                break;
            }
        }
        if texts.is_empty() && whole.is_empty() {
            whole.push("*".to_owned());
        }
        resources.append(&mut texts);
        resources.append(&mut whole);
    }

    fn key(&self, key: &Key, element: Option<usize>, keys: &mut Vec<(String, KeyValue)>) {
        let [Segment::Input(reference)] = key.value else {
            // Literal text, or text around members: one value.
            let mut text = Vec::new();
            self.resources(key.value, element, &mut text);
            if let [text] = text.as_slice()
                && text != "*"
            {
                keys.push((key.name.to_owned(), KeyValue::from(text.clone())));
            }
            return;
        };
        if element.is_none() && self.found.value(reference.slot, None).is_none() {
            self.key_of_elements(key, *reference, keys);
            return;
        }
        match self.resolve(*reference, element) {
            Resolved::Absent => {}
            Resolved::One(piece) => keys.push((key.name.to_owned(), KeyValue::from(plain(piece)))),
            Resolved::Many(pieces) if pieces.is_empty() => {}
            Resolved::Many(pieces) => {
                keys.push((key.name.to_owned(), KeyValue::Many(pieces.into_iter().map(plain).collect())));
            }
            Resolved::Pairs(pairs) => add_pairs(key, &pairs, keys),
        }
    }

    /// A key that has the values of all elements of a list.
    fn key_of_elements(&self, key: &Key, reference: Reference, keys: &mut Vec<(String, KeyValue)>) {
        let mut texts = Vec::new();
        let mut tags: Vec<(String, String)> = Vec::new();
        for value in self.found.values(reference.slot) {
            match value {
                Value::Text(text) => {
                    let piece = transforms::of_text(reference.transform, text, self.call, self.stored);
                    texts.extend(piece.map(plain));
                }
                Value::Texts(more) => texts.extend_from_slice(more),
                Value::Pairs(pairs) => tags.extend_from_slice(pairs),
                Value::Set => {}
            }
        }
        if !tags.is_empty() {
            add_pairs(key, &tags, keys);
        } else if !texts.is_empty() {
            keys.push((key.name.to_owned(), KeyValue::Many(texts)));
        } else if let Some(text) = transforms::of_absent(reference.transform, self.call) {
            keys.push((key.name.to_owned(), KeyValue::from(text.into_owned())));
        }
    }
}

fn plain(piece: Piece<'_>) -> String {
    match piece {
        Piece::Part(text) => text.into_owned(),
        Piece::Whole(text) => text.to_owned(),
    }
}

/// One key a tag, or all the tags' keys.
fn add_pairs(key: &Key, pairs: &[(String, String)], keys: &mut Vec<(String, KeyValue)>) {
    if key.tagged {
        keys.extend(
            pairs.iter().map(|(tag, value)| (format!("{}{tag}", key.name), KeyValue::from(value.clone()))),
        );
    } else {
        let tags = pairs.iter().map(|(tag, _)| tag.clone()).collect();
        keys.push((key.name.to_owned(), KeyValue::Many(tags)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudtwin_smithy::authorization::Input;
    use cloudtwin_smithy::document::DocumentShape;
    use cloudtwin_smithy::schema::{Member, Schema};
    use cloudtwin_smithy::{Document, ShapeType};
    use proptest::prelude::*;

    static TEXT: Schema = Schema::of("Text", ShapeType::String);
    static TAGS: Schema = Schema {
        members: &[Member::of("key", 0, &TEXT), Member::of("value", 1, &TEXT)],
        ..Schema::of("Tags", ShapeType::Map)
    };
    static NAMES: Schema =
        Schema { members: &[Member::of("member", 0, &TEXT)], ..Schema::of("Names", ShapeType::List) };
    static ENTRY: Schema = Schema {
        members: &[Member::of("Bus", 0, &TEXT), Member::of("Source", 1, &TEXT)],
        ..Schema::of("Entry", ShapeType::Structure)
    };
    static ENTRIES: Schema =
        Schema { members: &[Member::of("member", 0, &ENTRY)], ..Schema::of("Entries", ShapeType::List) };
    static IN: Schema = Schema {
        members: &[
            Member::of("Names", 0, &NAMES),
            Member::of("Entries", 1, &ENTRIES),
            Member::of("Tags", 2, &TAGS),
            Member::of("Body", 3, &TEXT),
        ],
        ..Schema::of("In", ShapeType::Structure)
    };

    const fn input(slot: usize, transform: Transform) -> Segment {
        Segment::Input(Reference { slot, transform })
    }

    /// `Names` is slot 0, `Entries[].Bus` 1, `Entries[].Source` 2, `Tags` 3.
    static INPUTS: &[Input] = &[
        Input { slot: Some(0), ..Input::of("Names") },
        Input {
            list: Some(0),
            inside: &[
                Input { slot: Some(1), ..Input::of("Bus") },
                Input { slot: Some(2), ..Input::of("Source") },
            ],
            ..Input::of("Entries")
        },
        Input { slot: Some(3), ..Input::of("Tags") },
    ];
    const BUS: Template = &[
        Segment::Text("arn:"),
        Segment::Call(CallFact::Partition),
        Segment::Text(":events:::event-bus/"),
        input(1, Transform::OrDefault),
    ];
    static PUT_EVENTS: Authorization = Authorization {
        required: &[Requirement {
            keys: &[Key { name: "events:source", tagged: false, value: &[input(2, Transform::Plain)] }],
            each: Some(0),
            ..Requirement::of("events:PutEvents", &[BUS])
        }],
        inputs: INPUTS,
        slots: 4,
        lists: 1,
        ..Authorization::EMPTY
    };
    static DESCRIBE: Authorization = Authorization {
        required: &[
            Requirement {
                when: &[&[When::Present(Reference { slot: 0, transform: Transform::Plain })]],
                keys: &[
                    Key { name: "tag/", tagged: true, value: &[input(3, Transform::Plain)] },
                    Key { name: "tags", tagged: false, value: &[input(3, Transform::Keys)] },
                    Key { name: "sources", tagged: false, value: &[input(2, Transform::Plain)] },
                ],
                ..Requirement::of("x:Describe", &[&[Segment::Text("name/"), input(0, Transform::OrArn)]])
            },
            Requirement::of("x:Own", &[&[Segment::Text("user/"), Segment::Call(CallFact::Caller)]]),
        ],
        inputs: INPUTS,
        slots: 4,
        lists: 1,
        ..Authorization::EMPTY
    };

    fn of(authorization: &'static Authorization, json: &serde_json::Value) -> Vec<Access> {
        let document = document(json);
        let call = CallFacts { partition: "aws", region: "eu-west-1", account: "1", caller: None };
        required(authorization, &DocumentShape { schema: &IN, document: &document }, &call, &|_, _| None)
    }

    fn document(json: &serde_json::Value) -> Document {
        match json {
            serde_json::Value::String(text) => Document::from(text.as_str()),
            serde_json::Value::Array(items) => Document::from(items.iter().map(document).collect::<Vec<_>>()),
            serde_json::Value::Object(map) => {
                map.iter().map(|(key, value)| (key.clone(), document(value))).collect()
            }
            _ => Document::Null,
        }
    }

    fn resources(found: &[Access]) -> Vec<&str> {
        found.iter().map(|access| access.resource.as_str()).collect()
    }

    #[test]
    fn each_element_asks_with_its_own_values_and_equal_ones_once() {
        let other = "arn:aws:events:::event-bus/other";
        let entry = |bus: &str| serde_json::json!({"Bus": bus, "Source": "shop"});
        let json = serde_json::json!({
            "Body": "x",
            "Entries": [entry(other), {"Source": "till"}, entry(other), {"Bus": "orders"}]
        });
        let found = of(&PUT_EVENTS, &json);
        let orders = "arn:aws:events:::event-bus/orders";
        assert_eq!(resources(&found), [other, "arn:aws:events:::event-bus/default", orders]);
        assert_eq!(found[1].keys, [("events:source".to_owned(), KeyValue::from("till"))]);
        assert!(found[2].keys.is_empty());
    }

    #[test]
    fn a_list_asks_for_each_of_its_values_and_an_arn_stands_for_itself() {
        let json = serde_json::json!({
            "Names": ["a", "arn:aws:x:::name/b"], "Tags": {"env": "prod"},
            "Entries": [{"Source": "s1"}, {"Source": "s2"}]
        });
        let found = of(&DESCRIBE, &json);
        assert_eq!(resources(&found), ["name/a", "arn:aws:x:::name/b", "*"]);
        assert_eq!(
            found[0].keys,
            [
                ("tag/env".to_owned(), KeyValue::from("prod")),
                ("tags".to_owned(), KeyValue::Many(vec!["env".into()])),
                ("sources".to_owned(), KeyValue::Many(vec!["s1".into(), "s2".into()])),
            ]
        );
    }

    #[test]
    fn what_is_not_there_asks_for_nothing_more() {
        for json in [serde_json::json!({}), serde_json::json!({"Names": []})] {
            assert_eq!(resources(&of(&DESCRIBE, &json)), ["*"]);
            assert!(of(&PUT_EVENTS, &json).is_empty());
        }
    }

    proptest! {
        #[test]
        fn no_name_gets_out_of_its_place(names in prop::collection::vec("[^\0]{1,20}", 1..5)) {
            let found = of(&DESCRIBE, &serde_json::json!({"Names": names}));
            let kept = |access: &Access| {
                ["name/", "arn:"].iter().any(|start| access.resource.starts_with(start)) || access.resource == "*"
            };
            prop_assert!(found.iter().all(kept));
        }
    }
}
