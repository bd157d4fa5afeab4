//! Memory for reading blobs, which is used again instead of being given back after every piece: fresh memory costs
//! more than the copy that goes into it.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// The size of a buffer in bytes: small enough to be still in the processor's cache when it is sent.
pub(super) const SIZE: usize = 128 << 10;

/// How many buffers are kept while nobody reads: 4 MiB at most.
const KEPT: usize = 32;

/// Buffers that are free.
#[derive(Default)]
pub(super) struct Buffers(Mutex<Vec<Box<[u8]>>>);

/// A buffer in use; it goes back when it is dropped.
struct Loan {
    memory: Box<[u8]>,
    len: usize,
    owner: Arc<Buffers>,
}

impl Buffers {
    /// The bytes that `fill` writes into a buffer, whose number it returns.
    ///
    /// # Errors
    /// What `fill` reports.
    pub(super) fn fill<E>(
        self: &Arc<Self>,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Bytes, E> {
        let free = self.0.lock().pop();
        let memory = free.unwrap_or_else(|| vec![0; SIZE].into_boxed_slice());
        let mut loan = Loan { memory, len: 0, owner: Arc::clone(self) };
        loan.len = fill(&mut loan.memory)?;
        Ok(if loan.len == 0 { Bytes::new() } else { Bytes::from_owner(loan) })
    }
}

impl AsRef<[u8]> for Loan {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        let mut free = self.owner.0.lock();
        if free.len() < KEPT {
            free.push(memory);
        }
    }
}
