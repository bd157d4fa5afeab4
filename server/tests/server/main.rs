//! The real binary, started as a user starts it.

// `cfg(test)` tells the linter that every function in these modules belongs to tests.
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod init_hooks;
#[cfg(test)]
mod support;
