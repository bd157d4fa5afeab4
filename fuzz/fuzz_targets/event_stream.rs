#![no_main]
//! The input as it is, and as the headers and payload of a frame whose lengths and checksums are right:
//! hardly any other frame would be read beyond these.
use cloudtwin_smithy::fuzzing::fuzz_event_stream;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz_event_stream(data);
    let Some((cut, body)) = data.split_at_checked(2) else { return };
    let headers = usize::from(u16::from_be_bytes([cut[0], cut[1]])) % (body.len() + 1);
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(body.len() + 16);
    frame.extend(length(body.len() + 16));
    frame.extend(length(headers));
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(body);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    fuzz_event_stream(&frame);
});
