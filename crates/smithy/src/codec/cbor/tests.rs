use super::*;
use crate::error::CodecErrorKind;
use crate::fuzzing::TREE;
use crate::timestamp::Timestamp;

fn tree(data: &[u8]) -> Result<Document, CodecError> {
    let mut report = DecodeReport::default();
    Document::read_structure(&TREE, &mut CborDeserializer::new(data, &mut report))
}

/// The examples of RFC 8949, appendix A, as far as they have a meaning here.
#[test]
fn the_examples_of_the_standard_are_read() {
    let cases: &[(&[u8], Document)] = &[
        (&[0x18, 0x64], 100.into()),
        (&[0x1b, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0], 1_000_000_000_000.into()),
        (&[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 18_446_744_073_709_551_615.0.into()),
        (&[0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0], 18_446_744_073_709_551_616.0.into()),
        (&[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], (-18_446_744_073_709_551_616.0).into()),
        (&[0x38, 0x63], (-100).into()),
        (&[0xf9, 0x3c, 0x00], 1.0.into()),
        (&[0xf9, 0x7b, 0xff], 65504.0.into()),
        (&[0xf9, 0x00, 0x01], 5.960_464_477_539_063e-8.into()),
        (&[0xf9, 0xc4, 0x00], (-4.0).into()),
        (&[0xf9, 0xfc, 0x00], f64::NEG_INFINITY.into()),
        (&[0xfa, 0x47, 0xc3, 0x50, 0x00], 100_000.0.into()),
        (&[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a], 1.1.into()),
        (&[0xf7], Document::Null),
        (&[0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0], Timestamp::from_seconds(1_363_896_240).into()),
        (&[0xd7, 0x44, 1, 2, 3, 4], Document::Blob(vec![1, 2, 3, 4].into())),
        (&[0x5f, 0x42, 1, 2, 0x43, 3, 4, 5, 0xff], Document::Blob(vec![1, 2, 3, 4, 5].into())),
        (b"\x7f\x65strea\x64ming\xff", "streaming".into()),
        (&[0x9f, 1, 0x82, 2, 3, 0x9f, 4, 5, 0xff, 0xff], {
            let pair = |a: i64, b: i64| Document::List(vec![a.into(), b.into()]);
            Document::List(vec![1.into(), pair(2, 3), pair(4, 5)])
        }),
        (b"\xbf\x63Fun\xf5\x63Amt\x21\xff", {
            Document::from_iter([("Fun".to_owned(), true.into()), ("Amt".to_owned(), (-2).into())])
        }),
    ];
    for (data, expected) in cases {
        assert_eq!(read_document(data).as_ref(), Ok(expected), "{data:02x?}");
    }
    assert!(matches!(read_document(&[0xf9, 0x7e, 0]), Ok(Document::Float(f)) if f.is_nan()));
}

#[test]
fn broken_data_is_refused() {
    let cases: &[&[u8]] = &[
        &[],
        &[0x18],
        &[0x1c],
        &[0x3e],
        &[0x41],
        &[0x61, 0xff],
        &[0x5f, 0x61, 0x61, 0xff],
        &[0x7f, 0x41, 0x61, 0xff],
        &[0x7f, 0x61, 0xc3, 0x61, 0xa9, 0xff],
        &[0x9f, 1],
        &[0xff],
        &[0xa1, 1, 1],
        &[0xdf],
        &[0xf8, 0xff],
        &[1, 1],
        &[0xc1, 0x61, 0x61],
        &[0xc2, 1],
        &[0xbf, 0x61, 0x61, 0xff],
    ];
    for data in cases {
        assert!(read_document(data).is_err(), "{data:02x?}");
    }
}

#[test]
fn a_claimed_length_is_not_believed() {
    for major in [0x5b, 0x7b, 0x9b, 0xbb] {
        let mut data = vec![major];
        data.extend_from_slice(&u64::MAX.to_be_bytes());
        assert!(read_document(&data).is_err());
        let mut unknown = b"\xa1\x67unknown".to_vec();
        unknown.extend(data);
        assert!(tree(&unknown).is_err());
    }
}

#[test]
fn nesting_is_bounded_wherever_it_stands() {
    for opening in [&b"\x81"[..], b"\x9f", b"\xa1\x61a", b"\xd7"] {
        let deep = opening.repeat(100_000);
        assert!(read_document(&deep).is_err());
        let mut unknown = b"\xa1\x67unknown".to_vec();
        unknown.extend(&deep);
        assert!(tree(&unknown).is_err());
    }
    let children = b"\xa1\x65child".repeat(100_000);
    assert_eq!(tree(&children).unwrap_err().kind, CodecErrorKind::TooLarge);
}

#[test]
fn integers_have_the_range_of_their_type() {
    assert!(tree(b"\xa1\x67integer\x1a\x7f\xff\xff\xff").is_ok());
    assert!(tree(b"\xa1\x67integer\x1a\x80\x00\x00\x00").is_err());
    assert!(tree(b"\xa1\x64long\x1b\x80\x00\x00\x00\x00\x00\x00\x00").is_err());
    assert!(tree(b"\xa1\x64long\x3b\x7f\xff\xff\xff\xff\xff\xff\xff").is_ok());
}
