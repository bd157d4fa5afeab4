//! QR codes as PNG images: what an authenticator app scans.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use qrcodegen::{QrCode, QrCodeEcc};

/// Pixels on each side of a module.
const SCALE: usize = 5;

/// White modules around the code, as ISO/IEC 18004 wants them.
const MARGIN: usize = 4;

/// A PNG image (one bit a pixel) of the QR code of a text; `None` if the text is too long for one.
pub(crate) fn png(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let modules = usize::try_from(code.size()).ok()?;
    let side = (modules + 2 * MARGIN) * SCALE;
    let dark = |x: usize, y: usize| {
        let module = |pixel: usize| i32::try_from(pixel / SCALE).unwrap_or(i32::MAX) - MARGIN as i32;
        code.get_module(module(x), module(y))
    };
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::best());
    for y in 0..side {
        // Every line begins with its filter: none.
        let mut line = vec![0_u8];
        for first in (0..side).step_by(8) {
            let bits = (0..8).fold(0_u8, |bits, bit| {
                let light = first + bit >= side || !dark(first + bit, y);
                bits << 1 | u8::from(light)
            });
            line.push(bits);
        }
        pixels.write_all(&line).ok()?;
    }
    let pixels = pixels.finish().ok()?;

    let side = u32::try_from(side).ok()?.to_be_bytes();
    // Bit depth 1, greyscale, and the only methods of compression, filtering and interlacing none.
    let header: Vec<u8> = side.iter().chain(&side).chain(&[1, 0, 0, 0, 0]).copied().collect();
    let mut image = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [(b"IHDR", header.as_slice()), (b"IDAT", &pixels), (b"IEND", &[])] {
        image.extend(u32::try_from(data.len()).ok()?.to_be_bytes());
        let start = image.len();
        image.extend(name);
        image.extend(data);
        let checksum = crc32fast::hash(image.get(start..)?);
        image.extend(checksum.to_be_bytes());
    }
    Some(image)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_image_has_as_many_lines_as_its_header_says() {
        let image = png("otpauth://totp/ann@000000000000?secret=ABC").unwrap();
        assert_eq!(&image[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&image[12..16], b"IHDR");
        let side = u32::from_be_bytes(image[16..20].try_into().unwrap()) as usize;
        let length = u32::from_be_bytes(image[33..37].try_into().unwrap()) as usize;
        let mut pixels = Vec::new();
        flate2::read::ZlibDecoder::new(&image[41..41 + length]).read_to_end(&mut pixels).unwrap();
        assert_eq!(pixels.len(), side * (1 + side.div_ceil(8)));
        assert_eq!(&image[image.len() - 8..image.len() - 4], b"IEND");
        assert!(png(&"x".repeat(10_000)).is_none());
    }
}
