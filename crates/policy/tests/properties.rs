//! What holds for all policies and requests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use cloudtwin_policy::{
    Context, Layers, NamedPolicy, Outcome, Policy, PolicyName, Principal, Request, ResourceRule, evaluate,
    explain,
};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Value, json};

const ACCOUNT: &str = "210000000001";

/// The statements of a policy.
type Document = Vec<Value>;

/// A request and all policies that have a say in it.
#[derive(Debug, Clone)]
struct Scene {
    principal: &'static str,
    action: &'static str,
    resource: &'static str,
    owner: &'static str,
    rule: ResourceRule,
    context: Vec<(&'static str, &'static str)>,
    identity: Vec<Document>,
    boundary: Option<Vec<Document>>,
    session: Option<Vec<Document>>,
    of_resource: Option<Document>,
    scps: Option<Vec<Vec<Document>>>,
    rcps: Option<Vec<Vec<Document>>>,
    endpoint: Option<Vec<Document>>,
}

fn named(documents: &[Document]) -> Vec<NamedPolicy> {
    let named = |(index, statements): (usize, &Document)| {
        let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let policy = Arc::new(Policy::parse(&document).unwrap());
        NamedPolicy { name: PolicyName::Numbered(index), policy }
    };
    documents.iter().enumerate().map(named).collect()
}

fn levels(levels: &[Vec<Document>]) -> Vec<Vec<NamedPolicy>> {
    levels.iter().map(|level| named(level)).collect()
}

impl Scene {
    /// Decides, and makes sure that the explanation is of this decision.
    fn decide(&self) -> Outcome {
        let principal = Principal::from_arn(self.principal).unwrap();
        let context: Context = self.context.iter().copied().collect();
        let identity = named(&self.identity);
        let boundary = self.boundary.as_deref().map(named);
        let session = self.session.as_deref().map(named);
        let of_resource = self.of_resource.clone().map(|document| named(&[document]));
        let (scps, rcps) = (self.scps.as_deref().map(levels), self.rcps.as_deref().map(levels));
        let endpoint = self.endpoint.as_deref().map(named);
        let layers = Layers {
            identity: &identity,
            boundary: boundary.as_deref(),
            session: session.as_deref(),
            resource: of_resource.as_ref().and_then(|policies| policies.first()),
            rule: self.rule,
            scps: scps.as_deref(),
            rcps: rcps.as_deref(),
            endpoint: endpoint.as_deref(),
        };
        let request = Request {
            principal: &principal,
            action: self.action,
            resource: self.resource,
            resource_account: Some(self.owner),
            context: &context,
        };
        let decision = evaluate(&request, &layers);
        let story = explain(&request, &layers);
        assert_eq!((story.outcome, story.layer), (decision.outcome, decision.layer));
        let statement = decision.statement.map(|found| (found.policy.name.clone(), found.statement.index()));
        assert_eq!(story.statement.map(|statement| (statement.policy, statement.index)), statement);
        decision.outcome
    }

    /// All documents that there are.
    fn documents(&mut self) -> Vec<&mut Document> {
        let mut all: Vec<&mut Document> = self.identity.iter_mut().collect();
        for layer in [&mut self.boundary, &mut self.session, &mut self.endpoint] {
            all.extend(layer.iter_mut().flatten());
        }
        all.extend(&mut self.of_resource);
        for layer in [&mut self.scps, &mut self.rcps] {
            all.extend(layer.iter_mut().flatten().flatten());
        }
        all
    }
}

fn one_or_many(pool: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![select(pool).prop_map(|one| json!(one)), subsequence(pool, 1..3).prop_map(|many| json!(many))]
}

fn statement() -> impl Strategy<Value = Value> {
    let actions: &[&str] = &["*", "s3:*", "s3:GetObject", "S3:get*", "sqs:*", "?3:*Object", "s3:PutObject"];
    let resources: &[&str] = &[
        "*",
        "arn:aws:s3:::depot/*",
        "arn:aws:s3:::depot/${aws:username}/*",
        "arn:aws:s3:::vault/*",
        "arn:aws:kms:*:*:key/*",
    ];
    let principals: &[&str] = &[
        "*",
        ACCOUNT,
        "320000000002",
        "arn:aws:iam::210000000001:user/dana",
        "arn:aws:iam::210000000001:role/builder",
        "arn:aws:sts::210000000001:assumed-role/builder/run-7",
        "arn:aws:sts::210000000001:federated-user/dana",
    ];
    let conditions = vec![
        json!({}),
        json!({"StringEquals": {"aws:username": "dana"}}),
        json!({"StringNotEquals": {"aws:username": "dana"}}),
        json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}),
        json!({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "x"]}}),
        json!({"ForAllValues:StringLike": {"k:list": "a*"}}),
    ];
    let element = |names: [&'static str; 2]| prop_oneof![6 => Just(names[0]), 1 => Just(names[1])];
    (
        prop_oneof![3 => Just("Allow"), 1 => Just("Deny")],
        (element(["Action", "NotAction"]), one_or_many(actions)),
        (element(["Resource", "NotResource"]), one_or_many(resources)),
        (element(["Principal", "NotPrincipal"]), one_or_many(principals)),
        prop_oneof![2 => Just(json!({})), 1 => select(conditions)],
    )
        .prop_map(
            |(effect, (action, actions), (resource, resources), (principal, principals), condition)| {
                json!({
                    "Effect": effect,
                    action: actions,
                    resource: resources,
                    principal: {"AWS": principals},
                    "Condition": condition,
                })
            },
        )
}

