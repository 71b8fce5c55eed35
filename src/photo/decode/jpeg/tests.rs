//! Tests of JPEG: the pixels of libjpeg-turbo, and nothing that is damaged.

use super::*;
use base64::Engine;
use sha2::{Digest, Sha256};
use std::io::Cursor;

struct Case {
    name: String,
    jpeg: Vec<u8>,
    /// By reduction.
    sha256: serde_json::Value,
}

/// What tests/data/make_jpeg_cases.py wrote.
fn cases() -> Vec<Case> {
    let text = include_str!("../../../../tests/data/jpeg_cases.json");
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let case = |case: &serde_json::Value| Case {
        name: text(&case["name"]),
        jpeg: base64::engine::general_purpose::STANDARD.decode(text(&case["jpeg"])).unwrap(),
        sha256: case["sha256"].clone(),
    };
    document["cases"].as_array().unwrap().iter().map(case).collect()
}

fn case(name: &str) -> Vec<u8> {
    cases().into_iter().find(|case| case.name == name).unwrap().jpeg
}

/// As in the script.
fn digest(picture: &RgbImage) -> String {
    Sha256::digest(picture.as_raw()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn title(bytes: &[u8]) -> String {
    decode(bytes, None).unwrap_err().title().to_owned()
}

/// Where the content of the first segment with this marker begins.
fn segment_at(bytes: &[u8], marker: u8) -> usize {
    bytes.windows(2).position(|pair| pair == [0xff, marker]).unwrap() + 4
}

#[test]
fn pixels_are_those_of_libjpeg_turbo() {
    let cases = cases();
    assert_eq!(cases.len(), 10);
    for Case { name, jpeg, sha256 } in cases {
        let (picture, orientation) = decode(&jpeg, None).unwrap();
        assert_eq!((picture.dimensions(), orientation), ((21, 18), Orientation::NoTransforms), "{name}");
        assert_eq!(digest(&picture), sha256["1"], "{name}");
        assert_eq!(header(Cursor::new(jpeg)).unwrap(), (21, 18, Orientation::NoTransforms), "{name}");
    }
}

#[test]
fn reduced_pictures_are_large_enough_and_those_of_libjpeg_turbo() {
    for Case { name, jpeg, sha256 } in cases() {
        let expected = [
            (21, (21, 18), "1"),
            (12, (21, 18), "1"),
            (11, (11, 9), "2"),
            (6, (6, 5), "4"),
            (3, (3, 3), "8"),
            (1, (3, 3), "8"),
        ];
        for (wanted, sides, reduction) in expected {
            let (small, _) = decode(&jpeg, Some(wanted)).unwrap();
            assert_eq!(small.dimensions(), sides, "{name}, {wanted}");
            assert_eq!(digest(&small), sha256[reduction], "{name}, {wanted}");
        }
    }
}

#[test]
fn stray_bytes_between_segments_and_after_the_end_are_ignored() {
    for Case { name, jpeg, .. } in cases() {
        let whole = decode(&jpeg, None).unwrap();
        let strayed = [&jpeg[..2], b"\0stray", &jpeg[2..], b"a film\xff\xd8\xff"].concat();
        assert_eq!(decode(&strayed, None).unwrap(), whole, "{name}");
        assert!(header(Cursor::new(strayed)).is_ok(), "{name}");
    }
}

#[test]
fn every_cut_is_noticed() {
    for Case { name, jpeg, .. } in cases() {
        for length in 0..jpeg.len() {
            assert!(decode(&jpeg[..length], None).is_err(), "{name} cut to {length} of {}", jpeg.len());
            // An end marker put behind the cut does not make the picture whole; between the scans of a progressive
            // file, it does. The last bytes may hold padding alone.
            let ended = [&jpeg[..length], b"\xff\xd9"].concat();
            let passes = name.starts_with("progressive") || length >= jpeg.len() - 4;
            assert!(passes || decode(&ended, None).is_err(), "{name} cut to {length}, with an end");
        }
    }
}

#[test]
fn restarts_must_be_in_order() {
    let mut jpeg = case("4:2:0, restarts");
    let at = jpeg.windows(2).position(|pair| pair == [0xff, 0xd0]).unwrap() + 1;
    jpeg[at] = 0xd3;
    assert!(title(&jpeg).starts_with("damaged JPEG file: "));
}

#[test]
fn kinds_that_are_not_read_and_sizes_too_large_are_named() {
    let jpeg = case("4:2:0");
    let frame = segment_at(&jpeg, 0xc0);
    let changed = |changes: &[(usize, u8)]| {
        let mut jpeg = jpeg.clone();
        changes.iter().for_each(|(at, value)| jpeg[*at] = *value);
        title(&jpeg)
    };
    let kind = "a kind of JPEG that cannot be read: ";
    assert_eq!(changed(&[(frame - 3, 0xc3)]), format!("{kind}lossless coding"));
    assert_eq!(changed(&[(frame - 3, 0xc9)]), format!("{kind}arithmetic coding"));
    assert_eq!(changed(&[(frame - 3, 0xc5)]), format!("{kind}hierarchical coding"));
    assert_eq!(changed(&[(frame, 12)]), format!("{kind}12 bits a channel"));
    assert_eq!(changed(&[(frame + 5, 2)]), format!("{kind}2 channels"));
    assert_eq!(changed(&[(frame + 1, 0), (frame + 2, 0)]), "a picture without pixels");
    let sides: Vec<(usize, u8)> = (1..5).map(|i| (frame + i, 0xff)).collect();
    assert_eq!(changed(&sides), "65,535 × 65,535 pixels is more than the limit of 100 megapixels");
}

#[test]
fn files_of_countless_scans_are_refused() {
    let jpeg = case("progressive 4:2:0");
    let scan = jpeg.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let scans = jpeg[scan..jpeg.len() - 2].repeat(MAX_SCANS);
    let bomb = [&jpeg[..scan], &scans, b"\xff\xd9"].concat();
    assert_eq!(title(&bomb), "decoding it takes too much memory or time");
}
