//! Colours on terminals.

use std::io::IsTerminal;

/// Whether and how texts are coloured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Colours(bool);

impl Colours {
    /// Colours for terminals, unless `NO_COLOR` asks for none (<https://no-color.org>).
    pub(crate) fn of(stream: &impl IsTerminal) -> Self {
        Self(stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    #[cfg(test)]
    pub(crate) const ALWAYS: Self = Self(true);
    #[cfg(test)]
    pub(crate) const NEVER: Self = Self(false);

    fn paint(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What went well.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What did not.
    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// What to look at.
    pub(crate) fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What is beside the point.
    pub(crate) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }
}
