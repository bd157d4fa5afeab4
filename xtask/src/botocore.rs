//! Reads AWS's API models out of the botocore wheel.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};

use flate2::read::GzDecoder;
use serde_json::Value;
use zip::ZipArchive;

use crate::failure::{Context, Result};
use crate::packages::{Package, Registry};

/// The pinned release; raise version, file name and digest together.
pub(crate) const BOTOCORE: Package = Package {
    registry: Registry::PyPi,
    name: "botocore",
    version: "1.44.5",
    file: "botocore-1.44.5-py3-none-any.whl",
    sha256: "8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921",
};

/// Largest model file we are ready to unpack, in bytes (EC2's is about 8 MB).
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

/// The opened wheel.
pub(crate) struct Botocore {
    archive: ZipArchive<Cursor<Vec<u8>>>,
    /// Newest API version of each service, by botocore's directory name.
    versions: BTreeMap<String, String>,
}

impl Botocore {
    /// Fetches (or finds in the cache) and opens the pinned release.
    pub(crate) fn open() -> Result<Self> {
        let archive =
            ZipArchive::new(Cursor::new(BOTOCORE.bytes()?)).context("opening the botocore wheel")?;
        let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for name in archive.file_names() {
            let Some(path) = name.strip_prefix("botocore/data/") else { continue };
            let mut parts = path.split('/');
            if let (Some(service), Some(version), Some("service-2.json.gz"), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            {
                versions.entry(service.to_owned()).or_default().insert(version.to_owned());
            }
        }
        let versions = versions
            .into_iter()
            .filter_map(|(service, versions)| Some((service, versions.last()?.clone())))
            .collect();
        Ok(Self { archive, versions })
    }

    /// Every service's directory name, sorted.
    pub(crate) fn services(&self) -> Vec<String> {
        self.versions.keys().cloned().collect()
    }

    /// The `service-2` document of a service's newest API version.
    pub(crate) fn model(&mut self, service: &str) -> Result<Value> {
        self.document(service, "service-2.json.gz")?.context(format_args!("model of {service}"))
    }

    /// The paginators of a service, if it has any.
    pub(crate) fn paginators(&mut self, service: &str) -> Result<Option<Value>> {
        self.document(service, "paginators-1.json")
    }

    fn document(&mut self, service: &str, file: &str) -> Result<Option<Value>> {
        let version = self.versions.get(service).context(format_args!("service {service} in botocore"))?;
        let path = format!("botocore/data/{service}/{version}/{file}");
        if self.archive.index_for_name(&path).is_none() {
            return Ok(None);
        }
        let entry = self.archive.by_name(&path).context(&path)?;
        let mut text = String::new();
        if file.ends_with(".gz") {
            GzDecoder::new(entry).take(LARGEST_FILE).read_to_string(&mut text).context(&path)?;
        } else {
            entry.take(LARGEST_FILE).read_to_string(&mut text).context(&path)?;
        }
        serde_json::from_str(&text).map(Some).context(&path)
    }
}
