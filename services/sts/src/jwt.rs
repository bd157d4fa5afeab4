//! JSON web tokens (RFC 7519): what a token says, and whether a key of a key set (RFC 7517) signed it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A token that has been read, not verified.
pub(crate) struct Token<'a> {
    header: Header,
    pub(crate) claims: Map<String, Value>,
    signed: &'a [u8],
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<Value>,
}

/// The algorithms of identity tokens. `none` and those with shared secrets are not among them.
#[derive(Clone, Copy)]
enum Algorithm {
    Rsa(&'static RsaParameters),
    Ec { curve: &'static str, half: usize, algorithm: &'static dyn VerificationAlgorithm },
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            "ES256" => Self::Ec { curve: "P-256", half: 32, algorithm: &ECDSA_P256_SHA256_FIXED },
            "ES384" => Self::Ec { curve: "P-384", half: 48, algorithm: &ECDSA_P384_SHA384_FIXED },
            _ => return None,
        })
    }
}

/// The keys of an identity provider.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

/// A public key. Keys of kinds that are not known are skipped.
#[derive(Clone, Debug, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// What became of the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Bad,
    /// The set has no key that could have made it.
    UnknownKey,
}

fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()
}

impl<'a> Token<'a> {
    /// Reads a token in the compact form. `None` for anything else.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if claims.contains('.') {
            return None;
        }
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        let Value::Object(claims) = serde_json::from_slice(&decode(claims)?).ok()? else { return None };
        if header.crit.is_some() || Algorithm::named(&header.alg).is_none() {
            return None;
        }
        Some(Self { header, claims, signed: signed.as_bytes(), signature: decode(signature)? })
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// A claim that is a time, in seconds since 1970 (RFC 7519, `NumericDate`).
    pub(crate) fn time(&self, claim: &str) -> Option<i64> {
        let number = self.claims.get(claim)?;
        number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64))
    }

    /// The texts of a claim that is one text or several.
    pub(crate) fn texts(&self, claim: &str) -> Vec<&str> {
        match self.claims.get(claim) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether a key of `keys` made the signature.
    pub(crate) fn verify(&self, keys: &KeySet) -> Verdict {
        let Some(algorithm) = Algorithm::named(&self.header.alg) else { return Verdict::Bad };
        let mut verdict = Verdict::UnknownKey;
        for key in keys.keys.iter().filter(|key| key.fits(&self.header)) {
            match key.verify(algorithm, self.signed, &self.signature) {
                Some(true) => return Verdict::Good,
                Some(false) => verdict = Verdict::Bad,
                None => {}
            }
        }
        verdict
    }
}

impl KeySet {
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Tolerant {
            keys: Vec<Value>,
        }
        let set: Tolerant = serde_json::from_slice(text).ok()?;
        let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        Some(Self { keys })
    }
}

impl Key {
    fn fits(&self, header: &Header) -> bool {
        let named = match (&header.kid, &self.kid) {
            (Some(wanted), Some(kid)) => wanted == kid,
            // Sets with one key without a name are common.
            _ => true,
        };
        named
            && self.usage.as_ref().is_none_or(|usage| usage == "sig")
            && self.alg.as_ref().is_none_or(|alg| *alg == header.alg)
    }

    /// `None` if this is a key of another kind.
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        match algorithm {
            Algorithm::Rsa(parameters) => {
                if self.kty != "RSA" {
                    return None;
                }
                let components =
                    RsaPublicKeyComponents { n: decode(self.n.as_ref()?)?, e: decode(self.e.as_ref()?)? };
                // Leading zeroes, which some issuers write, are not to be there.
                let n = components.n.iter().position(|byte| *byte != 0).and_then(|at| components.n.get(at..));
                let components = RsaPublicKeyComponents { n: n?, e: components.e.as_slice() };
                Some(components.verify(parameters, message, signature).is_ok())
            }
            Algorithm::Ec { curve, half, algorithm } => {
                if self.kty != "EC" || self.crv.as_deref() != Some(curve) {
                    return None;
                }
                let (x, y) = (decode(self.x.as_ref()?)?, decode(self.y.as_ref()?)?);
                if x.len() != half || y.len() != half {
                    return None;
                }
                let point = [&[4_u8][..], &x, &y].concat();
                Some(UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    fn part(value: &Value) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn signed(header: &Value, claims: &Value) -> (String, KeySet) {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let key = json!({
            "kty": "EC", "crv": "P-256", "kid": "one", "use": "sig",
            "x": BASE64_URL_SAFE_NO_PAD.encode(&point[1..33]),
            "y": BASE64_URL_SAFE_NO_PAD.encode(&point[33..]),
        });
        let message = format!("{}.{}", part(header), part(claims));
        let signature = pair.sign(&random, message.as_bytes()).unwrap();
        let token = format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
        let set = json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}, {"of": "the future"}, key]});
        (token, KeySet::read(set.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn a_token_is_good_if_a_key_of_its_issuer_signed_it() {
        let (text, keys) =
            signed(&json!({"alg": "ES256", "kid": "one"}), &json!({"sub": "ann", "aud": ["a"]}));
        let token = Token::read(&text).unwrap();
        assert_eq!(token.verify(&keys), Verdict::Good);
        assert_eq!((token.text("sub"), token.texts("aud")), (Some("ann"), vec!["a"]));

        let (header, rest) = text.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let forged = format!("{header}.{}.{signature}", part(&json!({"sub": "eve"})));
        assert_eq!(Token::read(&forged).unwrap().verify(&keys), Verdict::Bad);
        let (_, others) = signed(&json!({"alg": "ES256"}), &json!({}));
        assert_eq!(token.verify(&others), Verdict::Bad);
        let (other, _) = signed(&json!({"alg": "ES256", "kid": "two"}), &json!({}));
        assert_eq!(Token::read(&other).unwrap().verify(&keys), Verdict::UnknownKey);
    }

    #[test]
    fn tokens_without_a_real_signature_are_none() {
        for header in [
            json!({"alg": "none"}),
            json!({"alg": "HS256"}),
            json!({"alg": "ES256", "crit": ["exp"]}),
            json!({"kid": "one"}),
        ] {
            let text = format!("{}.{}.c2ln", part(&header), part(&json!({"sub": "eve"})));
            assert!(Token::read(&text).is_none(), "{header}");
        }
        for text in ["", "token", "a.b", "a.b.c", "a.b.c.d", ".."] {
            assert!(Token::read(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-zA-Z0-9_.=-]{0,200}") {
            let _ = Token::read(&text);
        }

        #[test]
        fn any_key_set_is_read_or_refused(text in ".{0,200}") {
            let _ = KeySet::read(text.as_bytes());
        }
    }
}
