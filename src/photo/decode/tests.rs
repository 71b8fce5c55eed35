//! Tests of decoding: whole, turned, damaged and oversized files.

use super::*;
use proptest::prelude::*;

fn picture(width: u32, height: u32) -> DynamicImage {
    let pixel = |x, y| image::Rgb([(x * 11) as u8, (y * 7) as u8, (x * y) as u8]);
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, pixel))
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn cause(bytes: &[u8]) -> String {
    decode_bytes(bytes).unwrap_err().title().to_owned()
}

/// An EXIF segment that holds an orientation alone, put behind the start of a JPEG.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff = [b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", &[orientation][..], &[0; 6]].concat();
    [&jpeg[..2], &[0xff, 0xe1, 0, tiff.len() as u8 + 2], &tiff, &jpeg[2..]].concat()
}

#[test]
fn lossless_formats_return_every_pixel() {
    let original = picture(31, 17);
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff, ImageFormat::Bmp] {
        assert_eq!(decode_bytes(&encoded(&original, format)).unwrap(), *original.as_rgb8().unwrap(), "{format:?}");
    }
}

#[test]
fn alpha_is_dropped_deep_channels_are_scaled_and_grey_is_repeated() {
    let alpha = DynamicImage::ImageRgba8(image::RgbaImage::from_pixel(2, 2, image::Rgba([200, 100, 50, 0])));
    assert_eq!(decode_bytes(&encoded(&alpha, ImageFormat::Png)).unwrap().get_pixel(1, 1).0, [200, 100, 50]);
    let deep = image::ImageBuffer::from_pixel(2, 2, image::Luma([257_u16 * 90]));
    let deep = DynamicImage::ImageLuma16(deep);
    assert_eq!(decode_bytes(&encoded(&deep, ImageFormat::Png)).unwrap().get_pixel(0, 1).0, [90; 3]);
    let grey = DynamicImage::ImageLuma8(image::GrayImage::from_pixel(16, 16, image::Luma([77])));
    assert_eq!(decode_bytes(&encoded(&grey, ImageFormat::Jpeg)).unwrap().get_pixel(3, 3).0, [77; 3]);
}

#[test]
fn orientation_is_obeyed() {
    let mut wide = RgbImage::from_pixel(32, 16, image::Rgb([0; 3]));
    (0..16).for_each(|i| wide.put_pixel(i % 4, i / 4, image::Rgb([255; 3])));
    let jpeg = encoded(&DynamicImage::ImageRgb8(wide), ImageFormat::Jpeg);
    let corners = |p: &RgbImage| {
        let (right, bottom) = (p.width() - 1, p.height() - 1);
        [(0, 0), (right, 0), (0, bottom), (right, bottom)].map(|(x, y)| p.get_pixel(x, y)[0] > 128)
    };
    // Orientation, sides, and the corner where the white patch ends up.
    let cases = [(1, (32, 16), 0), (2, (32, 16), 1), (3, (32, 16), 3), (6, (16, 32), 1), (8, (16, 32), 2)];
    for (orientation, sides, white) in cases {
        let bytes = with_orientation(&jpeg, orientation);
        let turned = decode_bytes(&bytes).unwrap();
        assert_eq!(turned.dimensions(), sides, "{orientation}");
        assert_eq!(corners(&turned), std::array::from_fn(|corner| corner == white), "{orientation}");
        let (width, height, _) = header_of(Cursor::new(bytes)).unwrap();
        assert_eq!((width, height), sides, "{orientation}");
    }
}

#[test]
fn cut_files_are_errors_and_trailing_bytes_are_not() {
    let original = picture(64, 48);
    for format in [ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Tiff, ImageFormat::Bmp] {
        let bytes = encoded(&original, format);
        for length in [bytes.len() / 3, bytes.len() / 2, bytes.len() - 2] {
            assert!(decode_bytes(&bytes[..length]).is_err(), "{format:?} cut to {length} of {}", bytes.len());
        }
        assert!(decode_bytes(&[&bytes[..], b"a film"].concat()).is_ok(), "{format:?}");
    }
    // PNG may lose its end chunk, which holds nothing.
    let png = encoded(&original, ImageFormat::Png);
    assert!(decode_bytes(&png[..png.len() / 2]).is_err());
}

