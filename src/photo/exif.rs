//! What the details pane says about a photo file.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use exif::{DateTime, Exif, In, Reader, Tag, Value};

use crate::error::{Context, Result};
use crate::photo::decode::{self, Format};

/// A photo file at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Pixels, after orientation.
    pub width: u32,
    /// Pixels, after orientation.
    pub height: u32,
    /// Size of the file.
    pub bytes: u64,
    /// `JPEG`, `PNG`, …
    pub format: &'static str,
    /// When it was taken, by the camera's clock: `2024-05-01 10:20`.
    pub taken: Option<String>,
    /// Maker and model of the camera.
    pub camera: Option<String>,
}

/// Reads the header and the EXIF data of a photo, not its pixels.
///
/// # Errors
/// As [`decode::header`]. Missing or broken EXIF data are no error.
pub fn facts(path: &Path) -> Result<Facts> {
    let (width, height, format) = decode::header(path)?;
    let bytes = std::fs::metadata(path).on_file("read", path)?.len();
    let exif = match format {
        Format::Tensor | Format::Bmp => None,
        _ => read(path),
    };
    let (taken, camera) = exif.map_or((None, None), |exif| (taken(&exif), camera(&exif)));
    Ok(Facts { width, height, bytes, format: format.title(), taken, camera })
}

fn read(path: &Path) -> Option<Exif> {
    let mut reader = BufReader::new(File::open(path).ok()?);
    decode::guarded(|| {
        let mut parser = Reader::new();
        parser.continue_on_error(true);
        let outcome = parser.read_from_container(&mut reader);
        // One broken field must not hide the others.
        outcome.or_else(|error| error.distill_partial_result(|_| {})).context("EXIF data cannot be read")
    })
    .ok()
}

fn taken(exif: &Exif) -> Option<String> {
    [Tag::DateTimeOriginal, Tag::DateTimeDigitized, Tag::DateTime].into_iter().find_map(|tag| {
        let Value::Ascii(texts) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
        let at = DateTime::from_ascii(texts.first()?).ok()?;
        // Cameras whose clock was never set write zeros.
        (at.year > 0 && (1..=12).contains(&at.month) && (1..=31).contains(&at.day))
            .then(|| format!("{:04}-{:02}-{:02} {:02}:{:02}", at.year, at.month, at.day, at.hour, at.minute))
    })
}

fn camera(exif: &Exif) -> Option<String> {
    match (text(exif, Tag::Make), text(exif, Tag::Model)) {
        // Many models repeat the maker: `Canon`, `Canon EOS 5D`.
        (Some(make), Some(model)) if model.to_lowercase().starts_with(&make.to_lowercase()) => Some(model),
        (Some(make), Some(model)) => Some(format!("{make} {model}")),
        (make, model) => model.or(make),
    }
}

/// An ASCII field without padding and control characters, at most 80 characters.
fn text(exif: &Exif, tag: Tag) -> Option<String> {
    let Value::Ascii(texts) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
    let text: String = String::from_utf8_lossy(texts.first()?).chars().filter(|c| !c.is_control()).take(80).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use exif::{Field, experimental::Writer};

    fn photo(fields: &[(Tag, Value)]) -> (tempfile::TempDir, std::path::PathBuf) {
        let fields: Vec<Field> =
            fields.iter().map(|(tag, value)| Field { tag: *tag, ifd_num: In::PRIMARY, value: value.clone() }).collect();
        let mut writer = Writer::new();
        fields.iter().for_each(|field| writer.push_field(field));
        let mut tiff = std::io::Cursor::new(Vec::new());
        writer.write(&mut tiff, false).unwrap();
        let segment = [&b"Exif\0\0"[..], tiff.get_ref()].concat();
        let mut jpeg = std::io::Cursor::new(Vec::new());
        image::RgbImage::new(20, 10).write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
        let (start, rest) = jpeg.get_ref().split_at(2);
        let length = (segment.len() as u16 + 2).to_be_bytes();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo.jpg");
        std::fs::write(&path, [start, &[0xff, 0xe1], &length, &segment, rest].concat()).unwrap();
        (folder, path)
    }

    fn ascii(text: &str) -> Value {
        Value::Ascii(vec![text.as_bytes().to_vec()])
    }

    #[test]
    fn facts_come_from_header_and_exif() {
        let (_folder, path) = photo(&[
            (Tag::Make, ascii("Canon")),
            (Tag::Model, ascii("Canon EOS 5D ")),
            (Tag::Orientation, Value::Short(vec![6])),
            (Tag::DateTime, ascii("2025:01:01 00:00:00")),
            (Tag::DateTimeOriginal, ascii("2024:05:01 10:20:30")),
        ]);
        let expected = Facts {
            width: 10,
            height: 20,
            bytes: std::fs::metadata(&path).unwrap().len(),
            format: "JPEG",
            taken: Some("2024-05-01 10:20".to_owned()),
            camera: Some("Canon EOS 5D".to_owned()),
        };
        assert_eq!(facts(&path).unwrap(), expected);
    }

    #[test]
    fn unset_clocks_and_missing_fields_are_left_out() {
        let (_folder, path) = photo(&[
            (Tag::Make, ascii("Acme")),
            (Tag::Model, ascii("X1")),
            (Tag::DateTimeOriginal, ascii("0000:00:00 00:00:00")),
        ]);
        let found = facts(&path).unwrap();
        assert_eq!((found.taken, found.camera.as_deref()), (None, Some("Acme X1")));
        let plain = path.with_file_name("plain.png");
        image::RgbImage::new(3, 4).save(&plain).unwrap();
        let found = facts(&plain).unwrap();
        assert_eq!((found.width, found.height, found.format, found.taken, found.camera), (3, 4, "PNG", None, None));
    }
}
