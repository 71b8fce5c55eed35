//! Events of tensorboard/compat/proto, serialised by hand for the few fields in use.
//!
//! Scalars, histograms and pictures have the form that TensorFlow 1 and PyTorch write, which TensorBoard shows beside
//! the newer one.

/// Buckets of a histogram, as many as TensorBoard's own writer makes.
const BUCKETS: usize = 30;

/// `Event { wall_time = 1, step = 2, file_version = 3 }`: how a file begins.
pub fn version(wall_time: f64) -> Vec<u8> {
    let mut event = event(wall_time, 0);
    bytes(&mut event, 3, b"brain.Event:2");
    event
}

/// `Event { wall_time = 1, step = 2, summary = 5 }` with these values.
pub fn summary(wall_time: f64, step: usize, values: &[Vec<u8>]) -> Vec<u8> {
    let mut summary = Vec::new();
    values.iter().for_each(|value| bytes(&mut summary, 1, value));
    let mut event = event(wall_time, step as u64);
    bytes(&mut event, 5, &summary);
    event
}

/// `Summary.Value { tag = 1, simple_value = 2 }`.
pub fn scalar(tag: &str, value: f32) -> Vec<u8> {
    let mut to = Vec::new();
    bytes(&mut to, 1, tag.as_bytes());
    to.push(key(2, 5));
    to.extend(value.to_le_bytes());
    to
}

/// `Summary.Value { tag = 1, histo = 5 }` with `HistogramProto { min = 1, max = 2, num = 3, sum = 4, sum_squares = 5,
/// bucket_limit = 6, bucket = 7 }`. A bucket counts the values below its limit that are in none before it; the last one
/// the largest value too.
pub fn histogram(tag: &str, values: &[f32]) -> Vec<u8> {
    let values = || values.iter().map(|value| f64::from(*value));
    let (min, max) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), v| (min.min(v), max.max(v)));
    let width = (max - min) / BUCKETS as f64;
    let limits: Vec<f64> = (1..=BUCKETS).map(|n| if n == BUCKETS { max } else { min + n as f64 * width }).collect();
    let mut counts = [0.0; BUCKETS];
    for value in values() {
        let bucket = limits.partition_point(|limit| *limit <= value).min(BUCKETS - 1);
        counts.iter_mut().skip(bucket).take(1).for_each(|count| *count += 1.0);
    }
    let mut histogram = Vec::new();
    let sums = [min, max, values().count() as f64, values().sum(), values().map(|v| v * v).sum()];
    for (number, value) in (1..).zip(sums) {
        histogram.push(key(number, 1));
        histogram.extend(value.to_le_bytes());
    }
    doubles(&mut histogram, 6, &limits);
    doubles(&mut histogram, 7, &counts);
    let mut to = Vec::new();
    bytes(&mut to, 1, tag.as_bytes());
    bytes(&mut to, 5, &histogram);
    to
}

/// `Summary.Value { tag = 1, image = 4, metadata = 9 }` with `Image { height = 1, width = 2, colorspace = 3,
/// encoded_image_string = 4 }` and a description in Markdown.
pub fn image(tag: &str, description: &str, (width, height): (u32, u32), png: &[u8]) -> Vec<u8> {
    const RGB: u64 = 3;
    let mut image = Vec::new();
    for (number, value) in [(1, u64::from(height)), (2, u64::from(width)), (3, RGB)] {
        image.push(key(number, 0));
        varint(&mut image, value);
    }
    bytes(&mut image, 4, png);
    // SummaryMetadata { plugin_data = 1 { plugin_name = 1 }, summary_description = 3 }
    let mut plugin = Vec::new();
    bytes(&mut plugin, 1, b"images");
    let mut metadata = Vec::new();
    bytes(&mut metadata, 1, &plugin);
    bytes(&mut metadata, 3, description.as_bytes());
    let mut to = Vec::new();
    bytes(&mut to, 1, tag.as_bytes());
    bytes(&mut to, 4, &image);
    bytes(&mut to, 9, &metadata);
    to
}

/// Step and first tag of an event that [`summary`] made.
pub fn step_and_first_tag(event: &[u8]) -> Option<(usize, &[u8])> {
    let after_time = event.strip_prefix(&[key(1, 1)])?.get(8..)?;
    let (step, rest) = split_varint(after_time.strip_prefix(&[key(2, 0)])?)?;
    let tag = content(content(content(rest, 5)?, 1)?, 1)?;
    Some((usize::try_from(step).ok()?, tag))
}

fn event(wall_time: f64, step: u64) -> Vec<u8> {
    let mut event = vec![key(1, 1)];
    event.extend(wall_time.to_le_bytes());
    event.push(key(2, 0));
    varint(&mut event, step);
    event
}

/// What stands before a field: its number and how it is written (0 varint, 1 eight bytes, 2 length and bytes, 5 four).
const fn key(number: u8, wire_type: u8) -> u8 {
    (number << 3) | wire_type
}

/// A string, bytes or a message.
fn bytes(to: &mut Vec<u8>, number: u8, content: &[u8]) {
    to.push(key(number, 2));
    varint(to, content.len() as u64);
    to.extend_from_slice(content);
}

fn doubles(to: &mut Vec<u8>, number: u8, values: &[f64]) {
    bytes(to, number, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
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
        let message = histogram("h", values);
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
