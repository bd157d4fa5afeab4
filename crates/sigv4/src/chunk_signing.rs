//! The signatures of `aws-chunked` bodies: each covers its chunk and the signature before it,
//! the first the signature of the request.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>

use sha2::{Digest, Sha256};

use crate::content_sha256::EMPTY_SHA256;
use crate::error::SignatureMismatch;
use crate::hex::Hex64;
use crate::key::SigningKey;
use crate::timestamp::Timestamp;

/// The running state of a body's signatures.
#[derive(Clone, Debug)]
pub struct ChunkSigning {
    key: SigningKey,
    access_key_id: String,
    /// Timestamp and scope, two lines.
    context: String,
    previous: String,
}

impl ChunkSigning {
    /// Starts from the signature of the request (`seed`).
    pub fn new(key: SigningKey, timestamp: Timestamp, access_key_id: &str, scope: &str, seed: &str) -> Self {
        Self {
            key,
            access_key_id: access_key_id.to_owned(),
            context: format!("{}\n{scope}", timestamp.basic()),
            previous: seed.to_owned(),
        }
    }

    /// Signs the next chunk.
    pub fn sign_chunk(&mut self, data: &[u8]) -> String {
        let text = self.chunk(Sha256::digest(data).into());
        self.advance(&text)
    }

    /// Signs trailers, given as `name:value\n` lines.
    pub fn sign_trailers(&mut self, lines: &str) -> String {
        let text = self.trailers(lines);
        self.advance(&text)
    }

    pub(crate) fn verify_chunk(
        &mut self,
        digest: [u8; 32],
        signature: &str,
    ) -> Result<(), Box<SignatureMismatch>> {
        let text = self.chunk(digest);
        self.verify(text, signature)
    }

    pub(crate) fn verify_trailers(
        &mut self,
        lines: &str,
        signature: &str,
    ) -> Result<(), Box<SignatureMismatch>> {
        let text = self.trailers(lines);
        self.verify(text, signature)
    }

    fn chunk(&self, digest: [u8; 32]) -> String {
        format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{EMPTY_SHA256}\n{}",
            self.context,
            self.previous,
            Hex64::encode(&digest)
        )
    }

    fn trailers(&self, lines: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}",
            self.context,
            self.previous,
            Hex64::encode(&Sha256::digest(lines).into())
        )
    }

    fn advance(&mut self, string_to_sign: &str) -> String {
        self.previous = self.key.sign(string_to_sign.as_bytes()).to_string();
        self.previous.clone()
    }

    fn verify(&mut self, string_to_sign: String, signature: &str) -> Result<(), Box<SignatureMismatch>> {
        if !self.key.verifies(string_to_sign.as_bytes(), signature) {
            return Err(Box::new(SignatureMismatch {
                access_key_id: self.access_key_id.clone(),
                signature_provided: signature.to_owned(),
                string_to_sign,
                canonical_request: None,
            }));
        }
        signature.clone_into(&mut self.previous);
        Ok(())
    }
}
