//! Writes the Rust side of an AWS API model: structures, static schemas, operations, errors and
//! authorisation data, for the operations that a service serves or calls.
//!
//! A service crate's `build.rs` is one line, [`build`]. The operations that are *served* are read
//! from the `.op(Name, …)` lines of the crate's own `src/lib.rs`, so that they stand in one place;
//! the operations of other services that it *calls* stand in its `service.toml`.

mod actions;
mod authorization;
mod model;
mod names;
mod operations;
mod schemas;
mod shapes;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

pub use actions::build_action_list;
pub use model::{Model, ModelError, Side};

/// A service crate's `service.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceFile {
    /// Name of the model, `models/<model>.json`.
    model: String,
    /// Whether outputs are kept as rows, so that their shapes can be read as well as written.
    #[serde(default)]
    keeps_outputs: bool,
    /// Operations of other services that this one calls, as `service:Operation`.
    #[serde(default)]
    calls: Vec<String>,
}

/// The build script of a service crate: writes `$OUT_DIR/api.rs` from `service.toml`, `src/lib.rs`
/// and the models. Prints what went wrong and ends the build otherwise.
pub fn build() {
    if let Err(error) = build_in_cargo() {
        #[expect(clippy::print_stdout, reason = "cargo reads a build script's directives from stdout")]
        {
            println!("cargo::error={error}");
        }
    }
}

fn build_in_cargo() -> Result<(), String> {
    let env = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set: run by cargo only"));
    let (krate, out) = (env("CARGO_MANIFEST_DIR")?, env("OUT_DIR")?);
    let krate = Path::new(&krate);
    let models = krate.join("../../models");
    let (settings, index) = (krate.join("service.toml"), krate.join("src/lib.rs"));
    let file: ServiceFile =
        toml::from_str(&read(&settings)?).map_err(|e| format!("{}: {e}", settings.display()))?;
    let served = served_operations(&read(&index)?);
    let mut inputs = vec![settings, index];
    let side = if file.keeps_outputs { Side::Keeper } else { Side::Server };
    let mut text = generate_service(&models, &file.model, &served, side, &mut inputs)?;

    let mut called: Vec<(&str, BTreeSet<String>)> = Vec::new();
    for call in &file.calls {
        let (service, operation) = call
            .split_once(':')
            .ok_or_else(|| format!("`{call}` in service.toml is not service:Operation"))?;
        match called.iter_mut().find(|(name, _)| *name == service) {
            Some((_, operations)) => drop(operations.insert(operation.to_owned())),
            None => called.push((service, BTreeSet::from([operation.to_owned()]))),
        }
    }
    for (service, operations) in called {
        let inner = generate_service(&models, service, &operations, Side::Client, &mut inputs)?;
        let _ = write!(
            text,
            "\n/// Operations of `{service}` that this service calls.\npub mod {service} {{\n{inner}}}\n"
        );
    }

    let target = Path::new(&out).join("api.rs");
    std::fs::write(&target, text).map_err(|e| format!("{}: {e}", target.display()))?;
    for input in inputs {
        #[expect(clippy::print_stdout, reason = "cargo reads a build script's directives from stdout")]
        {
            println!("cargo::rerun-if-changed={}", input.display());
        }
    }
    Ok(())
}

fn generate_service(
    models: &Path,
    service: &str,
    operations: &BTreeSet<String>,
    side: Side,
    inputs: &mut Vec<std::path::PathBuf>,
) -> Result<String, String> {
    let path = models.join(format!("{service}.json"));
    let authz = models.join(format!("authz/{service}.json"));
    let parse = |path: &Path| -> Result<Value, String> {
        serde_json::from_str(&read(path)?).map_err(|e| format!("{}: {e}", path.display()))
    };
    let text = generate(&parse(&path)?, &parse(&authz)?, operations, side).map_err(|e| e.to_string())?;
    inputs.extend([path, authz]);
    Ok(text)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// The names in `.op(Name, …)` and `.op(api::Name, …)` of a service's index.
pub fn served_operations(source: &str) -> BTreeSet<String> {
    source
        .lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with("//"))
        .flat_map(|line| line.split(".op(").skip(1))
        .filter_map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).next())
        .filter_map(|path| path.rsplit("::").next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Writes the Rust text for `operations` of a model (`models/<svc>.json`) with its authorisation
/// data (`models/authz/<svc>.json`).
///
/// # Errors
/// When the model does not have an operation or shape that is asked for, or an operation has no
/// authorisation data: such an operation cannot be served.
pub fn generate(
    model: &Value,
    authz: &Value,
    operations: &BTreeSet<String>,
    side: Side,
) -> Result<String, ModelError> {
    let model = Model::load(model, operations, side)?;
    let mut text = String::from("use cloudtwin_smithy::generated::*;\n");
    schemas::write(&model, &mut text);
    shapes::write(&model, &mut text);
    operations::write(&model, side, &mut text);
    authorization::write(authz, operations, &mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_a_service_names_what_it_serves() {
        let source = "Service::new(&SERVICE)\n  .op(CreateQueue, queues::create)\n // .op(Off, x)\n .op(api::TagQueue, t)";
        let found: Vec<String> = served_operations(source).into_iter().collect();
        assert_eq!(found, ["CreateQueue", "TagQueue"]);
    }
}
