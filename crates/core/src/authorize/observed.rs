//! What principals were seen to need, summed up over all calls: what least privilege is made from.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use cloudtwin_policy::Outcome;
use cloudtwin_smithy::Timestamp;
use cloudtwin_smithy::schema::TimestampFormat;
use parking_lot::Mutex;
use serde::Serialize;

use super::KeyValue;
use super::decisions::Record;
use crate::cloud::Cloud;

/// How many permissions of one principal are told apart; a program with more works on generated
/// names, and the ones seen show their pattern.
const PERMISSIONS: usize = 20_000;
/// How many principals are kept.
const PRINCIPALS: usize = 1_000;

/// By ARN of the user or role.
#[derive(Default)]
pub(crate) struct Observed(Mutex<HashMap<String, Needs>>);

/// What one principal needed, by action and resource: looked up at every call, so without making keys.
#[derive(Default)]
struct Needs {
    actions: HashMap<Cow<'static, str>, HashMap<String, Seen>>,
    /// How many permissions these are.
    count: usize,
}

struct Seen {
    count: u64,
    first: i64,
    last: i64,
    allowed: bool,
    dependent: bool,
    /// The keys of the input that had the same values in all calls.
    constant: Vec<(String, KeyValue)>,
}

impl Observed {
    pub(crate) fn add(&self, record: &Record) {
        let mut all = self.0.lock();
        let entity = record.subject.entity_arn();
        if !all.contains_key(entity) {
            if all.len() >= PRINCIPALS {
                return;
            }
            all.insert(entity.to_owned(), Needs::default());
        }
        let Some(needs) = all.get_mut(entity) else { return };
        for decided in &record.permissions {
            let resources = needs.actions.get_mut(&decided.action);
            if let Some(seen) = resources.and_then(|resources| resources.get_mut(&decided.resource)) {
                seen.count += 1;
                seen.last = seen.last.max(record.time);
                seen.allowed &= decided.is_allowed();
                seen.constant.retain(|constant| decided.keys.contains(constant));
            } else if needs.count < PERMISSIONS {
                needs.count += 1;
                let first = Seen {
                    count: 1,
                    first: record.time,
                    last: record.time,
                    allowed: decided.outcome == Outcome::Allow,
                    dependent: decided.dependent,
                    constant: decided.keys.clone(),
                };
                let resources = needs.actions.entry(decided.action.clone()).or_default();
                resources.insert(decided.resource.clone(), first);
            }
        }
    }
}

/// A permission that a principal needed.
#[derive(Clone, Debug, Serialize)]
pub struct ObservedPermission {
    /// The IAM action.
    pub action: String,
    /// ARN of the resource, or `*`.
    pub resource: String,
    /// How often.
    pub count: u64,
    /// When first (RFC 3339).
    pub first: String,
    /// When last (RFC 3339).
    pub last: String,
    /// Whether it was granted each time.
    pub allowed: bool,
    /// Whether it was needed for something else that calls did.
    pub dependent: bool,
    /// The condition keys of the inputs whose values were the same each time.
    pub constant: BTreeMap<String, Vec<String>>,
}

impl Cloud {
    /// The principals that were seen, by ARN.
    pub fn observed_principals(&self) -> Vec<String> {
        let mut principals: Vec<_> = self.decisions().observed.0.lock().keys().cloned().collect();
        principals.sort();
        principals
    }

    /// What a user or role was seen to need at or after `since` (milliseconds since 1970), by
    /// action and resource.
    pub fn observed_permissions(&self, principal: &str, since: Option<i64>) -> Vec<ObservedPermission> {
        let all = self.decisions().observed.0.lock();
        let time = |millis: i64| Timestamp::from_millis(millis).format(TimestampFormat::DateTime);
        let mut permissions: Vec<_> = all
            .get(principal)
            .into_iter()
            .flat_map(|needs| &needs.actions)
            .flat_map(|(action, resources)| {
                resources.iter().map(move |(resource, seen)| (action, resource, seen))
            })
            .filter(|(_, _, seen)| since.is_none_or(|since| seen.last >= since))
            .map(|(action, resource, seen)| ObservedPermission {
                action: action.clone().into_owned(),
                resource: resource.clone(),
                count: seen.count,
                first: time(seen.first),
                last: time(seen.last),
                allowed: seen.allowed,
                dependent: seen.dependent,
                constant: seen
                    .constant
                    .iter()
                    .map(|(key, value)| (key.clone(), value.iter().map(str::to_owned).collect()))
                    .collect(),
            })
            .collect();
        drop(all);
        permissions.sort_by(|a, b| (&a.action, &a.resource).cmp(&(&b.action, &b.resource)));
        permissions
    }

    /// Forgets what was observed.
    pub fn forget_observations(&self) {
        self.decisions().observed.0.lock().clear();
    }
}
