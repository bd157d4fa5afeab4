//! How strictly IAM is applied.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};

/// What happens with the decisions of the policy engine. The names are those of LocalStack's
/// `/_aws/iam/config`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Enforcement {
    /// No decision is made.
    #[default]
    Disabled,
    /// Decisions are made and kept, nothing is logged or refused.
    EngineOnly,
    /// Decisions are made and kept, and what would be refused is logged.
    SoftMode,
    /// What is not allowed is refused.
    Enforced,
}

impl Enforcement {
    const ALL: [Self; 4] = [Self::Disabled, Self::EngineOnly, Self::SoftMode, Self::Enforced];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disabled => "DISABLED",
            Self::EngineOnly => "ENGINE_ONLY",
            Self::SoftMode => "SOFT_MODE",
            Self::Enforced => "ENFORCED",
        }
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no state of enforcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownEnforcement(String);

impl fmt::Display for UnknownEnforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Enforcement::ALL.map(Enforcement::name).join(", ");
        write!(f, "`{}` is no state of IAM enforcement; it is one of {names}", self.0)
    }
}

impl std::error::Error for UnknownEnforcement {}

impl FromStr for Enforcement {
    type Err = UnknownEnforcement;

    fn from_str(text: &str) -> Result<Self, UnknownEnforcement> {
        let named = |state: &Self| state.name().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(named).ok_or_else(|| UnknownEnforcement(text.to_owned()))
    }
}

/// The state of a running cloud.
#[derive(Debug, Default)]
pub(crate) struct Switch(AtomicU8);

impl Switch {
    pub(crate) fn new(state: Enforcement) -> Self {
        Self(AtomicU8::new(state as u8))
    }

    pub(crate) fn get(&self) -> Enforcement {
        let index = usize::from(self.0.load(Ordering::Relaxed));
        // What cannot be read is enforced: a switch never opens a door by mistake.
        Enforcement::ALL.get(index).copied().unwrap_or(Enforcement::Enforced)
    }

    pub(crate) fn set(&self, state: Enforcement) {
        self.0.store(state as u8, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_by_their_names() {
        for state in Enforcement::ALL {
            assert_eq!(state.name().parse(), Ok(state));
            let switch = Switch::new(state);
            assert_eq!(switch.get(), state);
            switch.set(Enforcement::SoftMode);
            assert_eq!(switch.get(), Enforcement::SoftMode);
        }
        assert!("ON".parse::<Enforcement>().unwrap_err().to_string().contains("ENFORCED"));
    }
}
