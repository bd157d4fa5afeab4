//! Pinned packages from the public registries, fetched by the registries' ordinary clients.
//!
//! A package is fetched once, checked against its SHA-256 and kept in the user's cache directory; later
//! runs (and `--check` in CI with a warm cache) need no network.

use std::env;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::failure::{Context, Failure, Result};

/// Which client fetches a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registry {
    /// `pip download`.
    PyPi,
    /// `npm pack`.
    Npm,
}

/// One file of a registry, pinned by version and content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Package {
    /// Where it comes from.
    pub(crate) registry: Registry,
    /// Name in the registry.
    pub(crate) name: &'static str,
    /// Exact version.
    pub(crate) version: &'static str,
    /// Name of the downloaded file.
    pub(crate) file: &'static str,
    /// SHA-256 of the downloaded file, lower-case hexadecimal.
    pub(crate) sha256: &'static str,
}

impl Package {
    /// The package's bytes, from the cache or else from its registry.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        let cached = cache_directory()?.join(self.file);
        if let Ok(bytes) = fs::read(&cached)
            && sha256(&bytes) == self.sha256
        {
            return Ok(bytes);
        }
        let directory = tempfile::tempdir().context("making a download directory")?;
        self.download(directory.path())?;
        let bytes = fs::read(directory.path().join(self.file))
            .context(format_args!("reading the downloaded {}", self.file))?;
        let found = sha256(&bytes);
        if found != self.sha256 {
            return Err(Failure::new(format!(
                "{} {} has sha256 {found}, but {} is pinned",
                self.name, self.version, self.sha256
            )));
        }
        // Written beside the target and renamed, so that an interrupted run leaves no torn file.
        let partial = cached.with_extension("partial");
        fs::write(&partial, &bytes).context(format_args!("caching {}", self.file))?;
        fs::rename(&partial, &cached).context(format_args!("caching {}", self.file))?;
        Ok(bytes)
    }

    fn download(&self, directory: &Path) -> Result<()> {
        match self.registry {
            Registry::PyPi => {
                let requirement = format!("{}=={}", self.name, self.version);
                let arguments =
                    ["download", "--quiet", "--no-deps", "--only-binary", ":all:", requirement.as_str()];
                run(Command::new("pip").args(arguments).current_dir(directory)).or_else(|_| {
                    run(Command::new("python3").args(["-m", "pip"]).args(arguments).current_dir(directory))
                })
            }
            Registry::Npm => {
                let package = format!("{}@{}", self.name, self.version);
                run(Command::new("npm")
                    .args(["pack", "--silent", "--ignore-scripts", package.as_str()])
                    .current_dir(directory))
            }
        }
    }
}

/// Runs one client and reports its own words when it fails.
fn run(command: &mut Command) -> Result<()> {
    let output = command.output().context(format_args!("starting {command:?}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{command:?} failed ({}): {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}

fn cache_directory() -> Result<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .context("finding the cache directory")?;
    let directory = base.join("cloudtwin").join("packages");
    fs::create_dir_all(&directory).context(format_args!("creating {}", directory.display()))?;
    Ok(directory)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of one file inside an npm package (a gzipped tar archive). Files longer than `largest` bytes are
/// refused.
pub(crate) fn file_of_package(package: &[u8], file: &str, largest: u64) -> Result<String> {
    const BLOCK: u64 = 512;
    let mut archive = GzDecoder::new(package);
    loop {
        let mut header = [0_u8; BLOCK as usize];
        archive.read_exact(&mut header).context(format_args!("looking for {file}"))?;
        let field = |from: usize, to: usize| {
            let bytes = header.get(from..to).unwrap_or_default();
            let end = bytes.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(bytes.len());
            String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
        };
        let name = field(0, 100);
        if name.is_empty() {
            return Err(Failure::new(format!("the package has no {file}")));
        }
        let size = u64::from_str_radix(&field(124, 136), 8).context(format_args!("size of {name}"))?;
        if size > largest {
            return Err(Failure::new(format!("{name} is {size} bytes long")));
        }
        let mut content = Vec::new();
        archive
            .by_ref()
            .take(size.next_multiple_of(BLOCK))
            .read_to_end(&mut content)
            .context(format_args!("reading {name}"))?;
        if name == file {
            content.truncate(usize::try_from(size).context("size")?);
            return String::from_utf8(content).context(file);
        }
    }
}
