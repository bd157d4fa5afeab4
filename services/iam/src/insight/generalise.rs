//! Resources with generated names, and many objects of one bucket, as patterns.
//!
//! A policy made from the names of one run is of no use for the next one if the names are made anew each
//! time. A name counts as generated if several resources differ in nothing but a part that looks random
//! or is a number, or if it ends in what Terraform appends to a `name_prefix`. Account, region and
//! everything before them are never generalised.

use std::collections::{BTreeMap, BTreeSet};

use cloudtwin_policy::wildcard_matches;

use super::statements;

/// So many resources with different numbers in their names make a pattern; two may be the two that there are.
const MANY_NUMBERED: usize = 3;

/// So many resources with different random parts in their names make a pattern.
const MANY_RANDOM: usize = 2;

/// So many objects of a bucket with one action are more than those that a program names.
const MANY_OBJECTS: usize = 4;

/// The length of what Terraform appends to prefixes: date and time to a tenth of a millisecond, and a
/// counter in hexadecimal.
const TERRAFORM_SUFFIX: usize = 26;

/// How resources are written in policies: what was observed, to what stands for it.
pub(super) struct Patterns(BTreeMap<String, String>);

impl Patterns {
    /// Finds the generated names among all resources that a principal has used.
    pub(super) fn of<'a>(resources: impl Iterator<Item = &'a str>) -> Self {
        let resources: BTreeSet<&str> = resources.collect();
        let mut alike: BTreeMap<Vec<&str>, Vec<Split<'_>>> = BTreeMap::new();
        for &resource in &resources {
            if let Some(split) = Split::of(resource) {
                alike.entry(split.skeleton()).or_default().push(split);
            }
        }
        let mut patterns = BTreeMap::new();
        for group in alike.into_values() {
            for split in &group {
                if let Some(pattern) = split.pattern(&group) {
                    patterns.insert(split.resource.to_owned(), pattern);
                }
            }
        }
        for &resource in &resources {
            if !patterns.contains_key(resource)
                && let Some(pattern) = without_terraform_suffix(resource)
            {
                patterns.insert(resource.to_owned(), pattern);
            }
        }
        Self(patterns)
    }

    /// What a policy says for these resources of one action; nothing in it is said twice.
    pub(super) fn apply(&self, resources: &BTreeSet<&str>) -> BTreeSet<String> {
        let written = resources.iter().map(|resource| match self.0.get(*resource) {
            Some(pattern) => pattern.clone(),
            None => statements::resource(resource),
        });
        let written = with_fewer_objects(written.collect());
        let covered = |resource: &String| {
            written.iter().any(|pattern| {
                // A pattern for the name of a bucket is not one for its objects, though it matches them.
                let objects = |text: &str| is_of_s3(text) && text.contains('/');
                pattern != resource
                    && !pattern.contains("${")
                    && objects(pattern) == objects(resource)
                    && wildcard_matches(pattern, resource)
            })
        };
        written.iter().filter(|resource| !covered(resource)).cloned().collect()
    }
}

fn is_of_s3(arn: &str) -> bool {
    arn.starts_with("arn:aws:s3:::")
}

/// How a part of a name looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Chosen,
    Number,
    Random,
}

/// The parts of a resource's name, with the separators between them as parts.
struct Split<'a> {
    resource: &'a str,
    parts: Vec<(&'a str, Look)>,
}

impl<'a> Split<'a> {
    /// Nothing if no part of the name looks generated.
    fn of(resource: &'a str) -> Option<Self> {
        let name_at = resource.match_indices(':').nth(4).map(|(at, _)| at + 1)?;
        let (head, name) = resource.split_at_checked(name_at)?;
        let mut parts = vec![(head, Look::Chosen)];
        let mut rest = name;
        while !rest.is_empty() {
            let end = if is_uuid(rest) { UUID } else { end_of_part(rest) };
            let Some((part, tail)) = rest.split_at_checked(end) else { break };
            parts.push((part, look(part)));
            rest = tail;
        }
        parts.iter().any(|(_, look)| *look != Look::Chosen).then_some(Self { resource, parts })
    }

