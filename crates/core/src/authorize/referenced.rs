//! Reads the members of an input that permissions refer to, and nothing else.
//!
//! An input can be megabytes of message bodies, and this runs on every call: the input writes
//! itself into a visitor that skips every member outside of [`Authorization::inputs`] without
//! looking into it. Streams and blobs are never touched.

use cloudtwin_smithy::authorization::{Authorization, Input};
use cloudtwin_smithy::schema::{Member, TimestampFormat};
use cloudtwin_smithy::shape::Visit;
use cloudtwin_smithy::stream::ByteStream;
use cloudtwin_smithy::{Document, Shape, ShapeSerializer, Timestamp};

/// What a member holds, as far as permissions care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// It is set, and that is all that counts.
    Set,
    /// A scalar.
    Text(String),
    /// A list of scalars; not empty.
    Texts(Vec<String>),
    /// Tags, or the entries of a map; not empty.
    Pairs(Vec<(String, String)>),
}

/// The referenced members of one input.
#[derive(Debug)]
pub(super) struct Referenced {
    /// By slot: each value, and the number of the list element that it stands in. Sorted by that
    /// number, because inputs write their elements in order.
    slots: Vec<Vec<(Option<usize>, Value)>>,
    /// By list: how many elements it has.
    lists: Vec<usize>,
}

impl Referenced {
    /// Reads `input`.
    pub(super) fn read(authorization: &'static Authorization, input: &dyn Shape) -> Self {
        let found =
            Self { slots: vec![Vec::new(); authorization.slots], lists: vec![0; authorization.lists] };
        let mut reader = Reader { found, nodes: authorization.inputs, list: None, element: None };
        if !authorization.inputs.is_empty()
            && let Err(error) = input.write_members(&mut reader)
        {
            // Generated shapes write what their schema allows. What could not be read is missing,
            // and a resource that misses a part is matched by `*` only.
            tracing::error!(%error, "an input could not be read for its authorisation");
        }
        reader.found
    }

    /// The value of a slot: outside of lists, or in one element of its list.
    pub(super) fn value(&self, slot: usize, element: Option<usize>) -> Option<&Value> {
        let values = self.slots.get(slot)?;
        match values.first()? {
            (None, value) => Some(value),
            _ => {
                let found = values.binary_search_by_key(&element, |(index, _)| *index).ok()?;
                values.get(found).map(|(_, value)| value)
            }
        }
    }

    /// All values of a slot.
    pub(super) fn values(&self, slot: usize) -> impl Iterator<Item = &Value> {
        self.slots.get(slot).into_iter().flatten().map(|(_, value)| value)
    }

    /// How many elements a list has.
    pub(super) fn len(&self, list: usize) -> usize {
        self.lists.get(list).copied().unwrap_or_default()
    }
}

/// Fills the slots.
struct Reader {
    found: Referenced,
    /// What counts in the structure that is being visited, or in the elements of the list.
    nodes: &'static [Input],
    /// The list whose elements come next; `None` while members of a structure come.
    list: Option<usize>,
    /// The list element that is being visited.
    element: Option<usize>,
}

impl Reader {
    /// The node of what comes next, if it counts.
    fn node(&mut self, member: &'static Member) -> Option<&'static Input> {
        let name = if self.list.is_some() { "" } else { member.name };
        self.nodes.iter().find(|node| node.name == name)
    }

    fn put(&mut self, slot: usize, value: Value) {
        let element = self.element;
        if let Some(slot) = self.found.slots.get_mut(slot) {
            slot.push((element, value));
        }
    }

    /// Visits what stands inside of the element, member or list, and comes back to where it was.
    fn inside(
        &mut self,
        nodes: &'static [Input],
        list: Option<usize>,
        visit: impl FnOnce(&mut Self) -> Visit,
    ) -> Visit {
        let before = (self.nodes, self.list);
        (self.nodes, self.list) = (nodes, list);
        let result = visit(self);
        (self.nodes, self.list) = before;
        result
    }

    /// Runs `visit` for what comes next: in its own element, if it is one.
    fn element(&mut self, visit: impl FnOnce(&mut Self) -> Visit) -> Visit {
        let Some(list) = self.list else { return visit(self) };
        let before = self.element;
        if let Some(count) = self.found.lists.get_mut(list) {
            self.element = Some(*count);
            *count += 1;
        }
        let result = visit(self);
        self.element = before;
        result
    }

    fn scalar(&mut self, member: &'static Member, text: impl FnOnce() -> String) -> Visit {
        self.element(|this| {
            if let Some(node) = this.node(member)
                && let Some(slot) = node.slot
            {
                let value = if node.presence { Value::Set } else { Value::Text(text()) };
                this.put(slot, value);
            }
            Ok(())
        })
    }

    /// What is never looked into.
    fn opaque(&mut self, member: &'static Member) -> Visit {
        self.element(|this| {
            if let Some(slot) = this.node(member).and_then(|node| node.slot) {
                this.put(slot, Value::Set);
            }
            Ok(())
        })
    }

    /// A list or map: all of it as one value, where a slot wants it.
    fn whole(
        &mut self,
        node: &'static Input,
        len: usize,
        write: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        let Some(slot) = node.slot.filter(|_| len > 0) else { return Ok(()) };
        if node.presence {
            self.put(slot, Value::Set);
            return Ok(());
        }
        let mut all = Collector::default();
        write(&mut all)?;
        let value = match all {
            Collector { pairs, .. } if !pairs.is_empty() => Value::Pairs(pairs),
            Collector { texts, .. } if !texts.is_empty() => Value::Texts(texts),
            _ => Value::Set,
        };
        self.put(slot, value);
        Ok(())
    }
}

impl ShapeSerializer for Reader {
    fn write_struct(&mut self, member: &'static Member, value: &dyn Shape) -> Visit {
        self.element(|this| {
            // An element's members stand directly inside of its list's node.
            if this.list.is_some() {
                let nodes = this.nodes;
                return this.inside(nodes, None, |this| value.write_members(this));
            }
            let Some(node) = this.node(member) else { return Ok(()) };
            if let Some(slot) = node.slot {
                this.put(slot, Value::Set);
            }
            if node.inside.is_empty() {
                return Ok(());
            }
            this.inside(node.inside, None, |this| value.write_members(this))
        })
    }

