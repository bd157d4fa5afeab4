//! `aws-chunked` bodies: the documented ones, every way to cut them, and every way to break them.

#![cfg(test)]

use bytes::Bytes;
use cloudtwin_sigv4::{
    ChecksumAlgorithm, ChunkError, ChunkSigning, ChunkedBody, ChunkedDecoder, ChunkedOptions, SigningKey,
    Streaming, Timestamp, encode_chunked, without_aws_chunked,
};
use cloudtwin_smithy::{ByteStream, StreamError};
use futures_util::FutureExt as _;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use proptest::prelude::*;

const SCOPE: &str = "20130524/us-east-1/s3/aws4_request";

/// As in AWS's documentation: key, time, and the signature of the request.
fn signing(seed: &str) -> ChunkSigning {
    let key = SigningKey::derive("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3");
    let at = Timestamp::parse_basic("20130524T000000Z").unwrap();
    ChunkSigning::new(key, at, "AKIAIOSFODNN7EXAMPLE", SCOPE, seed)
}

const SEED: &str = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
const TRAILER_SEED: &str = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";

fn decode(options: ChunkedOptions, body: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, HeaderMap), ChunkError> {
    let mut decoder = ChunkedDecoder::new(options);
    let mut content = Vec::new();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).chain([0, body.len()]).collect();
    cuts.sort_unstable();
    for window in cuts.windows(2) {
        let mut buffer = Bytes::copy_from_slice(&body[window[0]..window[1]]);
        while let Some(data) = decoder.decode(&mut buffer)? {
            content.extend_from_slice(&data);
        }
    }
    decoder.finish().map(|trailers| (content, trailers))
}

fn options(
    streaming: Streaming,
    length: usize,
    signing: Option<ChunkSigning>,
    trailer: Option<ChecksumAlgorithm>,
) -> ChunkedOptions {
    ChunkedOptions { decoded_length: length as u64, streaming, signing, trailer }
}

