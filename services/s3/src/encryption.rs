//! Server-side encryption: what a request asks for, what a bucket gives by default. Nothing is
//! encrypted; everything is recorded and shown as S3 does.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cloudtwin_smithy::AwsError;
use md5::{Digest, Md5};

use crate::api::errors;
use crate::errors::{invalid_argument, invalid_argument_name, invalid_request};
use crate::state::{Bucket, CustomerKey, Encryption, StoredObject};

const HEADER: &str = "x-amz-server-side-encryption";

/// The encryption headers of a request that stores something.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Requested<'a> {
    pub(crate) algorithm: Option<&'a str>,
    pub(crate) kms_key_id: Option<&'a str>,
    pub(crate) context: Option<&'a str>,
    pub(crate) bucket_key: Option<bool>,
    pub(crate) customer: CustomerHeaders<'a>,
}

/// The headers of a customer's own key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CustomerHeaders<'a> {
    pub(crate) algorithm: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) key_md5: Option<&'a str>,
}

/// The encryption headers among an input's members.
macro_rules! requested_encryption {
    ($input:expr) => {
        $crate::encryption::Requested {
            algorithm: $input.server_side_encryption.as_deref(),
            kms_key_id: $input.ssekms_key_id.as_deref(),
            context: $input.ssekms_encryption_context.as_deref(),
            bucket_key: $input.bucket_key_enabled,
            customer: $crate::encryption::customer_headers!($input),
        }
    };
}
pub(crate) use requested_encryption;

/// The headers of a customer's own key among an input's members.
macro_rules! customer_headers {
    ($input:expr) => {
        $crate::encryption::CustomerHeaders {
            algorithm: $input.sse_customer_algorithm.as_deref(),
            key: $input.sse_customer_key.as_deref(),
            key_md5: $input.sse_customer_key_md5.as_deref(),
        }
    };
}
pub(crate) use customer_headers;

/// Shows an object's encryption in an output.
macro_rules! show_encryption {
    ($output:expr, $object:expr) => {
        match &$object.customer_key {
            Some(key) => {
                $output.sse_customer_algorithm = Some(key.algorithm.clone());
                $output.sse_customer_key_md5 = Some(key.key_md5.clone());
            }
            None => {
                let encryption = &$object.encryption;
                $output.server_side_encryption = Some(encryption.algorithm.clone());
                $output.ssekms_key_id = encryption.kms_key_id.clone();
                $output.bucket_key_enabled = encryption.bucket_key.filter(|enabled| *enabled);
            }
        }
    };
}
pub(crate) use show_encryption;

impl CustomerHeaders<'_> {
    fn is_empty(&self) -> bool {
        self.algorithm.is_none() && self.key.is_none() && self.key_md5.is_none()
    }

    /// The key's digest, when the headers name a key.
    ///
    /// # Errors
    /// `InvalidArgument` or `InvalidEncryptionAlgorithmError`.
    pub(crate) fn check(&self) -> Result<Option<CustomerKey>, AwsError> {
        if self.is_empty() {
            return Ok(None);
        }
        let Some(key) = self.key else {
            return Err(invalid_argument_name(
                "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
                HEADER,
            ));
        };
        match self.algorithm {
            None => {
                return Err(invalid_argument_name(
                    "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
                    HEADER,
                ));
            }
            Some("AES256") => {}
            Some(other) => return Err(invalid_algorithm(other)),
        }
        let key = BASE64_STANDARD.decode(key).ok().filter(|key| key.len() == 32).ok_or_else(|| {
            invalid_argument_name("The secret key was invalid for the specified algorithm.", HEADER)
        })?;
        let computed = BASE64_STANDARD.encode(Md5::digest(&key));
        if self.key_md5.is_some_and(|given| given != computed) {
            return Err(invalid_argument_name(
                "The calculated MD5 hash of the key did not match the hash that was provided.",
                HEADER,
            ));
        }
        Ok(Some(CustomerKey { algorithm: "AES256".to_owned(), key_md5: computed }))
    }

    /// Checks that a request to read an object brings the key that the object was stored with.
    ///
    /// # Errors
    /// As [`CustomerHeaders::check`]; `InvalidRequest` without a key, `AccessDenied` with another.
    pub(crate) fn unlock(&self, object: &StoredObject) -> Result<(), AwsError> {
        let given = self.check()?;
        match (&object.customer_key, given) {
            (None, None) => Ok(()),
            (Some(stored), Some(given)) if stored.key_md5 == given.key_md5 => Ok(()),
            (Some(_), None) => Err(invalid_request(
                "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
            )),
            (Some(_), Some(_)) => Err(errors::ACCESS_DENIED.with(
                "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.",
            )),
            (None, Some(_)) => Err(invalid_request(
                "The encryption parameters are not applicable to this object.",
            )),
        }
    }

    /// Checks that a part comes with the key that its upload was begun with.
    ///
    /// # Errors
    /// As [`CustomerHeaders::check`]; `InvalidRequest` for another key, or none.
    pub(crate) fn check_part(&self, object: &StoredObject) -> Result<(), AwsError> {
        let given = self.check()?;
        match (&object.customer_key, given) {
            (None, None) => Ok(()),
            (Some(stored), Some(given)) if stored.key_md5 == given.key_md5 => Ok(()),
            (Some(_), Some(_)) => Err(invalid_request(
                "The provided encryption parameters did not match the ones used originally.",
            )),
            _ => Err(invalid_request(
                "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.",
            )),
        }
    }
}

