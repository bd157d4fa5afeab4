//! Follow-on calls as rows: they happen if, and only if, the transaction that asks for them is
//! committed, now or at a later time.
//!
//! A handler makes an [`Effect`] before its transaction (effects need an id and a time) and emits
//! it inside. What is due at once is delivered before the handler's response is sent; what a crash
//! or a failure leaves over, and what is due later, is delivered in the background. Delivery is at
//! least once, like the events of AWS.

use std::collections::HashSet;
use std::sync::Arc;

use cloudtwin_smithy::Document;
use cloudtwin_store::{StoreError, Table, Tx};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::caller::Caller;

/// Time at which an effect is due, and its id.
pub type EffectKey = (i64, u128);

/// What is to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// An operation of any service.
    Call { operation: String, input: Document },
    /// A task of the service itself.
    Task { task: String, payload: Document },
}

/// The row of an effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EffectRow {
    pub(crate) service: String,
    pub(crate) target: Target,
    pub(crate) caller: Caller,
    pub(crate) region: String,
    pub(crate) depth: u32,
    pub(crate) attempts: u32,
    pub(crate) base_url: String,
}

/// Every effect that is not delivered yet, by due time and id.
pub(crate) const EFFECTS: Table<EffectRow, EffectKey> = Table::global("core/effects");

/// A follow-on call or task, made before the transaction that emits it.
#[derive(Clone)]
pub struct Effect {
    key: EffectKey,
    row: EffectRow,
    ctx: Ctx,
    at_once: bool,
}

impl Ctx {
    /// A call of `service`'s `operation` in this call's region, as `caller`.
    pub fn effect_call(&self, service: &str, operation: &str, input: Document, caller: Caller) -> Effect {
        self.effect(service, Target::Call { operation: operation.to_owned(), input }, caller)
    }

    /// The task `task` of `service` (which must have registered it).
    pub fn effect_task(&self, service: &str, task: &str, payload: Document) -> Effect {
        let caller = self.caller().clone();
        self.effect(service, Target::Task { task: task.to_owned(), payload }, caller)
    }

    fn effect(&self, service: &str, target: Target, caller: Caller) -> Effect {
        let row = EffectRow {
            service: service.to_owned(),
            target,
            caller,
            region: self.region().to_owned(),
            depth: self.request().depth + 1,
            attempts: 0,
            base_url: self.request().base_url.clone(),
        };
        let key = (self.clock().now_millis(), self.random());
        Effect { key, row, ctx: self.clone(), at_once: true }
    }
}

impl Effect {
    /// Delivers it at `due` (milliseconds since 1970, by the cloud's clock) instead of at once.
    #[must_use]
    pub fn at(mut self, due: i64) -> Self {
        self.key.0 = due;
        self.at_once = false;
        self
    }

    /// Gives the call or task its input only now: effects are made before a transaction, and what
    /// they tell may be known only within it.
    #[must_use]
    pub fn with_input(mut self, input: Document) -> Self {
        match &mut self.row.target {
            Target::Call { input: old, .. } | Target::Task { payload: old, .. } => *old = input,
        }
        self
    }

    /// Delivers it in another region.
    #[must_use]
    pub fn in_region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.row.region);
        self
    }
}

/// Emits effects in a transaction.
pub trait EmitEffects {
    /// Delivers `effect` if this transaction is committed.
    ///
    /// # Errors
    /// What the store reports.
    fn emit(&mut self, effect: &Effect) -> Result<(), StoreError>;
}

impl EmitEffects for Tx<'_> {
    fn emit(&mut self, effect: &Effect) -> Result<(), StoreError> {
        let (ctx, key, at_once) = (effect.ctx.clone(), effect.key, effect.at_once);
        if at_once {
            // Before the row can be seen: from here on the background leaves it to this call.
            ctx.claim(key);
        }
        self.put(&EFFECTS, key, &effect.row)?;
        self.after_commit(Box::new(move || {
            if at_once {
                ctx.state().emitted.lock().push(key);
            } else {
                ctx.cloud().effects().notify_one();
            }
        }));
        Ok(())
    }
}

/// How long a failed delivery waits before it is tried again, in milliseconds: doubles with each
/// attempt, up to a minute.
fn backoff(attempts: u32) -> i64 {
    (500_i64 << attempts.min(7)).min(60_000)
}

/// After so many failures an effect is given up.
const MAX_ATTEMPTS: u32 = 10;

impl crate::Cloud {
    /// Delivers one effect and removes its row. A refusal by the target ends it; a failure of ours
    /// is tried again later.
    pub(crate) async fn deliver(&self, key: EffectKey) {
        let db = self.db().scoped("", "");
        let row = match db.read::<_, StoreError, _>(|tx| tx.get(&EFFECTS, key)) {
            Ok(Some(row)) => row,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "an effect cannot be read");
                return;
            }
        };
        let result = self.run_effect(&row).await;
        let retry = match &result {
            Ok(()) => None,
            Err(error) if error.status() < 500 || error.status() == 501 || row.attempts >= MAX_ATTEMPTS => {
                tracing::warn!(service = row.service, target = ?row.target, %error, "an effect was refused");
                None
            }
            Err(error) => {
                tracing::warn!(service = row.service, %error, attempts = row.attempts, "an effect failed");
                let due = self.clock().now_millis() + backoff(row.attempts);
                Some(((due, key.1), EffectRow { attempts: row.attempts + 1, ..row }))
            }
        };
        let again = retry.is_some();
        let written = db
            .write::<_, StoreError, _>(|tx| {
                tx.delete(&EFFECTS, key)?;
                if let Some((key, row)) = &retry {
                    tx.put(&EFFECTS, *key, row)?;
                }
                Ok(())
            })
            .await;
        if let Err(error) = written {
            tracing::error!(%error, "an effect cannot be removed");
        }
        if again {
            self.effects().notify_one();
        }
    }

    /// Delivers effects that are due, for as long as the cloud lives. What a call that is under way
    /// has claimed is left to it.
    pub(crate) async fn deliver_in_background(self) {
        let wake = Arc::clone(self.effects());
        loop {
            let next = self.db().scoped("", "").read::<_, StoreError, _>(|tx| {
                let unclaimed = |key: &Result<EffectKey, _>| match key {
                    Ok(key) => !self.claims().contains(key),
                    Err(_) => true,
                };
                tx.scan(&EFFECTS)?.keys().find(unclaimed).transpose()
            });
            match next {
                Ok(Some(key)) if key.0 <= self.clock().now_millis() => self.deliver(key).await,
                Ok(Some(key)) => {
                    tokio::select! {
                        () = self.clock().sleep_until(key.0) => {}
                        () = wake.notified() => {}
                    }
                }
                Ok(None) => wake.notified().await,
                Err(error) => {
                    tracing::error!(%error, "effects cannot be read");
                    wake.notified().await;
                }
            }
        }
    }
}

/// The effects that calls under way deliver themselves.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<HashSet<EffectKey>>);

impl Claims {
    pub(crate) fn add(&self, key: EffectKey) {
        self.0.lock().insert(key);
    }

    fn contains(&self, key: &EffectKey) -> bool {
        self.0.lock().contains(key)
    }

    /// Gives claims up.
    pub(crate) fn release(&self, keys: &[EffectKey]) {
        let mut claims = self.0.lock();
        for key in keys {
            claims.remove(key);
        }
    }
}
