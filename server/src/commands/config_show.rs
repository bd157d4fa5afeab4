//! `config show`: the settings in force, where they came from and what they do.

use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::cli::{Cli, Format, InstanceArgs};
use crate::config;
use crate::directories;
use crate::failure::{Failure, Kind};
use crate::gateway::tls;
use crate::settings::{self, Kind as SettingKind, Setting, Settings, Status};
use crate::table;

/// Prints the settings.
pub(crate) fn show(
    cli: &Cli,
    format: Format,
    ca_certificate: bool,
    instance: &InstanceArgs,
) -> Result<(), Failure> {
    let settings = config::load_settings(cli, instance);
    let data_dir = config::data_dir(&settings)?;
    let mut out = std::io::stdout();
    if ca_certificate {
        let pem = tls::ensure_authority(&data_dir).map_err(|problem| Failure::new(Kind::DataDir, problem))?;
        let _ = out.write_all(pem.as_bytes());
        return Ok(());
    }
    let text = match format {
        Format::Json | Format::Dict => format!("{:#}\n", as_json(&settings, &data_dir)),
        Format::Plain => settings::all()
            .map(|setting| format!("{}={}\n", setting.name, shown(&settings, setting)))
            .collect(),
        Format::Table => as_table(&settings, &data_dir),
    };
    // A closed pipe is nobody waiting for the answer.
    let _ = out.write_all(text.as_bytes());
    let mut err = std::io::stderr();
    for warning in settings.warnings() {
        let _ = writeln!(err, "warning: {warning}");
    }
    Ok(())
}

/// The value in force, as far as it may be seen.
fn shown(settings: &Settings, setting: &Setting) -> String {
    match settings.text(setting.name) {
        Some(_) if setting.kind == SettingKind::Secret => "********".to_owned(),
        Some(value) => value.to_owned(),
        None if setting.default.is_empty() => computed_default(settings, setting.name),
        None => setting.default.to_owned(),
    }
}

/// Defaults that depend on this machine.
fn computed_default(settings: &Settings, name: &str) -> String {
    let in_container = directories::in_container(settings);
    match name {
        "GATEWAY_LISTEN" => {
            let addresses = config::listen_addresses(settings, in_container).unwrap_or_default();
            addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        }
        "LOCALSTACK_HOST" => config::DEFAULT_PUBLIC_HOST.to_owned(),
        "OVERRIDE_IN_DOCKER" => u8::from(in_container).to_string(),
        "DATA_DIR" => config::data_dir(settings).map(|dir| dir.display().to_string()).unwrap_or_default(),
        _ => String::new(),
    }
}

fn as_table(settings: &Settings, data_dir: &Path) -> String {
    let row = |setting: &Setting| {
        let origin = settings.origin(setting.name).to_string();
        vec![setting.name.to_owned(), shown(settings, setting), origin, setting.meaning.to_owned()]
    };
    let used: Vec<_> = settings::all().filter(|setting| setting.status == Status::Used).map(row).collect();
    let mut text = table::draw(&["Setting", "Value", "From", "Meaning"], &used);
    let without_effect: Vec<_> = settings::all()
        .filter_map(|setting| match setting.status {
            Status::Unneeded(why) | Status::Pending(why) if settings.is_set(setting.name) => {
                Some((setting, why))
            }
            _ => None,
        })
        .map(|(setting, why)| {
            let origin = settings.origin(setting.name).to_string();
            vec![setting.name.to_owned(), shown(settings, setting), origin, why.to_owned()]
        })
        .collect();
    if !without_effect.is_empty() {
        text += "\nSet, but without effect:\n";
        text += &table::draw(&["Setting", "Value", "From", "Because"], &without_effect);
    }
    let accepted = settings::all().filter(|setting| setting.status != Status::Used).count();
    text += &format!(
        "\nData directory: {}\nCertificate to trust for https: {} (made when it is first needed)\n\
         {accepted} more settings of LocalStack are accepted without effect; --format json lists them all.\n",
        data_dir.display(),
        tls::authority_file(data_dir).display(),
    );
    text
}

/// Every setting by name.
fn as_json(settings: &Settings, data_dir: &Path) -> Value {
    let all: Map<String, Value> = settings::all()
        .map(|setting| {
            let (status, why) = match setting.status {
                Status::Used => ("used", None),
                Status::Unneeded(why) | Status::Pending(why) => ("accepted without effect", Some(why)),
            };
            let mut entry = json!({
                "value": shown(settings, setting),
                "origin": settings.origin(setting.name).to_string(),
                "default": setting.default,
                "meaning": setting.meaning,
                "status": status,
            });
            if let (Some(why), Some(entry)) = (why, entry.as_object_mut()) {
                entry.insert("because".to_owned(), why.into());
            }
            (setting.name.to_owned(), entry)
        })
        .collect();
    json!({
        "settings": all,
        "data_dir": data_dir,
        "ca_certificate": tls::authority_file(data_dir),
        "warnings": settings.warnings(),
    })
}

/// The values alone, for `/_localstack/config`.
pub(crate) fn values(settings: &Settings) -> Value {
    let values: Map<String, Value> =
        settings::all().map(|setting| (setting.name.to_owned(), shown(settings, setting).into())).collect();
    Value::Object(values)
}
