//! The `Range` header (RFC 9110, section 14.2), as far as S3 honours it.

use std::ops::Range;

use cloudtwin_smithy::AwsError;

use crate::api::errors;

/// The bytes that a `Range` header selects of `size` bytes; `None` when the whole object is to be
/// sent, because the header is none that S3 understands (several ranges, another unit).
///
/// # Errors
/// `InvalidRange` when no byte is selected.
pub(crate) fn select(header: &str, size: u64) -> Result<Option<Range<u64>>, AwsError> {
    let Some((first, last)) = parse(header) else { return Ok(None) };
    let range = match (first, last) {
        (Some(first), Some(last)) if first > last => return Ok(None),
        (Some(first), Some(last)) => first..size.min(last.saturating_add(1)),
        (Some(first), None) => first..size,
        (None, Some(suffix)) => size.saturating_sub(suffix)..size,
        (None, None) => return Ok(None),
    };
    if range.is_empty() {
        return Err(errors::INVALID_RANGE
            .with("The requested range is not satisfiable")
            .field("RangeRequested", header)
            .field("ActualObjectSize", i64::try_from(size).unwrap_or(i64::MAX)));
    }
    Ok(Some(range))
}

/// First and last byte of the header's only range.
fn parse(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = header.trim().split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(digits.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    };
    Some((number(first)?, number(last)?))
}

/// `bytes 0-9/100`.
pub(crate) fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

/// The range of a part's copy source: `bytes=first-last`, both given and within the source.
///
/// # Errors
/// `InvalidArgument` or `InvalidRequest`, as S3 tells these apart.
pub(crate) fn copy_source(header: &str, size: u64) -> Result<Range<u64>, AwsError> {
    let invalid = |message: &str| crate::errors::invalid_argument(message, "x-amz-copy-source-range", header);
    let (Some((Some(first), Some(last))), true) = (parse(header), header.starts_with("bytes=")) else {
        return Err(invalid(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
        ));
    };
    if first > last {
        return Err(invalid(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
        ));
    }
    if first >= size {
        return Err(crate::errors::invalid_request(
            "The specified copy range is invalid for the source object size",
        ));
    }
    if last >= size {
        return Err(invalid(&format!("Range specified is not valid for source object of size: {size}")));
    }
    Ok(first..last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_select_what_http_says() {
        let select = |header| select(header, 10).ok().flatten();
        assert_eq!(select("bytes=0-8"), Some(0..9));
        assert_eq!(select("bytes=1-"), Some(1..10));
        assert_eq!(select("bytes=-5"), Some(5..10));
        assert_eq!(select("bytes=-15"), Some(0..10));
        assert_eq!(select("bytes=0-100"), Some(0..10));
        assert_eq!(select("bytes=5-3"), None);
        assert_eq!(select("bytes=0-1,3-4"), None);
        assert_eq!(select("items=0-1"), None);
    }

    #[test]
    fn ranges_without_a_byte_are_refused() {
        for header in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999-"] {
            let error = select(header, 10).unwrap_err();
            assert_eq!((error.code(), error.status()), ("InvalidRange", 416), "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_selects_bytes_of_the_object(header in "(bytes=)?[0-9,-]{0,12}", size in 0..50u64) {
            if let Ok(Some(range)) = select(&header, size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}
