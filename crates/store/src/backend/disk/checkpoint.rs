//! The thread that moves sealed layers into the tree.

use std::sync::Arc;
use std::time::Duration;

use super::{Sealed, Shared, log};
use crate::StoreError;

/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(1);

pub(super) fn run(shared: &Shared) {
    loop {
        {
            let mut state = shared.state.lock();
            while !state.sealed && !state.closing {
                shared.changed.wait(&mut state);
            }
            if state.closing {
                // The log has it all; the next start goes on from there.
                return;
            }
        }
        let sealed = shared.recent.read().sealed.clone();
        let Some(sealed) = sealed else { continue };
        match checkpoint(shared, &sealed) {
            Ok(()) => {
                let mut state = shared.state.lock();
                // The next layer may have been sealed already.
                state.sealed = shared.recent.read().sealed.is_some();
                state.stuck = None;
                shared.notify();
            }
            Err(error) => {
                tracing::error!(%error, "could not write rows to the tree; they stay in the log");
                let mut state = shared.state.lock();
                state.stuck = Some(error);
                shared.notify();
                shared.changed.wait_for(&mut state, RETRY);
            }
        }
    }
}

fn checkpoint(shared: &Shared, sealed: &Sealed) -> Result<(), StoreError> {
    shared.tree.apply(&sealed.layer, sealed.log)?;
    let tree = Arc::new(shared.tree.view()?);
    {
        let mut recent = shared.recent.write();
        recent.tree = tree;
        recent.sealed = None;
    }
    shared.unflushed.lock().retain(|(number, _)| *number > sealed.log);
    if let Err(error) = log::delete_until(shared.tree.directory(), sealed.log) {
        // It would only be deleted at the next start.
        tracing::warn!(%error, "could not delete a log that is no longer needed");
    }
    Ok(())
}
