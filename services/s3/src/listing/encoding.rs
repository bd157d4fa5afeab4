//! `encoding-type=url`: keys that XML cannot carry.

use cloudtwin_smithy::AwsError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::errors::invalid_argument;

/// What is written as it is; a blank becomes `+`.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

/// How a listing writes keys, prefixes and markers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoding {
    url: bool,
}

impl Encoding {
    /// Reads the parameter.
    ///
    /// # Errors
    /// `InvalidArgument` for anything but `url`.
    pub(crate) fn of(parameter: Option<&str>) -> Result<Self, AwsError> {
        match parameter {
            None => Ok(Self { url: false }),
            Some("url") => Ok(Self { url: true }),
            Some(other) => {
                Err(invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", other))
            }
        }
    }

    /// A text as the answer carries it.
    pub(crate) fn write(self, text: &str) -> String {
        if self.url {
            utf8_percent_encode(text, ENCODED).to_string().replace(' ', "+")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_stay_and_blanks_become_pluses() {
        let url = Encoding::of(Some("url")).unwrap();
        assert_eq!(url.write("a b/date=1/ü%"), "a+b/date%3D1/%C3%BC%25");
        assert_eq!(Encoding::of(None).unwrap().write("a b"), "a b");
        assert!(Encoding::of(Some("value")).is_err());
    }
}