    /// What resources have in common that are alike.
    fn skeleton(&self) -> Vec<&'a str> {
        self.parts.iter().map(|(part, look)| if *look == Look::Chosen { part } else { "*" }).collect()
    }

    /// The pattern for a group of resources that are alike; nothing if these may be all there are.
    fn pattern(&self, group: &[Self]) -> Option<String> {
        let mut random = false;
        let mut written = Vec::with_capacity(self.parts.len());
        for (at, (part, _)) in self.parts.iter().enumerate() {
            let others = || group.iter().filter_map(|other| other.parts.get(at));
            if others().any(|(other, _)| other != part) {
                random |= others().all(|(_, look)| *look == Look::Random);
                written.push("*".to_owned());
            } else {
                // What stands for all is no name.
                written.push(if *part == "*" { "*".to_owned() } else { statements::literal(part) });
            }
        }
        let enough = if random { MANY_RANDOM } else { MANY_NUMBERED };
        if group.len() < enough {
            return None;
        }
        Some(written.concat())
    }
}

/// The length of a UUID.
const UUID: usize = 36;

/// Whether a text begins with a UUID, and nothing else that belongs to it.
fn is_uuid(text: &str) -> bool {
    let ends = text.as_bytes().get(UUID).is_none_or(|next| !next.is_ascii_alphanumeric());
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    ends && text.len() >= UUID && text.as_bytes().iter().enumerate().take(UUID).all(fits)
}

/// Where the first part ends: a separator is a part.
fn end_of_part(text: &str) -> usize {
    let separator = text.find(['/', ':', '-', '_', '.']);
    separator.unwrap_or(text.len()).max(1)
}

fn look(part: &str) -> Look {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    if digits == part.len() {
        return if digits >= TERRAFORM_SUFFIX { Look::Random } else { Look::Number };
    }
    if is_uuid(part) {
        return Look::Random;
    }
    if !part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Look::Chosen;
    }
    // Words with digits, such as `utf8` or `sha256`, are chosen by people.
    let hexadecimal = part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let turns = part
        .as_bytes()
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit()));
    let turns = turns.count();
    let random = match part.len() {
        4.. if hexadecimal && digits > 0 => true,
        8.. => digits > 0 && turns >= 2,
        6.. => turns >= 3,
        _ => false,
    };
    if random { Look::Random } else { Look::Chosen }
}

/// The name without what Terraform has appended to it, if there is anything before that.
fn without_terraform_suffix(resource: &str) -> Option<String> {
    let name_at = resource.match_indices(':').nth(4).map(|(at, _)| at + 1)?;
    let (head, name) = resource.split_at_checked(name_at)?;
    let (parents, own) = match name.rfind('/') {
        Some(at) => name.split_at_checked(at + 1)?,
        None => ("", name),
    };
    // A bucket's name comes before the keys of its objects.
    let (bucket, key) = match name.split_once('/') {
        Some((bucket, key)) if is_of_s3(resource) => (bucket, Some(key)),
        _ => ("", None),
    };
    if let Some(key) = key {
        let bucket = strip(bucket)?;
        return Some(format!(
            "{head}{bucket}*/{}",
            if key == "*" { key.to_owned() } else { statements::literal(key) }
        ));
    }
    let own = strip(own)?;
    Some(format!("{head}{parents}{own}*"))
}

fn strip(name: &str) -> Option<&str> {
    let (prefix, suffix) = name.split_at_checked(name.len().checked_sub(TERRAFORM_SUFFIX)?)?;
    let (time, counter) = suffix.split_at_checked(18)?;
    let is_date = time.starts_with("20") && time.bytes().all(|byte| byte.is_ascii_digit());
    let is_counter = counter.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (!prefix.is_empty() && is_date && is_counter).then_some(prefix)
}

/// Many keys of one bucket become what they begin with, up to a `/`.
fn with_fewer_objects(resources: BTreeSet<String>) -> BTreeSet<String> {
    let mut buckets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut written = BTreeSet::new();
    for resource in resources {
        match resource.split_once('/') {
            Some((bucket, key)) if is_of_s3(&resource) => {
                buckets.entry(bucket.to_owned()).or_default().push(key.to_owned());
            }
            _ => {
                written.insert(resource);
            }
        }
    }
    for (bucket, keys) in buckets {
        if keys.len() < MANY_OBJECTS {
            written.extend(keys.iter().map(|key| format!("{bucket}/{key}")));
            continue;
        }
        let first = keys.first().map(String::as_str).unwrap_or_default();
        let common = keys.iter().fold(first, |common, key| common_start(common, key));
        let directory = common.rfind('/').and_then(|at| common.get(..=at)).unwrap_or_default();
        // Within a pattern nothing is common.
        let directory = if directory.contains('*') { "" } else { directory };
        written.insert(format!("{bucket}/{directory}*"));
    }
    written
}

