//! Policies are compiled once: documents that calls need again are found by their text.

use std::collections::HashMap;
use std::sync::Arc;

use cloudtwin_policy::{NamedPolicy, Policy, PolicyName};
use parking_lot::RwLock;

/// How many bytes of documents are kept. One document of an account at its limits has 10,240.
const CAPACITY: usize = 8 << 20;

/// Compiled policies by their documents.
#[derive(Default)]
pub(crate) struct PolicyCache(RwLock<Kept>);

#[derive(Default)]
struct Kept {
    policies: HashMap<Box<str>, Arc<Policy>>,
    bytes: usize,
}

impl PolicyCache {
    fn compiled(&self, document: &str) -> Arc<Policy> {
        if let Some(policy) = self.0.read().policies.get(document) {
            return Arc::clone(policy);
        }
        let policy = Arc::new(Policy::parse_or_deny(document));
        let mut kept = self.0.write();
        if kept.bytes + document.len() > CAPACITY {
            // Rare, and compiling again costs microseconds.
            kept.policies.clear();
            kept.bytes = 0;
        }
        kept.bytes += document.len();
        kept.policies.insert(document.into(), Arc::clone(&policy));
        policy
    }
}

impl crate::Cloud {
    /// A policy, compiled; documents are compiled once. One that cannot be read denies everything,
    /// because what it denies is not known.
    pub fn compiled_policy(&self, name: PolicyName, document: &str) -> NamedPolicy {
        NamedPolicy { name, policy: self.policy_cache().compiled(document) }
    }
}
