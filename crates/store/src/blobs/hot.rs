//! Blobs that are downloaded again and again, for a few seconds in memory. Bytes under a hash never change, so
//! there is nothing to invalidate; who may see them was decided when the blob was opened.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{BlobRef, HASH_LEN, buffers};

/// How many pieces are kept in all: 16 MiB. What does not fit is not kept, rather than what is there being
/// replaced: a round of downloads that is longer than this would else never find anything.
const LIMIT: usize = (16 << 20) / buffers::SIZE;

/// The longest blob that is kept, in bytes.
const LONGEST: u64 = 8 << 20;

/// How many blobs are remembered as opened before.
const REMEMBERED: usize = 64;

/// What nobody has read for this long (twice as long at the most) is dropped.
const IDLE: Duration = Duration::from_secs(2);

type Hash = [u8; HASH_LEN];

/// The pieces in memory.
#[derive(Default)]
pub(super) struct HotBlobs(Mutex<State>);

#[derive(Default)]
struct State {
    blobs: HashMap<Hash, Hot>,
    /// How many pieces these have.
    held: usize,
    /// What was opened last.
    opened: VecDeque<Hash>,
    /// Whether a task waits to drop what is not used any more.
    watched: bool,
}

#[derive(Default)]
struct Hot {
    /// By where they begin.
    pieces: HashMap<u64, Bytes>,
    /// Whether they were read since the last look.
    used: bool,
}

impl HotBlobs {
    /// Says whether a blob that is being opened is worth keeping: it was opened before, not long ago.
    pub(super) fn is_worthwhile(&self, blob: &BlobRef) -> bool {
        if blob.len() > LONGEST {
            return false;
        }
        let mut state = self.0.lock();
        if state.opened.contains(blob.hash()) {
            return true;
        }
        if state.opened.len() >= REMEMBERED {
            state.opened.pop_front();
        }
        state.opened.push_back(*blob.hash());
        false
    }

    /// The piece that begins at `start`, if it is there.
    pub(super) fn get(&self, blob: &BlobRef, start: u64) -> Option<Bytes> {
        let mut state = self.0.lock();
        let hot = state.blobs.get_mut(blob.hash())?;
        hot.used = true;
        hot.pieces.get(&start).cloned()
    }

    /// Keeps a piece for the next readers, where there is room and a runtime to drop it in time.
    pub(super) fn keep(self: &Arc<Self>, blob: &BlobRef, start: u64, piece: &Bytes) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut state = self.0.lock();
        if state.held >= LIMIT {
            return;
        }
        let hot = state.blobs.entry(*blob.hash()).or_default();
        hot.used = true;
        if hot.pieces.insert(start, piece.clone()).is_none() {
            state.held += 1;
        }
        if !std::mem::replace(&mut state.watched, true) {
            runtime.spawn(watch(Arc::downgrade(self)));
        }
    }

    /// Drops what was not read since the last call; says whether anything is left.
    fn drop_unused(&self) -> bool {
        let mut unused = Vec::new();
        let mut state = self.0.lock();
        let State { blobs, held, .. } = &mut *state;
        blobs.retain(|_, hot| {
            let used = std::mem::take(&mut hot.used);
            if !used {
                *held -= hot.pieces.len();
                unused.push(std::mem::take(&mut hot.pieces));
            }
            used
        });
        state.watched = !state.blobs.is_empty();
        // `unused` is freed after the lock.
        state.watched
    }
}

async fn watch(hot: Weak<HotBlobs>) {
    loop {
        tokio::time::sleep(IDLE).await;
        if !hot.upgrade().is_some_and(|hot| hot.drop_unused()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(name: u8, len: u64) -> BlobRef {
        BlobRef::new([name; HASH_LEN], len)
    }

    #[tokio::test]
    async fn what_is_read_again_stays_and_the_rest_goes() {
        let hot = Arc::new(HotBlobs::default());
        let (a, b) = (blob(1, 5), blob(2, 5));
        assert!(!hot.is_worthwhile(&a));
        assert!(hot.is_worthwhile(&a));
        assert!(!hot.is_worthwhile(&blob(3, LONGEST + 1)));
        hot.keep(&a, 0, &Bytes::from_static(b"hello"));
        hot.keep(&b, 0, &Bytes::from_static(b"world"));
        assert!(hot.drop_unused());
        assert_eq!(hot.get(&a, 0).as_deref(), Some(&b"hello"[..]));
        assert!(hot.drop_unused());
        assert_eq!((hot.get(&b, 0), hot.get(&a, 5)), (None, None));
        assert_eq!(hot.0.lock().held, 1);
        assert!(hot.drop_unused());
        assert!(!hot.drop_unused());
        let state = hot.0.lock();
        assert_eq!((state.held, state.blobs.len(), state.watched), (0, 0, false));
    }

    #[tokio::test]
    async fn no_more_is_kept_than_there_is_room_for() {
        let hot = Arc::new(HotBlobs::default());
        let piece = Bytes::from_static(b"piece");
        for start in 0..1000 {
            hot.keep(&blob(1, LONGEST), start, &piece);
        }
        let state = hot.0.lock();
        assert_eq!((state.held, state.blobs.values().map(|hot| hot.pieces.len()).sum()), (LIMIT, LIMIT));
    }
}