fn common_start<'a>(a: &'a str, b: &str) -> &'a str {
    let mut end = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    while !a.is_char_boundary(end) {
        end -= 1;
    }
    a.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(resources: &[&str], expected: &[&str]) {
        let patterns = Patterns::of(resources.iter().copied());
        let found: Vec<_> = patterns.apply(&resources.iter().copied().collect()).into_iter().collect();
        assert_eq!(found, expected);
    }

    fn queue(name: &str) -> String {
        format!("arn:aws:sqs:us-east-1:000000000000:{name}")
    }

    #[test]
    fn resources_that_people_have_named_stay_as_they_are() {
        let two = [queue("jobs"), queue("jobs-dead")];
        check(&[&two[0], &two[1]], &[&two[0], &two[1]]);
        let years = ["arn:aws:s3:::photos-2024", "arn:aws:s3:::photos-2025"];
        check(&years, &years);
        let hashes = ["arn:aws:s3:::sums/md5", "arn:aws:s3:::sums/sha256"];
        check(&hashes, &hashes);
        check(&["*"], &["*"]);
    }

    #[test]
    fn generated_names_become_patterns() {
        check(&[&queue("job-5fa1c3d2"), &queue("job-9b01e7aa")], &[&queue("job-*")]);
        check(&[&queue("shard-1"), &queue("shard-2"), &queue("shard-3")], &[&queue("shard-*")]);
        check(
            &[
                "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab",
                "arn:aws:kms:us-east-1:000000000000:key/99999999-0000-4444-8888-abcdefabcdef",
            ],
            &["arn:aws:kms:us-east-1:000000000000:key/*"],
        );
        // Other accounts and regions are other resources.
        let elsewhere = "arn:aws:sqs:eu-west-1:000000000000:job-9b01e7aa";
        check(&[&queue("job-5fa1c3d2"), elsewhere], &[elsewhere, &queue("job-5fa1c3d2")]);
    }

    #[test]
    fn what_terraform_appends_is_left_out() {
        check(&[&queue("jobs-20261122204641123400000001")], &[&queue("jobs-*")]);
        check(&["arn:aws:s3:::logs-2026112220464112340000000a/x"], &["arn:aws:s3:::logs-*/x"]);
        check(
            &["arn:aws:iam::000000000000:role/ci/deploy20261122204641123400000001"],
            &["arn:aws:iam::000000000000:role/ci/deploy*"],
        );
        // Without a name before it, that would be everybody's.
        let bare = queue("20261122204641123400000001");
        check(&[&bare], &[&bare]);
    }

    #[test]
    fn many_objects_become_their_directory_or_bucket() {
        check(
            &["arn:aws:s3:::b/in/a", "arn:aws:s3:::b/in/c"],
            &["arn:aws:s3:::b/in/a", "arn:aws:s3:::b/in/c"],
        );
        let many =
            ["arn:aws:s3:::b/in/a", "arn:aws:s3:::b/in/c", "arn:aws:s3:::b/in/d", "arn:aws:s3:::b/in/e"];
        check(&many, &["arn:aws:s3:::b/in/*"]);
        let spread = ["arn:aws:s3:::b/a", "arn:aws:s3:::b/c", "arn:aws:s3:::b/d", "arn:aws:s3:::b/x/e"];
        check(&spread, &["arn:aws:s3:::b/*"]);
        // The bucket itself is another resource.
        check(&["arn:aws:s3:::b", "arn:aws:s3:::b/*"], &["arn:aws:s3:::b", "arn:aws:s3:::b/*"]);
    }

    #[test]
    fn wildcards_in_keys_are_no_wildcards() {
        check(&["arn:aws:s3:::b/a*?${x}"], &["arn:aws:s3:::b/a${*}${?}${$}{x}"]);
    }
}
