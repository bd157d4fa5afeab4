//! The context entries of a simulation.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudtwin_policy::{Context, KeyValue};
use cloudtwin_smithy::schema::TimestampFormat;
use cloudtwin_smithy::{AwsError, Timestamp};

use crate::api::ContextEntry;
use crate::errors;

/// The context that the entries of a request make. A key that is not among them is absent.
pub(crate) fn context(entries: Vec<ContextEntry>) -> Result<Context, AwsError> {
    let mut context = Context::new();
    for entry in entries {
        let name = entry.context_key_name.unwrap_or_default();
        if name.is_empty() {
            return Err(errors::invalid_input("The context key name must not be empty."));
        }
        let values = entry.context_key_values.unwrap_or_default();
        let (kind, is_list) = match entry.context_key_type.as_deref() {
            Some(kind) => kind.strip_suffix("List").map_or((kind, false), |kind| (kind, true)),
            None => ("string", false),
        };
        if let Some(wrong) = values.iter().find(|value| !is_of(kind, value)) {
            return Err(errors::invalid_input(format!(
                "Invalid value {wrong} for context key {name} of type {kind}."
            )));
        }
        let value = match <[String; 1]>::try_from(values) {
            Ok([value]) if !is_list => KeyValue::from(value),
            Ok(value) => KeyValue::Many(value.into()),
            Err(values) => KeyValue::Many(values),
        };
        context.set(name, value);
    }
    Ok(context)
}

/// Whether a value is of a type of context keys.
fn is_of(kind: &str, value: &str) -> bool {
    match kind {
        "numeric" => value.parse::<f64>().is_ok_and(f64::is_finite),
        "boolean" => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
        "ip" => {
            let (address, prefix) = value.split_once('/').unwrap_or((value, "0"));
            address.parse::<IpAddr>().is_ok() && prefix.parse::<u8>().is_ok_and(|bits| bits <= 128)
        }
        "binary" => STANDARD.decode(value).is_ok(),
        "date" => {
            let day = format!("{value}T00:00:00Z");
            let date = |text| Timestamp::parse(text, TimestampFormat::DateTime).is_some();
            date(value) || date(&day) || value.parse::<i64>().is_ok()
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fit_their_type() {
        for (kind, right, wrong) in [
            ("numeric", "-1.5", "one"),
            ("boolean", "True", "yes"),
            ("ip", "2001:db8::1", "10.0.0"),
            ("ip", "10.0.0.0/8", "10.0.0.0/x"),
            ("binary", "QQ==", "%"),
            ("date", "2015-08-16T12:00:00Z", "soon"),
        ] {
            assert!(is_of(kind, right) && !is_of(kind, wrong), "{kind}");
        }
    }

    #[test]
    fn a_list_stays_a_list() {
        let entry = |kind: &str, values: &[&str]| ContextEntry {
            context_key_name: Some("aws:TagKeys".to_owned()),
            context_key_values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
            context_key_type: Some(kind.to_owned()),
        };
        let value = |entry| context(vec![entry]).unwrap().get("aws:TagKeys").cloned();
        assert_eq!(value(entry("string", &["a"])), Some(KeyValue::from("a")));
        assert_eq!(value(entry("stringList", &["a"])), Some(KeyValue::Many(vec!["a".to_owned()])));
        assert_eq!(value(entry("stringList", &[])), None);
        assert_eq!(context(vec![entry("numeric", &["x"])]).unwrap_err().code(), "InvalidInput");
    }
}
