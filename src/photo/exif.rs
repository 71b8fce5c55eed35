//! What the details pane says about a photo file.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;

use exif::{DateTime, Exif, In, Reader, Tag, Value};

use crate::error::{Context, Result};
use crate::photo::decode::{self, Format};

/// A photo file at a glance.
#[derive(Clone, Debug, PartialEq)]
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
    /// How far that clock is ahead of UTC: `+02:00`.
    pub utc_offset: Option<String>,
    /// Maker and model of the camera.
    pub camera: Option<String>,
    /// Where it was taken.
    pub place: Option<Place>,
}

/// A place as the camera's receiver noted it (WGS 84); how exact that is depends on the receiver and the sky.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Degrees, north of the equator positive.
    pub latitude: f64,
    /// Degrees, east of Greenwich positive.
    pub longitude: f64,
    /// Metres above the sea.
    pub altitude: Option<f64>,
}

impl fmt::Display for Place {
    /// `48.85837° N, 2.29448° E, 35 m`: five decimals are about a metre.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (north, east) = (if self.latitude < 0.0 { 'S' } else { 'N' }, if self.longitude < 0.0 { 'W' } else { 'E' });
        write!(f, "{:.5}° {north}, {:.5}° {east}", self.latitude.abs(), self.longitude.abs())?;
        self.altitude.map_or(Ok(()), |metres| write!(f, ", {metres:.0} m"))
    }
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
    let nothing = Facts {
        width,
        height,
        bytes,
        format: format.title(),
        taken: None,
        utc_offset: None,
        camera: None,
        place: None,
    };
    Ok(match exif {
        Some(exif) => Facts {
            taken: taken(&exif),
            utc_offset: text(&exif, Tag::OffsetTimeOriginal).filter(|text| is_offset(text)),
            camera: camera(&exif),
            place: place(&exif),
            ..nothing
        },
        None => nothing,
    })
}

/// Through which lens a photo was taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lens {
    /// The focal length that gives the same view on 35 mm film.
    Film {
        /// In millimetres.
        focal_mm: f64,
    },
    /// The focal length, and how wide the sensor is.
    Sensor {
        /// In millimetres.
        focal_mm: f64,
        /// The sensor's longer side, in millimetres.
        width_mm: f64,
    },
}

/// The lens of a photo of this size, where its camera noted it.
pub fn lens(path: &Path, (width, height): (u32, u32)) -> Option<Lens> {
    lens_of(&read(path)?, width.max(height))
}

fn lens_of(exif: &Exif, longer_side: u32) -> Option<Lens> {
    let number = |tag| number(exif, tag).filter(|value| *value > 0.0);
    if let Some(focal_mm) = number(Tag::FocalLengthIn35mmFilm) {
        return Some(Lens::Film { focal_mm });
    }
    // Pixels to a centimetre of the sensor, or to an inch where no unit is noted.
    let unit_mm = match exif.get_field(Tag::FocalPlaneResolutionUnit, In::PRIMARY).and_then(|f| f.value.get_uint(0)) {
        Some(3) => 10.0,
        _ => 25.4,
    };
    let width_mm = f64::from(longer_side) / number(Tag::FocalPlaneXResolution)? * unit_mm;
    Some(Lens::Sensor { focal_mm: number(Tag::FocalLength)?, width_mm })
}

/// When a photo was taken, and by which camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Seconds by the camera's own clock; only differences mean something.
    pub seconds: i64,
    /// A digest of the camera's maker and model; that of an empty name where none is noted.
    pub camera: u64,
}

/// When the photo in these bytes of a file was taken, where it says.
pub fn taken_at(bytes: &[u8]) -> Option<Taken> {
    let exif = parsed(&mut Cursor::new(bytes))?;
    let at = clock(&exif)?;
    let digest = blake3::hash(camera(&exif).unwrap_or_default().as_bytes());
    let camera = digest.as_bytes().first_chunk().map(|bytes| u64::from_le_bytes(*bytes))?;
    let seconds = i64::from(at.hour) * 3600 + i64::from(at.minute) * 60 + i64::from(at.second);
    Some(Taken { seconds: days(at.year, at.month, at.day) * 86_400 + seconds, camera })
}

/// Days since 1970-03-01 of the Gregorian calendar, whose years are counted from March so that leap days come last.
fn days(year: u16, month: u8, day: u8) -> i64 {
    let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    365 * (year - 1970) + (year / 4 - 492) - (year / 100 - 19) + (year / 400 - 4) + (153 * month + 2) / 5 + day - 1
}

