//! Where things lie on this machine.

use std::path::{Path, PathBuf};

use crate::settings::{Settings, home, parse_flag};

/// The volume of LocalStack's image: compose files mount it to keep state.
const CONTAINER_VOLUME: &str = "/var/lib/localstack";

/// The init hooks of LocalStack's image.
const SYSTEM_INIT: &str = "/etc/localstack/init";

/// Whether this process runs inside a container, where loopback cannot be reached from outside.
pub(crate) fn in_container(settings: &Settings) -> bool {
    if let Some(forced) = settings.text("OVERRIDE_IN_DOCKER").and_then(parse_flag) {
        return forced;
    }
    Path::new("/.dockerenv").exists()
        || Path::new("/run/.containerenv").exists()
        || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

/// The data directory, and none when there is no home directory to put it in.
///
/// In this order: what is set, `$LOCALSTACK_VOLUME_DIR/cloudtwin`, in a container the mounted
/// volume, else the XDG state directory. In LocalStack's directories ours is a subdirectory, so
/// that neither program meets the other's files.
pub(crate) fn data_dir(settings: &Settings) -> Option<PathBuf> {
    if let Some(dir) = settings.text("DATA_DIR") {
        return Some(PathBuf::from(dir));
    }
    if let Some(volume) = settings.text("LOCALSTACK_VOLUME_DIR") {
        return Some(Path::new(volume).join("cloudtwin"));
    }
    let volume = Path::new(CONTAINER_VOLUME);
    if in_container(settings) && is_writable_dir(volume) {
        return Some(volume.join("cloudtwin"));
    }
    xdg("XDG_STATE_HOME", ".local/state").map(|dir| dir.join("cloudtwin"))
}

/// Our configuration directory: profiles and init hooks.
pub(crate) fn config_dir() -> Option<PathBuf> {
    xdg("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("cloudtwin"))
}

/// Where profiles are looked for.
pub(crate) fn profile_dirs(config_dir_setting: Option<&str>) -> Vec<PathBuf> {
    if let Some(dir) = config_dir_setting {
        return vec![PathBuf::from(dir)];
    }
    config_dir().into_iter().chain(home().map(|home| home.join(".localstack"))).collect()
}

/// Where init hooks are looked for, besides those given as options.
pub(crate) fn init_dirs() -> Vec<PathBuf> {
    std::iter::once(PathBuf::from(SYSTEM_INIT)).chain(config_dir().map(|dir| dir.join("init"))).collect()
}

fn xdg(variable: &str, below_home: &str) -> Option<PathBuf> {
    // The XDG specification: a relative path is to be ignored.
    let set = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    set.or_else(|| home().map(|home| home.join(below_home)))
}

fn is_writable_dir(path: &Path) -> bool {
    path.is_dir() && rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}
