//! Events of tensorboard/compat/proto, serialised by hand for the few fields in use.
//!
//! Scalars, histograms and pictures have the form that TensorFlow 1 and PyTorch write, which TensorBoard shows beside
//! the newer one.

use crate::export::protobuf::Message;

/// Buckets of a histogram, as many as TensorBoard's own writer makes.
const BUCKETS: usize = 30;

/// `Event { wall_time = 1, step = 2, file_version = 3 }`: how a file begins.
pub fn version(wall_time: f64) -> Vec<u8> {
    event(wall_time, 0).text(3, "brain.Event:2").into_bytes()
}

/// `Event { wall_time = 1, step = 2, summary = 5 }` with these values.
pub fn summary(wall_time: f64, step: usize, values: &[Message]) -> Vec<u8> {
    let summary = Message::default().each(values, |summary, value| summary.message(1, value));
    event(wall_time, step).message(5, &summary).into_bytes()
}

/// `Summary.Value { tag = 1, simple_value = 2 }`.
pub fn scalar(tag: &str, value: f32) -> Message {
    Message::default().text(1, tag).float(2, value)
}

/// `Summary.Value { tag = 1, histo = 5 }` with `HistogramProto { min = 1, max = 2, num = 3, sum = 4, sum_squares = 5,
/// bucket_limit = 6, bucket = 7 }`. A bucket counts the values below its limit that are in none before it; the last one
/// the largest value too.
pub fn histogram(tag: &str, values: &[f32]) -> Message {
    let values = || values.iter().map(|value| f64::from(*value));
    let (min, max) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), v| (min.min(v), max.max(v)));
    let width = (max - min) / BUCKETS as f64;
    let limits: Vec<f64> = (1..=BUCKETS).map(|n| if n == BUCKETS { max } else { min + n as f64 * width }).collect();
    let mut counts = [0.0; BUCKETS];
    for value in values() {
        let bucket = limits.partition_point(|limit| *limit <= value).min(BUCKETS - 1);
        counts.iter_mut().skip(bucket).take(1).for_each(|count| *count += 1.0);
    }
    let sums = [min, max, values().count() as f64, values().sum(), values().map(|v| v * v).sum()];
    let histogram = Message::default()
        .each((1..).zip(sums), |histogram, (number, value)| histogram.double(number, value))
        .bytes(6, &packed(&limits))
        .bytes(7, &packed(&counts));
    Message::default().text(1, tag).message(5, &histogram)
}

/// `Summary.Value { tag = 1, image = 4, metadata = 9 }` with `Image { height = 1, width = 2, colorspace = 3,
/// encoded_image_string = 4 }` and a description in Markdown.
pub fn image(tag: &str, description: &str, (width, height): (u32, u32), png: &[u8]) -> Message {
    const RGB: i64 = 3;
    let image = Message::default().int(1, height.into()).int(2, width.into()).int(3, RGB).bytes(4, png);
    // SummaryMetadata { plugin_data = 1 { plugin_name = 1 }, summary_description = 3 }
    let plugin = Message::default().text(1, "images");
    let metadata = Message::default().message(1, &plugin).text(3, description);
    Message::default().text(1, tag).message(4, &image).message(9, &metadata)
}

/// Step and first tag of an event that [`summary`] made.
pub fn step_and_first_tag(event: &[u8]) -> Option<(usize, &[u8])> {
    let after_time = event.strip_prefix(&[key(1, 1)])?.get(8..)?;
    let (step, rest) = split_varint(after_time.strip_prefix(&[key(2, 0)])?)?;
    let tag = content(content(content(rest, 5)?, 1)?, 1)?;
    Some((usize::try_from(step).ok()?, tag))
}

fn event(wall_time: f64, step: usize) -> Message {
    Message::default().double(1, wall_time).int(2, step as i64)
}

/// Repeated doubles, one after the other.
fn packed(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// What stands before a field: its number and how it is written (0 varint, 1 eight bytes, 2 length and bytes, 5 four).
const fn key(number: u8, wire_type: u8) -> u8 {
    (number << 3) | wire_type
}

/// The content of the field `number`, with which `message` begins.
fn content(message: &[u8], number: u8) -> Option<&[u8]> {
    let (length, rest) = split_varint(message.strip_prefix(&[key(number, 2)])?)?;
    rest.get(..usize::try_from(length).ok()?)
}

fn split_varint(from: &[u8]) -> Option<(u64, &[u8])> {
    let last = from.iter().take(10).position(|byte| byte & 0x80 == 0)?;
    let (digits, rest) = from.split_at_checked(last + 1)?;
    let value = digits.iter().rev().fold(0, |value: u64, byte| value << 7 | u64::from(byte & 0x7F));
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_and_tag_read_back() {
        let event = summary(1.5e9, 300, &[scalar("loss/train", 0.5), histogram("head/bias", &[0.25, -0.5])]);
        assert_eq!(step_and_first_tag(&event), Some((300, &b"loss/train"[..])));
        for other in [&version(0.0)[..], &event[..12], b""] {
            assert_eq!(step_and_first_tag(other), None);
        }
    }

    /// Buckets and limits of a histogram, read back: the last two fields, 30 doubles each.
    fn buckets(values: &[f32]) -> (Vec<f64>, Vec<f64>) {
        let message = histogram("h", values).into_bytes();
        let doubles = |from: &[u8]| from.chunks_exact(8).map(|c| f64::from_le_bytes(c.try_into().unwrap())).collect();
        let (end, size) = (message.len(), 8 * BUCKETS);
        assert_eq!(message[end - size - 3..end - size], [key(7, 2), 240, 1]);
        (doubles(&message[end - 2 * size - 3..end - size - 3]), doubles(&message[end - size..]))
    }

    #[test]
    fn every_value_is_in_one_bucket() {
        let values: Vec<f32> = (0..=300).map(|n| n as f32 / 10.0).collect();
        let (limits, counts) = buckets(&values);
        assert_eq!((limits[0], limits[29]), (1.0, 30.0));
        assert_eq!((counts[0], counts[15], counts[29]), (10.0, 10.0, 11.0));
        assert_eq!(buckets(&[0.5; 7]).1.iter().sum::<f64>(), 7.0);
    }
}
