//! A view: recent rows in memory over the tree.

use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;

use super::tree::TreeView;
use crate::StoreError;
use crate::backend::{Reader, Scan};

/// Recent rows; `None` means that the row has been deleted. Cloning copies a pointer.
pub(super) type Layer = OrdMap<Bytes, Option<Bytes>>;

/// A consistent view.
pub(super) struct View {
    pub(super) active: Layer,
    pub(super) sealed: Option<Layer>,
    pub(super) tree: Arc<TreeView>,
}

type LayerScan<'a> = Box<dyn Iterator<Item = (&'a Bytes, &'a Option<Bytes>)> + 'a>;

/// Rows of the layers over rows of the tree; of equal keys the newest is given.
struct Merge<'a> {
    /// Newest first.
    layers: Vec<Peekable<LayerScan<'a>>>,
    tree: Peekable<Scan<'a>>,
    reverse: bool,
}

impl Reader for View {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let layers = [Some(&self.active), self.sealed.as_ref()];
        match layers.into_iter().flatten().find_map(|layer| layer.get(key)) {
            Some(recent) => Ok(recent.clone()),
            None => self.tree.get(key),
        }
    }

    fn scan(&self, start: &[u8], end: &[u8], reverse: bool) -> Scan<'_> {
        if start >= end {
            return Box::new(std::iter::empty());
        }
        let layers: Vec<_> = [Some(&self.active), self.sealed.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|layer| scan_layer(layer, start, end, reverse))
            .collect();
        let tree = self.tree.scan(start, end, reverse);
        if layers.is_empty() { tree } else { Box::new(Merge { layers, tree: tree.peekable(), reverse }) }
    }
}

/// The rows of a layer in a range; `None` when there are none.
fn scan_layer<'a>(
    layer: &'a Layer,
    start: &[u8],
    end: &[u8],
    reverse: bool,
) -> Option<Peekable<LayerScan<'a>>> {
    let rows = layer.range::<_, [u8]>((Bound::Included(start), Bound::Excluded(end)));
    let rows: LayerScan<'_> = if reverse { Box::new(rows.rev()) } else { Box::new(rows) };
    let mut rows = rows.peekable();
    rows.peek().is_some().then_some(rows)
}

impl Iterator for Merge<'_> {
    type Item = Result<(Bytes, Bytes), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let heads = self.layers.iter_mut().filter_map(|layer| layer.peek().map(|(key, _)| *key));
            let first = if self.reverse { heads.max() } else { heads.min() };
            let Some(first) = first.cloned() else { return self.tree.next() };
            match self.tree.peek() {
                Some(Err(_)) => return self.tree.next(),
                Some(Ok((key, _))) if *key == first => drop(self.tree.next()),
                Some(Ok((key, _))) if (*key < first) != self.reverse => return self.tree.next(),
                _ => {}
            }
            let mut newest = None;
            for layer in &mut self.layers {
                if let Some((_, row)) = layer.next_if(|(key, _)| **key == first) {
                    newest.get_or_insert(row);
                }
            }
            if let Some(Some(value)) = newest {
                return Some(Ok((first, value.clone())));
            }
        }
    }
}
