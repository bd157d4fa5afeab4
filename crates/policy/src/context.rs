//! What a request says about itself: condition keys and their values.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The value of a condition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyValue {
    /// The value of a single-valued key.
    One(Cow<'static, str>),
    /// The values of a multivalued key such as `aws:TagKeys`. No values at all count as absence.
    Many(Vec<String>),
}

impl KeyValue {
    /// The values, however many.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Self::One(value) => (Some(value.as_ref()), &[][..]),
            Self::Many(values) => (None, values.as_slice()),
        };
        one.into_iter().chain(many.iter().map(String::as_str))
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Many(values) if values.is_empty())
    }
}

impl From<String> for KeyValue {
    fn from(value: String) -> Self {
        Self::One(Cow::Owned(value))
    }
}

impl From<&'static str> for KeyValue {
    fn from(value: &'static str) -> Self {
        Self::One(Cow::Borrowed(value))
    }
}

impl From<Cow<'static, str>> for KeyValue {
    fn from(value: Cow<'static, str>) -> Self {
        Self::One(value)
    }
}

impl From<bool> for KeyValue {
    fn from(value: bool) -> Self {
        Self::One(Cow::Borrowed(if value { "true" } else { "false" }))
    }
}

impl From<Vec<String>> for KeyValue {
    fn from(values: Vec<String>) -> Self {
        Self::Many(values)
    }
}

impl fmt::Display for KeyValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(value) => formatter.write_str(value),
            Self::Many(values) => write!(formatter, "[{}]", values.join(", ")),
        }
    }
}

/// The condition keys of a request. Names of keys have no case.
///
/// A key that is not in here is absent, which conditions can tell from every value.
#[derive(Debug, Clone, Default)]
pub struct Context {
    entries: Vec<Entry>,
    /// What holds for several requests, below what is this one's own.
    base: Option<Arc<Context>>,
}

#[derive(Debug, Clone)]
struct Entry {
    hash: u32,
    name: Cow<'static, str>,
    value: KeyValue,
}

impl Context {
    /// No keys yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new(), base: None }
    }

    /// No keys yet, and room for so many.
    #[must_use]
    pub fn with_capacity(keys: usize) -> Self {
        Self { entries: Vec::with_capacity(keys), base: None }
    }

    /// The keys of `base`, to be set further and otherwise without copying them: for the requests of one
    /// call, which have most keys in common.
    #[must_use]
    pub fn over(base: Arc<Self>) -> Self {
        // One level is enough, and keeps looking keys up simple.
        if base.base.is_some() {
            return Self::clone(&base);
        }
        Self { entries: Vec::new(), base: Some(base) }
    }

    fn below(&self) -> &[Entry] {
        self.base.as_ref().map_or(&[], |base| base.entries.as_slice())
    }

    /// Sets a key, in place of the value that it had.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<KeyValue>) {
        let (name, value) = (name.into(), value.into());
        let hash = hash(&name);
        match self.entries.iter_mut().find(|entry| entry.is(hash, &name)) {
            Some(entry) => entry.value = value,
            None => self.entries.push(Entry { hash, name, value }),
        }
    }

    /// Sets a key unless its value is unknown.
    pub fn set_known(&mut self, name: impl Into<Cow<'static, str>>, value: Option<impl Into<KeyValue>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// The value of a key; nothing if it is absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&KeyValue> {
        self.find(hash(name), name)
    }

    /// The keys and values, in the order in which they were set first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &KeyValue)> {
        let covered = |below: &&Entry| self.entries.iter().any(|entry| entry.is(below.hash, &below.name));
        let below = self.below().iter().filter(move |below| !covered(below));
        below.chain(&self.entries).map(|entry| (entry.name.as_ref(), &entry.value))
    }

    pub(crate) fn value(&self, key: &Key) -> Option<&KeyValue> {
        self.find(key.hash, &key.name)
    }

    fn find(&self, hash: u32, name: &str) -> Option<&KeyValue> {
        let entry = self.entries.iter().chain(self.below()).find(|entry| entry.is(hash, name))?;
        if entry.value.is_empty() { None } else { Some(&entry.value) }
    }
}

impl<N: Into<Cow<'static, str>>, V: Into<KeyValue>> FromIterator<(N, V)> for Context {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(entries: I) -> Self {
        let mut context = Self::new();
        for (name, value) in entries {
            context.set(name, value);
        }
        context
    }
}

impl Entry {
    fn is(&self, hash: u32, name: &str) -> bool {
        self.hash == hash && self.name.eq_ignore_ascii_case(name)
    }
}

/// The name of a condition key in a policy, ready to be looked up.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: Box<str>,
    hash: u32,
}

impl Key {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), hash: hash(name) }
    }
}

/// FNV-1a of the name in lower case: tells keys apart without comparing texts.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_case_and_no_values_are_absence() {
        let mut context = Context::new();
        context.set("aws:PrincipalArn", "a");
        context.set("AWS:principalarn", "b");
        context.set("aws:TagKeys", Vec::<String>::new());
        context.set_known("aws:username", None::<String>);
        assert_eq!(context.get("aws:principalARN"), Some(&KeyValue::from("b")));
        assert_eq!(context.get("aws:TagKeys"), None);
        assert_eq!(context.iter().count(), 2);
    }

    #[test]
    fn what_is_set_over_a_base_covers_it_and_leaves_it_as_it_is() {
        let base: Arc<Context> =
            Arc::new([("aws:username", "ann"), ("aws:userid", "A")].into_iter().collect());
        let mut own = Context::over(Arc::clone(&base));
        own.set("AWS:UserName", "ben");
        own.set("s3:prefix", "x");
        let twice = Context::over(Arc::new(own));
        assert_eq!(twice.get("aws:username"), Some(&KeyValue::from("ben")));
        assert_eq!(twice.get("aws:userid"), Some(&KeyValue::from("A")));
        let keys: Vec<&str> = twice.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["aws:userid", "AWS:UserName", "s3:prefix"]);
        assert_eq!(base.get("aws:username"), Some(&KeyValue::from("ann")));
    }
}
