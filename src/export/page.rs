//! A page of HTML that holds all it shows: what the reports have in common.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use libjpeg_turbo_rs::{PixelFormat, Subsampling};

use crate::error::{Context, Result};

const STYLE: &str = include_str!("page.css");

/// The whole page: a title, what `style` adds to the style of all pages, and the body.
///
/// Whatever the body should name, no browser fetches anything for it: the page forbids it.
pub fn document(title: &str, style: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src \
         'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escaped(title)
    )
}

/// A picture within the page. `jpeg` are the bytes of a file of this size.
pub fn picture(jpeg: &[u8], (width, height): (u32, u32), alt: &str) -> String {
    let (alt, data) = (escaped(alt), STANDARD.encode(jpeg));
    format!("<img width=\"{width}\" height=\"{height}\" alt=\"{alt}\" src=\"data:image/jpeg;base64,{data}\">")
}

/// A picture as a JPEG file, colours at half the resolution of light, as cameras do it.
///
/// # Errors
/// Where it has no pixel, or more than a JPEG file may have.
pub fn jpeg(picture: &RgbImage, quality: u8) -> Result<Vec<u8>> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    libjpeg_turbo_rs::compress_optimized(picture.as_raw(), width, height, PixelFormat::Rgb, quality, Subsampling::S420)
        .context("Cannot encode a picture as JPEG")
}

/// A table of names and values, both escaped.
pub fn facts<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let row = |(name, value): (&str, String)| {
        format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escaped(name), escaped(&value))
    };
    format!("<table>\n<tbody>\n{}</tbody>\n</table>\n", rows.into_iter().map(row).collect::<String>())
}

/// Text with nothing in it that HTML would act on, within elements and within quotes.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push('\u{FFFD}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The same of several lines.
pub fn escaped_lines(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("<br>\n")
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn a_picture_comes_back_as_it_was() {
        let drawn = RgbImage::from_fn(67, 45, |x, y| Rgb([(3 * x) as u8, (5 * y) as u8, 128]));
        let read = image::load_from_memory(&jpeg(&drawn, 90).unwrap()).unwrap().into_rgb8();
        assert_eq!(read.dimensions(), drawn.dimensions());
        let worst = drawn.as_raw().iter().zip(read.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst < Some(24), "{worst:?}");
        assert!(jpeg(&RgbImage::new(0, 0), 90).is_err());
    }

    #[test]
    fn text_is_text() {
        assert_eq!(escaped("<a href='x'>&\"\u{7}"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\u{FFFD}");
        assert_eq!(escaped_lines("a\r\n<b>\n"), "a<br>\n&lt;b&gt;");
        assert!(document("</title><script>", "", "").contains("<title>&lt;/title&gt;&lt;script&gt;</title>"));
    }
}