fn read(path: &Path) -> Option<Exif> {
    parsed(&mut BufReader::new(File::open(path).ok()?))
}

fn parsed<R: BufRead + Seek>(reader: &mut R) -> Option<Exif> {
    decode::guarded(|| {
        let mut parser = Reader::new();
        parser.continue_on_error(true);
        let outcome = parser.read_from_container(reader);
        // One broken field must not hide the others.
        outcome.or_else(|error| error.distill_partial_result(|_| {})).context("EXIF data cannot be read")
    })
    .ok()
}

fn taken(exif: &Exif) -> Option<String> {
    let at = clock(exif)?;
    Some(format!("{:04}-{:02}-{:02} {:02}:{:02}", at.year, at.month, at.day, at.hour, at.minute))
}

fn clock(exif: &Exif) -> Option<DateTime> {
    [Tag::DateTimeOriginal, Tag::DateTimeDigitized, Tag::DateTime].into_iter().find_map(|tag| {
        let Value::Ascii(texts) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
        let at = DateTime::from_ascii(texts.first()?).ok()?;
        // Cameras whose clock was never set write zeros.
        (at.year > 0 && (1..=12).contains(&at.month) && (1..=31).contains(&at.day)).then_some(at)
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

/// Where it was taken, where both coordinates are noted, make sense and are not both zero, as receivers write it that
/// have not found themselves yet.
fn place(exif: &Exif) -> Option<Place> {
    let latitude = degrees(exif, Tag::GPSLatitude)?.copysign(sign(exif, Tag::GPSLatitudeRef, "S")?);
    let longitude = degrees(exif, Tag::GPSLongitude)?.copysign(sign(exif, Tag::GPSLongitudeRef, "W")?);
    let known = (latitude, longitude) != (0.0, 0.0) && latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    let below = exif.get_field(Tag::GPSAltitudeRef, In::PRIMARY).and_then(|f| f.value.get_uint(0)) == Some(1);
    let altitude = number(exif, Tag::GPSAltitude).map(|metres| if below { -metres } else { metres });
    known.then_some(Place { latitude, longitude, altitude })
}

/// Degrees, minutes and seconds as degrees.
fn degrees(exif: &Exif, tag: Tag) -> Option<f64> {
    let Value::Rational(parts) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
    let degrees: f64 = parts.iter().zip([1.0, 60.0, 3600.0]).map(|(part, unit)| part.to_f64() / unit).sum();
    (!parts.is_empty() && degrees.is_finite()).then_some(degrees)
}

/// Minus one on that side of the earth, plus one on the other; `None` where the file does not say which side it is.
fn sign(exif: &Exif, tag: Tag, negative: &str) -> Option<f64> {
    let side = text(exif, tag)?;
    Some(if side.eq_ignore_ascii_case(negative) { -1.0 } else { 1.0 })
}

/// `+02:00`, and nothing else that a camera may have written.
fn is_offset(text: &str) -> bool {
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.strip_prefix(['+', '-']).and_then(|rest| rest.split_once(':'));
    parts.is_some_and(|(hours, minutes)| digits(hours) && digits(minutes))
}

/// A number that is one.
fn number(exif: &Exif, tag: Tag) -> Option<f64> {
    let value = match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Rational(values) => values.first()?.to_f64(),
        value => f64::from(value.get_uint(0)?),
    };
    Some(value).filter(|value| value.is_finite())
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
        let mut tiff = Cursor::new(Vec::new());
        writer.write(&mut tiff, false).unwrap();
        let segment = [&b"Exif\0\0"[..], tiff.get_ref()].concat();
        let mut jpeg = Cursor::new(Vec::new());
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
            utc_offset: None,
            camera: Some("Canon EOS 5D".to_owned()),
            place: None,
        };
        assert_eq!(facts(&path).unwrap(), expected);
    }

    fn rational(parts: &[(u32, u32)]) -> Value {
        Value::Rational(parts.iter().map(|&(num, denom)| exif::Rational { num, denom }).collect())
    }

    #[test]
    fn the_place_is_said_in_degrees() {
        let of = |fields: &[(Tag, Value)]| facts(&photo(fields).1).unwrap().place;
        let south = [
            (Tag::GPSLatitude, rational(&[(33, 1), (51, 1), (3036, 100)])),
            (Tag::GPSLatitudeRef, ascii("S")),
            (Tag::GPSLongitude, rational(&[(151, 1), (12, 1), (5115, 100)])),
            (Tag::GPSLongitudeRef, ascii("E")),
            (Tag::GPSAltitude, rational(&[(1234, 100)])),
            (Tag::GPSAltitudeRef, Value::Byte(vec![1])),
        ];
        let place = of(&south).unwrap();
        assert!(
            (place.latitude + 33.858_433).abs() < 1e-6 && (place.longitude - 151.214_208).abs() < 1e-6,
            "{place:?}"
        );
        assert_eq!(place.to_string(), "33.85843° S, 151.21421° E, -12 m");
        let decimal = [(rational(&[(4_885_837, 100_000)]), "N"), (rational(&[(229_448, 100_000)]), "W")];
        let [(latitude, north), (longitude, west)] = decimal;
        let north = [(Tag::GPSLatitude, latitude), (Tag::GPSLatitudeRef, ascii(north))];
        let west = [(Tag::GPSLongitude, longitude), (Tag::GPSLongitudeRef, ascii(west))];
        assert_eq!(of(&[north.clone(), west.clone()].concat()).unwrap().to_string(), "48.85837° N, 2.29448° W");
        for (fields, why) in [
            (north.to_vec(), "half a place is none"),
            ([&north[..1], &west].concat(), "which side of the equator is not said"),
            ([&[(Tag::GPSLatitude, rational(&[(48, 0)])), north[1].clone()], &west[..]].concat(), "no number"),
            ([&[(Tag::GPSLatitude, rational(&[(91, 1)])), north[1].clone()], &west[..]].concat(), "beyond the pole"),
        ] {
            assert_eq!(of(&fields), None, "{why}");
        }
        let unset = |tag, side, letter| [(tag, rational(&[(0, 1), (0, 1), (0, 1)])), (side, ascii(letter))];
        let zero =
            [unset(Tag::GPSLatitude, Tag::GPSLatitudeRef, "N"), unset(Tag::GPSLongitude, Tag::GPSLongitudeRef, "E")];
        assert_eq!(of(&zero.concat()), None, "the receiver had not found itself");
    }

    #[test]
    fn the_offset_of_the_clock_is_kept_where_it_is_one() {
        let of = |text: &str| facts(&photo(&[(Tag::OffsetTimeOriginal, ascii(text))]).1).unwrap().utc_offset;
        assert_eq!(of("+02:00").as_deref(), Some("+02:00"));
        assert_eq!([of("   :  "), of("CEST"), of("+2:00")], [None, None, None]);
    }

    #[test]
    fn the_lens_is_known_by_film_or_by_sensor() {
        let lens_of = |fields: &[(Tag, Value)]| {
            let (_folder, path) = photo(fields);
            lens(&path, (6000, 4000))
        };
        let film = (Tag::FocalLengthIn35mmFilm, Value::Short(vec![26]));
        let (focal, per_cm) =
            ((Tag::FocalLength, rational(&[(500, 10)])), (Tag::FocalPlaneXResolution, rational(&[(2500, 1)])));
        let unit = (Tag::FocalPlaneResolutionUnit, Value::Short(vec![3]));
        assert_eq!(lens_of(&[film, focal.clone()]), Some(Lens::Film { focal_mm: 26.0 }));
        let sensor = Some(Lens::Sensor { focal_mm: 50.0, width_mm: 24.0 });
        assert_eq!(lens_of(&[focal.clone(), per_cm.clone(), unit]), sensor);
        assert_eq!(lens_of(std::slice::from_ref(&focal)), None);
        assert_eq!(lens_of(&[(Tag::FocalLengthIn35mmFilm, Value::Short(vec![0])), focal]), None, "0 is unknown");
    }

    #[test]
    fn times_are_as_far_apart_as_they_are() {
        let at = |time: &str, model: &str| {
            let (_folder, path) = photo(&[(Tag::DateTimeOriginal, ascii(time)), (Tag::Model, ascii(model))]);
            taken_at(&std::fs::read(path).unwrap()).unwrap()
        };
        let seconds = |from: &str, to: &str| at(to, "a").seconds - at(from, "a").seconds;
        assert_eq!(seconds("2024:02:28 23:59:58", "2024:03:01 00:00:01"), 86_400 + 3);
        assert_eq!(seconds("2023:02:28 23:59:58", "2023:03:01 00:00:01"), 3);
        assert_eq!(seconds("1999:12:31 12:00:00", "2000:12:31 12:00:00"), 366 * 86_400);
        assert_eq!(at("2024:05:01 10:20:30", "a").camera, at("2020:05:01 10:20:30", "a").camera);
        assert_ne!(at("2024:05:01 10:20:30", "a").camera, at("2024:05:01 10:20:30", "b").camera);
        assert_eq!(taken_at(b"no photo"), None);
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
