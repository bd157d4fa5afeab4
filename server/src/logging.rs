//! Structured logs on standard error.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::settings::Settings;

/// The level that the settings ask for.
fn level(settings: &Settings) -> LevelFilter {
    match settings.text("LS_LOG").map(str::to_ascii_lowercase).as_deref() {
        Some("trace" | "trace-internal") => LevelFilter::TRACE,
        Some("debug") => LevelFilter::DEBUG,
        Some("info") => LevelFilter::INFO,
        Some("warn" | "warning") => LevelFilter::WARN,
        Some("error") => LevelFilter::ERROR,
        _ if settings.flag("DEBUG") => LevelFilter::DEBUG,
        _ => LevelFilter::INFO,
    }
}

/// Sends logs to standard error from now on.
pub(crate) fn start(settings: &Settings) {
    let level = level(settings);
    // Libraries speak up only when everything is to be heard.
    let libraries = if level == LevelFilter::TRACE { LevelFilter::DEBUG } else { LevelFilter::WARN };
    let filter = ["h2", "hyper", "hyper_util", "rustls", "tokio", "mio", "fjall", "lsm_tree"]
        .into_iter()
        .fold(Targets::new().with_default(level), |targets, library| targets.with_target(library, libraries));
    let layer = if settings.text("LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).with_filter(filter).boxed()
    } else {
        let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        fmt::layer().with_ansi(colours).with_writer(std::io::stderr).with_filter(filter).boxed()
    };
    // A second start in one process keeps the first one's logs.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}