/// Statements; without principals, where the policy is not a resource's.
fn document(of_resource: bool) -> impl Strategy<Value = Document> {
    prop::collection::vec(statement().prop_map(move |statement| suited(statement, of_resource)), 0..4)
}

fn suited(mut statement: Value, of_resource: bool) -> Value {
    if let Some(members) = statement.as_object_mut()
        && !of_resource
    {
        members.remove("Principal");
        members.remove("NotPrincipal");
    }
    statement
}

fn documents(of_resource: bool) -> impl Strategy<Value = Vec<Document>> {
    prop::collection::vec(document(of_resource), 0..3)
}

fn scene() -> impl Strategy<Value = Scene> {
    let principals = vec![
        "arn:aws:iam::210000000001:user/dana",
        "arn:aws:iam::210000000001:root",
        "arn:aws:iam::210000000001:role/builder",
        "arn:aws:sts::210000000001:assumed-role/builder/run-7",
        "arn:aws:sts::210000000001:federated-user/dana",
        "arn:aws:iam::320000000002:user/erin",
        "s3.amazonaws.com",
        "*",
    ];
    let targets = vec![
        ("s3:GetObject", "arn:aws:s3:::depot/dana/a", ResourceRule::Ordinary),
        ("s3:GetObject", "arn:aws:s3:::vault/a", ResourceRule::Ordinary),
        ("kms:Decrypt", "arn:aws:kms:eu-west-1:210000000001:key/k", ResourceRule::KmsKey),
        ("iam:ListUsers", "*", ResourceRule::Ordinary),
    ];
    let keys = vec![("aws:username", "dana"), ("aws:SourceIp", "10.1.2.3"), ("k:list", "b")];
    let rare = |of_resource| prop::option::weighted(0.3, documents(of_resource));
    let organization =
        |of_resource| prop::option::weighted(0.3, prop::collection::vec(documents(of_resource), 0..3));
    (
        (select(principals), select(targets), prop_oneof![3 => Just(ACCOUNT), 1 => Just("320000000002")]),
        subsequence(keys, 0..=3),
        documents(false),
        (rare(false), rare(false), rare(true)),
        prop::option::of(document(true)),
        (organization(false), organization(true)),
    )
        .prop_map(
            |((principal, target, owner), context, identity, limits, of_resource, (scps, rcps))| Scene {
                principal,
                action: target.0,
                resource: target.1,
                owner,
                rule: target.2,
                context,
                identity,
                boundary: limits.0,
                session: limits.1,
                of_resource,
                scps,
                rcps,
                endpoint: limits.2,
            },
        )
}

/// The scene with one more statement in one of its policies; nothing if there is no policy.
fn with(scene: &Scene, statement: &Value, effect: &str, at: Index) -> Option<Scene> {
    let mut changed = scene.clone();
    let mut documents = changed.documents();
    if documents.is_empty() {
        return None;
    }
    let index = at.index(documents.len());
    let mut statement = statement.clone();
    statement.as_object_mut()?.insert("Effect".to_owned(), json!(effect));
    // Principals do no harm where there should be none: the caller has to fit.
    documents.get_mut(index)?.push(statement);
    Some(changed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_deny_of_everything_always_wins(scene in scene(), at in any::<Index>()) {
        let everything = json!({"Action": "*", "Resource": "*", "Principal": "*"});
        // Service control policies are not for those who belong to no account.
        let bound = scene.scps.is_none() || scene.principal.starts_with("arn:");
        if let Some(denied) = with(&scene, &everything, "Deny", at).filter(|_| bound) {
            prop_assert_eq!(denied.decide(), Outcome::ExplicitDeny);
        }
    }

    #[test]
    fn one_more_allow_takes_nothing_away(scene in scene(), more in statement(), at in any::<Index>()) {
        if let Some(changed) = with(&scene, &more, "Allow", at) {
            let (before, after) = (scene.decide(), changed.decide());
            prop_assert!(before != Outcome::Allow || after == Outcome::Allow);
            prop_assert_eq!(before == Outcome::ExplicitDeny, after == Outcome::ExplicitDeny);
        }
    }

    #[test]
    fn one_more_deny_gives_nothing(scene in scene(), more in statement(), at in any::<Index>()) {
        if let Some(changed) = with(&scene, &more, "Deny", at) {
            let (before, after) = (scene.decide(), changed.decide());
            prop_assert!(before == Outcome::Allow || after != Outcome::Allow);
            prop_assert!(before != Outcome::ExplicitDeny || after == Outcome::ExplicitDeny);
        }
    }

    #[test]
    fn order_does_not_matter(scene in scene()) {
        let mut turned = scene.clone();
        for document in turned.documents() {
            document.reverse();
        }
        turned.identity.reverse();
        for layer in [&mut turned.boundary, &mut turned.session, &mut turned.endpoint].into_iter().flatten() {
            layer.reverse();
        }
        for levels in [&mut turned.scps, &mut turned.rcps].into_iter().flatten() {
            levels.reverse();
            levels.iter_mut().for_each(|level| level.reverse());
        }
        prop_assert_eq!(scene.decide(), turned.decide());
    }
}