    fn write_list(
        &mut self,
        member: &'static Member,
        len: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        let Some(node) = self.node(member) else { return Ok(()) };
        self.whole(node, len, elements)?;
        match node.list {
            Some(list) => self.inside(node.inside, Some(list), |this| elements(this)),
            None => Ok(()),
        }
    }

    fn write_map(
        &mut self,
        member: &'static Member,
        len: usize,
        entries: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        match self.node(member) {
            Some(node) => self.whole(node, len, entries),
            None => Ok(()),
        }
    }

    /// Entries are only written to a [`Collector`].
    fn write_entry(&mut self, _: &str, _: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        Ok(())
    }

    fn write_bool(&mut self, member: &'static Member, value: bool) -> Visit {
        self.scalar(member, || value.to_string())
    }

    fn write_integer(&mut self, member: &'static Member, value: i64) -> Visit {
        self.scalar(member, || value.to_string())
    }

    fn write_float(&mut self, member: &'static Member, value: f64) -> Visit {
        self.scalar(member, || value.to_string())
    }

    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit {
        self.scalar(member, || value.to_owned())
    }

    fn write_blob(&mut self, member: &'static Member, _: &[u8]) -> Visit {
        self.opaque(member)
    }

    fn write_timestamp(&mut self, member: &'static Member, value: Timestamp) -> Visit {
        self.scalar(member, || value.format(TimestampFormat::DateTime))
    }

    fn write_document(&mut self, member: &'static Member, _: &Document) -> Visit {
        self.opaque(member)
    }

    fn write_null(&mut self, _: &'static Member) -> Visit {
        self.element(|_| Ok(()))
    }

    fn write_stream(&mut self, member: &'static Member, _: &ByteStream) -> Visit {
        self.opaque(member)
    }
}

/// Collects a list of scalars, a list of tags or a map.
#[derive(Default)]
struct Collector {
    texts: Vec<String>,
    pairs: Vec<(String, String)>,
    /// The tag or entry that is being written.
    open: Option<(Option<String>, String)>,
    /// How many structures deep inside of an element.
    depth: usize,
}

impl Collector {
    fn scalar(&mut self, member: &'static Member, text: impl FnOnce() -> String) -> Visit {
        match &mut self.open {
            None => self.texts.push(text()),
            Some((key, value)) if self.depth == 1 => match member.name {
                "Key" | "key" | "TagKey" | "tagKey" => *key = Some(text()),
                "Value" | "value" | "TagValue" | "tagValue" => *value = text(),
                _ => {}
            },
            Some((_, value)) if self.depth == 0 => *value = text(),
            Some(_) => {}
        }
        Ok(())
    }

    fn close(&mut self) {
        if let Some((Some(key), value)) = self.open.take() {
            self.pairs.push((key, value));
        }
    }
}

impl ShapeSerializer for Collector {
    fn write_struct(&mut self, _: &'static Member, value: &dyn Shape) -> Visit {
        // Tags are flat: what is nested deeper is none.
        if self.depth > 0 || self.open.is_some() {
            return Ok(());
        }
        self.open = Some((None, String::new()));
        self.depth = 1;
        let result = value.write_members(self);
        self.depth = 0;
        self.close();
        result
    }

    fn write_list(
        &mut self,
        _: &'static Member,
        _: usize,
        _: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        Ok(())
    }

    fn write_map(
        &mut self,
        _: &'static Member,
        _: usize,
        _: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        Ok(())
    }

    fn write_entry(&mut self, key: &str, value: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        self.open = Some((Some(key.to_owned()), String::new()));
        let result = value(self);
        self.close();
        result
    }

    fn write_bool(&mut self, member: &'static Member, value: bool) -> Visit {
        self.scalar(member, || value.to_string())
    }

    fn write_integer(&mut self, member: &'static Member, value: i64) -> Visit {
        self.scalar(member, || value.to_string())
    }

    fn write_float(&mut self, member: &'static Member, value: f64) -> Visit {
        self.scalar(member, || value.to_string())
    }

    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit {
        self.scalar(member, || value.to_owned())
    }

    fn write_blob(&mut self, _: &'static Member, _: &[u8]) -> Visit {
        Ok(())
    }

    fn write_timestamp(&mut self, member: &'static Member, value: Timestamp) -> Visit {
        self.scalar(member, || value.format(TimestampFormat::DateTime))
    }

    fn write_document(&mut self, _: &'static Member, _: &Document) -> Visit {
        Ok(())
    }

    fn write_null(&mut self, _: &'static Member) -> Visit {
        Ok(())
    }
}
