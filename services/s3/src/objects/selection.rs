//! Which bytes of an object a read selects: a range, a part, or all.

use std::ops::Range;

use cloudtwin_smithy::AwsError;

use crate::api::errors;
use crate::errors::{invalid_argument, invalid_request};
use crate::ranges;
use crate::state::{PartSummary, StoredObject};

/// What a read selects.
pub(super) struct Selection {
    pub(super) bytes: Range<u64>,
    /// Whether the answer is `206 Partial Content`.
    pub(super) partial: bool,
    /// The part that was asked for, if the object has parts.
    pub(super) part: Option<PartSummary>,
}

impl Selection {
    /// Reads the `Range` header and `partNumber` parameter.
    ///
    /// # Errors
    /// `InvalidRange`, `InvalidPartNumber`, `InvalidRequest`, `InvalidArgument`.
    pub(super) fn of(
        object: &StoredObject,
        range: Option<&str>,
        part_number: Option<i32>,
    ) -> Result<Self, AwsError> {
        if let Some(number) = part_number {
            if range.is_some() {
                return Err(invalid_request(
                    "Cannot specify both Range header and partNumber query parameter",
                ));
            }
            return Self::of_part(object, number);
        }
        let selected = range.map(|range| ranges::select(range, object.size)).transpose()?.flatten();
        let partial = selected.is_some();
        Ok(Self { bytes: selected.unwrap_or(0..object.size), partial, part: None })
    }

    fn of_part(object: &StoredObject, number: i32) -> Result<Self, AwsError> {
        let wanted =
            u32::try_from(number).ok().filter(|number| (1..=10_000).contains(number)).ok_or_else(|| {
                invalid_argument(
                    "Part number must be an integer between 1 and 10000, inclusive",
                    "partNumber",
                    &number.to_string(),
                )
            })?;
        if object.parts.is_empty() {
            if wanted != 1 {
                return Err(no_such_part(1, number));
            }
            return Ok(Self { bytes: 0..object.size, partial: object.size > 0, part: None });
        }
        let mut start = 0;
        for part in &object.parts {
            if part.number == wanted {
                return Ok(Self { bytes: start..start + part.size, partial: true, part: Some(part.clone()) });
            }
            start += part.size;
        }
        Err(no_such_part(object.parts.len(), number))
    }

    /// Whether nothing of the object is left out.
    pub(super) fn is_whole(&self, object: &StoredObject) -> bool {
        self.bytes == (0..object.size)
    }

    /// `Content-Range`, of partial answers.
    pub(super) fn content_range(&self, object: &StoredObject) -> Option<String> {
        self.partial.then(|| ranges::content_range(&self.bytes, object.size))
    }
}

fn no_such_part(count: usize, requested: i32) -> AwsError {
    errors::INVALID_PART_NUMBER
        .with("The requested partnumber is not satisfiable")
        .field("ActualPartCount", count as i64)
        .field("PartNumberRequested", i64::from(requested))
}

/// Shows what GET and HEAD have in common.
macro_rules! show_object {
    ($output:expr, $input:expr, $bucket:expr, $object:expr, $selection:expr) => {{
        let (object, selection) = (&$object, &$selection);
        $output.accept_ranges = Some("bytes".to_owned());
        $output.last_modified = Some(object.modified);
        $output.e_tag = Some(format!("\"{}\"", object.etag));
        $output.content_length =
            Some(i64::try_from(selection.bytes.end - selection.bytes.start).unwrap_or(i64::MAX));
        $output.content_range = selection.content_range(object);
        $output.status_code = selection.partial.then_some(206);
        $output.version_id = $crate::versions::read_header(&$bucket, object);
        $output.storage_class = object.storage_class_header();
        $output.metadata = $crate::metadata::shown(&object.metadata);
        $output.tag_count = i32::try_from(object.tags.len()).ok().filter(|count| *count > 0);
        $output.restore = $crate::restore::header(object);
        if selection.part.is_some() || ($input.part_number.is_some() && !object.parts.is_empty()) {
            $output.parts_count = i32::try_from(object.parts.len()).ok();
        }
        $crate::metadata::show_headers!($output, object);
        $crate::encryption::show_encryption!($output, object);
        $crate::object_lock::show_lock!($output, object);
        if $input.checksum_mode.as_deref() == Some("ENABLED")
            && let Some(checksum) = &object.checksum
        {
            let value = match &selection.part {
                Some(part) => part.checksum.as_deref(),
                None if selection.is_whole(object) => Some(checksum.value.as_str()),
                None => None,
            };
            if let Some(value) = value {
                $crate::checksums::set_checksum!($output, checksum.algorithm.as_str(), value);
                $output.checksum_type = Some(checksum.kind().to_owned());
            }
        }
        $crate::metadata::override_headers!($output, $input);
    }};
}
pub(super) use show_object;