#[test]
fn causes_are_named_in_plain_words() {
    assert_eq!(cause(b""), "empty file");
    assert_eq!(cause("Maße der Brücke\n".as_bytes()), "not a picture: plain text");
    assert_eq!(cause(b"GIF89a\0\0"), "GIF pictures cannot be read");
    assert_eq!(cause(b"\0\0\0\x18ftypheic\0\0"), "HEIC pictures cannot be read");
    assert_eq!(cause(&[0; 100]), "damaged: it holds nothing but zeros");
    assert_eq!(cause(b"\xff\xd8\xff\xe0\0"), "JPEG file cut short");
    let jpeg = encoded(&picture(64, 48), ImageFormat::Jpeg);
    assert_eq!(cause(&jpeg[..jpeg.len() - 9]), "JPEG file cut short");
}

#[test]
fn huge_pictures_are_refused_by_their_header() {
    let mut bytes = encoded(&picture(8, 8), ImageFormat::Bmp);
    bytes[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
    bytes[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
    assert_eq!(cause(&bytes), "60,000 × 60,000 pixels is more than the limit of 100 megapixels");
}

#[test]
fn panics_become_errors() {
    let outcome: Result<()> = guarded(|| panic!("on purpose"));
    assert_eq!(outcome.unwrap_err().title(), "the decoder failed");
}

#[test]
fn folders_and_missing_files_are_errors_with_their_path() {
    let folder = tempfile::tempdir().unwrap();
    let error = decode(folder.path()).unwrap_err();
    assert!(error.title().contains(&folder.path().display().to_string()), "{error}");
    assert_eq!(error.details(), ["it is a folder"]);
    assert!(decode(&folder.path().join("none.jpg")).is_err());
}

#[test]
fn odd_files_meet_the_fate_they_should() {
    let Some(folder) = shared("data/odd_files") else { return };
    let fates = [
        ("PHOTO UPPER.JPEG", Ok((227, 227))),
        ("Risse_Brücke_ひび割れ.jpg", Ok((227, 227))),
        ("alpha.png", Ok((227, 227))),
        ("bomb_60000x60000.png", Err("60,000 × 60,000 pixels")),
        ("cmyk.jpg", Ok((227, 227))),
        ("empty.jpg", Err("empty file")),
        ("exif_rotated_90.jpg", Ok((120, 227))),
        ("garbled.jpg", Err("damaged JPEG file")),
        ("grey.jpg", Ok((227, 227))),
        ("grey16.png", Ok((227, 227))),
        ("notes.txt", Err("not a picture: plain text")),
        ("one_pixel.png", Ok((1, 1))),
        ("palette.png", Ok((227, 227))),
        ("photo.bmp", Ok((227, 227))),
        ("photo.tiff", Ok((227, 227))),
        ("photo.webp", Ok((227, 227))),
        ("progressive.jpg", Ok((227, 227))),
        ("sliver.png", Ok((2000, 3))),
        ("text.jpg", Err("not a picture: plain text")),
        ("truncated.jpg", Err("JPEG file cut short")),
    ];
    for (name, fate) in fates {
        match (decode(&folder.join(name)), fate) {
            (Ok(picture), Ok(sides)) => {
                assert_eq!(picture.dimensions(), sides, "{name}");
                assert_eq!(dimensions(&folder.join(name)).unwrap(), sides, "{name}");
            }
            (Err(error), Err(cause)) => assert!(error.one_line().contains(cause), "{name}: {error}"),
            (outcome, _) => panic!("{name}: {:?}", outcome.map(|picture| picture.dimensions())),
        }
    }
}

fn shared(path: &str) -> Option<std::path::PathBuf> {
    let root = std::env::var_os("CRACKSCOPE_SHARED").map_or_else(
        || std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")),
        std::path::PathBuf::from,
    );
    let path = root.join(path);
    if !path.exists() {
        eprintln!("skipped: no {}", path.display());
        return None;
    }
    Some(path)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// No picture that comes of damage has other sides than its header says, and nothing panics.
    #[test]
    fn damage_gives_a_picture_or_an_error(
        kind in 0_usize..5,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        use ImageFormat::{Bmp, Jpeg, Png, Tiff, WebP};
        let mut bytes = encoded(&picture(40, 24), [Jpeg, Png, WebP, Tiff, Bmp][kind]);
        for (index, value) in changes {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        match decode_bytes(&bytes) {
            Ok(picture) => {
                let (width, height, _) = header_of(Cursor::new(bytes)).unwrap();
                prop_assert_eq!(picture.dimensions(), (width, height));
            }
            Err(error) => prop_assert!(!error.title().is_empty()),
        }
    }
}
