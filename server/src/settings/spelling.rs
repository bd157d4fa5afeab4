//! Telling a misspelt setting from a variable that is none of our business.

use super::{accepted, all};

/// The known setting that `name` was probably meant to be, for a name that has our prefix and so
/// was certainly meant for us.
pub(super) fn closest(name: &str) -> Option<&'static str> {
    nearest(name, 3)
}

/// The known setting that an unprefixed variable was probably meant to be.
///
/// Every program's variables pass through here, so only near misses of long names count.
pub(super) fn misspelt(variable: &str) -> Option<&'static str> {
    if variable.len() < 6 || accepted::in_family(variable) || accepted::FOREIGN.contains(&variable) {
        return None;
    }
    if !variable.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_') {
        return None;
    }
    nearest(variable, if variable.len() < 9 { 1 } else { 2 })
}

fn nearest(name: &str, limit: usize) -> Option<&'static str> {
    if name.len() > 64 {
        return None;
    }
    all()
        .map(|setting| setting.name)
        .filter(|known| known.len().abs_diff(name.len()) <= limit)
        .map(|known| (strsim::osa_distance(known, name), known))
        .filter(|(distance, known)| *distance <= limit && *distance * 3 <= known.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Whether what follows `LOCALSTACK_` or `CLOUDTWIN_` is one of the variables that Kubernetes and
/// Docker links inject for a service of that name; they are addresses, not settings.
pub(super) fn is_service_link(name: &str) -> bool {
    name == "NAME"
        || name == "PORT"
        || name.starts_with("PORT_")
        || name.starts_with("SERVICE_HOST")
        || name.starts_with("SERVICE_PORT")
        || name.starts_with("ENV_")
        || name.starts_with(|first: char| first.is_ascii_digit())
}