#[test]
fn the_documented_upload_is_decoded_and_encoded() {
    let content = vec![b'a'; 66_560];
    let mut body = Vec::new();
    for (size, signature) in [
        (0x10000, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (0x400, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ] {
        body.extend_from_slice(format!("{size:x};chunk-signature={signature}\r\n").as_bytes());
        body.extend_from_slice(&content[..size]);
        body.extend_from_slice(b"\r\n");
    }
    assert_eq!(body.len(), 66_824);
    let of = || options(Streaming::Signed, 66_560, Some(signing(SEED)), None);
    assert_eq!(decode(of(), &body, &[1, 90, 65_700]).unwrap(), (content.clone(), HeaderMap::new()));
    assert_eq!(encode_chunked(&content, 65_536, Streaming::Signed, Some(signing(SEED)), None), body);

    body[200] = b'b';
    let Err(ChunkError::SignatureMismatch(mismatch)) = decode(of(), &body, &[]) else { panic!() };
    assert!(mismatch.string_to_sign.starts_with("AWS4-HMAC-SHA256-PAYLOAD\n20130524T000000Z\n20130524/"));
}

#[test]
fn the_documented_upload_with_a_trailer_is_decoded_in_every_layout() {
    let content = vec![b'a'; 66_560];
    let chunks = |last: &str| {
        let mut body = Vec::new();
        for (size, signature) in [
            (0x10000, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"),
            (0x400, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"),
        ] {
            body.extend_from_slice(format!("{size:x};chunk-signature={signature}\r\n").as_bytes());
            body.extend_from_slice(&content[..size]);
            body.extend_from_slice(b"\r\n");
        }
        let signature = "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992";
        body.extend_from_slice(format!("0;chunk-signature={signature}\r\n{last}").as_bytes());
        body
    };
    let checksum = "x-amz-checksum-crc32c:sOO8/Q==";
    let signature =
        "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
    let of = || {
        let trailer = Some(ChecksumAlgorithm::Crc32C);
        options(Streaming::SignedTrailer, 66_560, Some(signing(TRAILER_SEED)), trailer)
    };
    for layout in [
        format!("{checksum}\r\n{signature}\r\n\r\n"),
        format!("{checksum}\n\r\n{signature}\r\n\r\n"),
        format!("\r\n{checksum}\r\n{signature}\r\n"),
    ] {
        let (decoded, trailers) = decode(of(), &chunks(&layout), &[66_700, 66_800]).unwrap();
        assert_eq!(decoded, content);
        assert_eq!(trailers["x-amz-checksum-crc32c"], "sOO8/Q==");
    }
    for (layout, error) in [
        (format!("x-amz-checksum-crc32c:AAAAAA==\r\n{signature}\r\n\r\n"), "SignatureDoesNotMatch"),
        (format!("x-amz-checksum-sha1:AAAA\r\n{signature}\r\n\r\n"), "MalformedTrailerError"),
        (format!("{signature}\r\n\r\n"), "MalformedTrailerError"),
        (format!("{checksum}\r\n\r\n"), "IncompleteBody"),
        (format!("{checksum}\r\n{signature}"), "IncompleteBody"),
    ] {
        let found = decode(of(), &chunks(&layout), &[]).unwrap_err();
        assert_eq!(found.answer().code(), error, "{layout}");
    }
}

#[test]
fn the_body_that_boto3_sends_over_https_is_read_as_a_stream() {
    let raw = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-decoded-content-length", "5".parse().unwrap());
    headers.insert("x-amz-trailer", "x-amz-checksum-crc32".parse().unwrap());
    let read = |raw: &'static str, headers: &HeaderMap| {
        let options = ChunkedOptions::of_headers(headers, Streaming::UnsignedTrailer, None).unwrap();
        ChunkedBody::new(ByteStream::from(Bytes::from_static(raw.as_bytes())), options)
            .collect()
            .now_or_never()
            .unwrap()
    };
    let collected = read(raw, &headers).unwrap();
    assert_eq!(collected.trailers().unwrap()["x-amz-checksum-crc32"], "NhCmhg==");
    assert_eq!(collected.to_bytes(), "hello");

    let error = |raw: &'static str, headers: &HeaderMap| {
        let StreamError::Aws(error) = read(raw, headers).unwrap_err() else { panic!() };
        (error.code().to_owned(), error.message().to_owned())
    };
    let wrong = "5\r\nhullo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    assert_eq!(
        error(wrong, &headers),
        ("BadDigest".into(), "The CRC32 you specified did not match the calculated checksum.".into())
    );
    let none = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:no\r\n\r\n";
    assert_eq!(
        error(none, &headers),
        ("InvalidRequest".into(), "Value for x-amz-checksum-crc32 trailing header is invalid.".into())
    );
    headers.insert("x-amz-decoded-content-length", "6".parse().unwrap());
    assert_eq!(error(raw, &headers).0, "IncompleteBody");

    headers.remove("x-amz-decoded-content-length");
    let missing = ChunkedOptions::of_headers(&headers, Streaming::UnsignedTrailer, None).unwrap_err();
    assert_eq!((missing.code(), missing.status()), ("MissingContentLength", 411));
}

#[test]
fn only_the_last_chunk_may_be_short() {
    let of = || options(Streaming::UnsignedTrailer, 5, None, None);
    let error = decode(of(), b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", &[]).unwrap_err();
    assert_eq!(error, ChunkError::InvalidChunkSize { chunk: 2, size: 3 });
    assert_eq!(error.answer().code(), "InvalidChunkSizeError");
    decode(of(), b"5\r\nhello\r\n0\r\n\r\n", &[]).unwrap();
}

#[test]
fn broken_framing_is_refused() {
    let of = || options(Streaming::UnsignedTrailer, 5, None, None);
    for body in [
        "",
        "5",
        "5\r\nhell",
        "5\r\nhello\r\n",
        "5\r\nhello\r\n0\r\n",
        "5\r\nhelloX\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "11111111111111111\r\nhello",
        "5\r\nhello\r\n0\r\n\r\nmore",
        "6\r\nhello!\r\n0\r\n\r\n",
        "0\r\n\r\n",
    ] {
        let code = decode(of(), body.as_bytes(), &[]).unwrap_err().answer().code().to_owned();
        assert_eq!(code, "IncompleteBody", "{body:?}");
    }
    let endless = vec![b'1'; 5000];
    assert_eq!(decode(of(), &endless, &[]), Err(ChunkError::IncompleteBody));
    let unsigned = options(Streaming::Signed, 5, Some(signing(SEED)), None);
    assert_eq!(decode(unsigned, b"5\r\nhello\r\n0\r\n\r\n", &[]), Err(ChunkError::IncompleteBody));
}

#[test]
fn aws_chunked_is_no_coding_of_the_object() {
    assert_eq!(without_aws_chunked("aws-chunked"), None);
    assert_eq!(without_aws_chunked("gzip, aws-chunked").as_deref(), Some("gzip"));
    assert_eq!(without_aws_chunked("aws-chunked,gzip, br").as_deref(), Some("gzip,br"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_encoded_is_decoded_however_it_is_cut(
        content in proptest::collection::vec(any::<u8>(), 0..40_000),
        chunk_size in 8192..20_000usize,
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
        signed in any::<bool>(),
        algorithm in proptest::option::of(proptest::sample::select(&ChecksumAlgorithm::ALL[..])),
    ) {
        let streaming = match (signed, algorithm) {
            (false, _) => Streaming::UnsignedTrailer,
            (true, Some(_)) => Streaming::SignedTrailer,
            (true, None) => Streaming::Signed,
        };
        let signing = signed.then(|| signing(SEED));
        let checksum = algorithm.map(|algorithm| algorithm.checksum(&content));
        let body = encode_chunked(&content, chunk_size, streaming, signing.clone(), checksum.as_ref());
        let of = options(streaming, content.len(), signing, algorithm);
        let (decoded, trailers) = decode(of, &body, &cuts).unwrap();
        prop_assert_eq!(decoded, content);
        prop_assert_eq!(trailers.len(), usize::from(algorithm.is_some()));
    }

    #[test]
    fn any_changed_byte_of_a_signed_upload_is_noticed(
        content in proptest::collection::vec(any::<u8>(), 0..20_000),
        at in any::<usize>(),
        flip in 1..=255u8,
    ) {
        let checksum = ChecksumAlgorithm::Crc32.checksum(&content);
        let streaming = Streaming::SignedTrailer;
        let body = encode_chunked(&content, 9000, streaming, Some(signing(SEED)), Some(&checksum));
        let mut changed = body.to_vec();
        let at = at % changed.len();
        changed[at] ^= flip;
        let of = options(streaming, content.len(), Some(signing(SEED)), Some(ChecksumAlgorithm::Crc32));
        if let Ok((decoded, trailers)) = decode(of, &changed, &[]) {
            // White space and case of trailer names, and line breaks at the end, are not signed.
            prop_assert_eq!(decoded, content);
            prop_assert_eq!(&trailers["x-amz-checksum-crc32"], &checksum.to_base64());
            prop_assert!(at > body.len() - 140);
        }
    }

    #[test]
    fn garbage_is_survived_and_never_longer_than_announced(
        body in proptest::collection::vec(
            prop_oneof![
                Just(b"\r\n".to_vec()), Just(b"5\r\nhello\r\n".to_vec()), Just(b"2000\r\n".to_vec()),
                Just(b"0\r\n".to_vec()), Just(b";chunk-signature=".to_vec()),
                Just(b"x-amz-checksum-crc32:NhCmhg==\r\n".to_vec()), Just(b"x-amz-trailer-signature:aa\r\n".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..20), Just(vec![b'a'; 0x2000]),
            ],
            0..12,
        ),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
        length in 0..20_000usize,
        mode in 0..3usize,
    ) {
        let streaming = [Streaming::Signed, Streaming::SignedTrailer, Streaming::UnsignedTrailer][mode];
        let of = options(streaming, length, None, Some(ChecksumAlgorithm::Crc32));
        if let Ok((content, _)) = decode(of, &body.concat(), &cuts) {
            prop_assert_eq!(content.len(), length);
        }
    }
}