fn invalid_algorithm(algorithm: &str) -> AwsError {
    errors::INVALID_ENCRYPTION_ALGORITHM_ERROR
        .with("The Encryption request you specified is not valid. Supported value: AES256.")
        .field("ArgumentName", HEADER)
        .field("ArgumentValue", algorithm)
}

impl Requested<'_> {
    /// How the object will be encrypted, with the bucket's defaults.
    ///
    /// # Errors
    /// `InvalidArgument` or `InvalidEncryptionAlgorithmError`.
    pub(crate) fn resolve(&self, bucket: &Bucket) -> Result<(Encryption, Option<CustomerKey>), AwsError> {
        if let (Some(algorithm), false) = (self.algorithm, self.customer.is_empty()) {
            return Err(invalid_argument(
                "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
                HEADER,
                algorithm,
            ));
        }
        let customer = self.customer.check()?;
        if customer.is_some() {
            return Ok((Encryption::default(), customer));
        }
        let Some(algorithm) = self.algorithm else {
            let mut encryption = bucket.encryption.clone();
            if is_kms(&encryption.algorithm) {
                encryption.bucket_key = self.bucket_key.or(encryption.bucket_key);
                let key = encryption.kms_key_id.take();
                encryption.kms_key_id =
                    Some(key.map_or_else(|| managed_key(bucket), |key| key_arn(&key, bucket)));
            }
            return Ok((encryption, None));
        };
        if is_kms(algorithm) {
            let key = match self.kms_key_id {
                Some(key) => key_arn(key, bucket),
                None => managed_key(bucket),
            };
            let encryption = Encryption {
                algorithm: algorithm.to_owned(),
                kms_key_id: Some(key),
                context: self.context.map(str::to_owned),
                bucket_key: self.bucket_key.or(bucket.encryption.bucket_key),
            };
            return Ok((encryption, None));
        }
        if algorithm != "AES256" {
            return Err(invalid_argument(
                "The encryption method specified is not supported",
                HEADER,
                algorithm,
            ));
        }
        if let Some(key) = self.kms_key_id {
            return Err(invalid_argument(
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id",
                key,
            ));
        }
        Ok((Encryption::default(), None))
    }
}

/// Whether an algorithm means a key of KMS.
pub(crate) fn is_kms(algorithm: &str) -> bool {
    matches!(algorithm, "aws:kms" | "aws:kms:dsse")
}

/// A key id as S3 shows it: always an ARN.
pub(crate) fn key_arn(key: &str, bucket: &Bucket) -> String {
    if key.starts_with("arn:") {
        return key.to_owned();
    }
    let resource = if key.starts_with("alias/") { key.to_owned() } else { format!("key/{key}") };
    format!("arn:aws:kms:{}:{}:{resource}", bucket.region, bucket.account)
}

/// The key `aws/s3` of the bucket's account, under which S3 encrypts when no key is named.
fn managed_key(bucket: &Bucket) -> String {
    key_arn("alias/aws/s3", bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customers_key_is_checked_in_the_order_of_s3() {
        let key = BASE64_STANDARD.encode([b'k'; 32]);
        let good = CustomerHeaders { algorithm: Some("AES256"), key: Some(&key), key_md5: None };
        let digest = good.check().unwrap().unwrap();
        let code = |headers: CustomerHeaders<'_>| headers.check().unwrap_err().code().to_owned();
        assert_eq!(code(CustomerHeaders { key: None, ..good }), "InvalidArgument");
        assert_eq!(code(CustomerHeaders { algorithm: None, ..good }), "InvalidArgument");
        assert_eq!(
            code(CustomerHeaders { algorithm: Some("KMS"), ..good }),
            "InvalidEncryptionAlgorithmError"
        );
        assert_eq!(code(CustomerHeaders { key_md5: Some("x"), ..good }), "InvalidArgument");
        let object = StoredObject { customer_key: Some(digest), ..StoredObject::default() };
        assert!(good.unlock(&object).is_ok());
        assert_eq!(CustomerHeaders::default().unlock(&object).unwrap_err().status(), 400);
        let other = BASE64_STANDARD.encode([b'x'; 32]);
        assert_eq!(CustomerHeaders { key: Some(&other), ..good }.unlock(&object).unwrap_err().status(), 403);
    }
}
