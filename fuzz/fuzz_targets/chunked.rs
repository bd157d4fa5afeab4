#![no_main]
//! The first byte says where the buffers are cut.
use bytes::Bytes;
use cloudtwin_sigv4::{ChunkedDecoder, ChunkedOptions, Streaming};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((cut, body)) = data.split_first() else { return };
    let options = ChunkedOptions {
        decoded_length: 1 << 20,
        streaming: Streaming::UnsignedTrailer,
        signing: None,
        trailer: None,
    };
    let mut decoder = ChunkedDecoder::new(options);
    for piece in body.chunks(usize::from(*cut).max(1)) {
        let mut piece = Bytes::copy_from_slice(piece);
        while !piece.is_empty() {
            match decoder.decode(&mut piece) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    let _ = decoder.finish();
});
