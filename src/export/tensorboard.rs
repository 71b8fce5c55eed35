//! The curves as an event file, which TensorBoard reads.
//!
//! An event file is a sequence of TFRecords: length, masked checksum of the length, a serialised `Event` of
//! tensorboard/compat/proto/event.proto, masked checksum of the event. Written by hand, for the five fields in use.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::protobuf::Message;
use crate::atomic_file;
use crate::error::Result;
use crate::train::observer::EpochRecord;

/// The name of the event file. Always the same, so that a resumed run replaces it and no epoch appears twice.
pub const FILE: &str = "events.out.tfevents.crackscope";

/// Writes the curves of a run to `events.out.tfevents.crackscope` in the folder `run`: loss, accuracy and learning
/// rate, the epoch as step. The wall time assumes that the last epoch ended just now.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_run(run: &Path, epochs: &[EpochRecord]) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64();
    atomic_file::write(&run.join(FILE), &events(epochs, now))
}

/// The event file of a run whose last epoch ended at `ended`, in seconds since 1970.
fn events(epochs: &[EpochRecord], ended: f64) -> Vec<u8> {
    let start = ended - epochs.last().map_or(0.0, |epoch| epoch.seconds);
    let mut file = Vec::new();
    record(&mut file, &event(start, 0).text(3, "brain.Event:2").into_bytes());
    for epoch in epochs {
        let values = [
            ("loss/train", Some(epoch.train_loss)),
            ("loss/validation", epoch.val_loss),
            ("accuracy/train", Some(epoch.train_accuracy)),
            ("accuracy/validation", epoch.val_accuracy),
            ("learning_rate", Some(epoch.learning_rate)),
        ];
        let values = values.into_iter().filter_map(|(tag, value)| Some(scalar(tag, value? as f32)));
        let summary = Message::default().each(values, |summary, value| summary.message(1, &value));
        let event = event(start + epoch.seconds, epoch.epoch).message(5, &summary);
        record(&mut file, &event.into_bytes());
    }
    file
}

/// `Event { wall_time = 1, step = 2 }`, to which the content is added.
fn event(wall_time: f64, step: usize) -> Message {
    Message::default().double(1, wall_time).int(2, step as i64)
}

/// `Summary.Value { tag = 1, simple_value = 2 }`.
fn scalar(tag: &str, value: f32) -> Message {
    Message::default().text(1, tag).float(2, value)
}

/// One TFRecord.
fn record(to: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    to.extend(length);
    to.extend(masked(crc32c(&length)).to_le_bytes());
    to.extend_from_slice(data);
    to.extend(masked(crc32c(data)).to_le_bytes());
}

/// Rotated and shifted, as TensorFlow stores checksums of data that may hold checksums themselves.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// CRC-32C (Castagnoli), as RFC 3720 defines it. Bit by bit: a run writes a few kilobytes.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82F6_3B78; // reversed
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (POLYNOMIAL & 0_u32.wrapping_sub(crc & 1)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_agree_with_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
    }

    /// The first record as TensorFlow writes it, with the step spelt out.
    #[test]
    fn the_file_begins_with_its_version() {
        let file = events(&[], 0.0);
        assert_eq!(file[..8], 26_u64.to_le_bytes());
        assert_eq!(file[12..38], *b"\x09\0\0\0\0\0\0\0\0\x10\0\x1a\x0dbrain.Event:2");
        assert_eq!(file.len(), 12 + 26 + 4);
    }

    #[test]
    fn absent_validation_has_no_values_and_a_second_writing_replaces_the_first() {
        let epoch = |epoch, val| EpochRecord {
            epoch,
            seconds: epoch as f64,
            learning_rate: 1e-3,
            train_loss: 0.5,
            train_accuracy: 0.75,
            val_loss: val,
            val_accuracy: val,
        };
        let holds = |file: &[u8], tag: &str| file.windows(tag.len()).any(|window| window == tag.as_bytes());
        let folder = tempfile::tempdir().unwrap();
        write_run(folder.path(), &[epoch(1, None)]).unwrap();
        let first = std::fs::read(folder.path().join(FILE)).unwrap();
        assert!(holds(&first, "loss/train") && !holds(&first, "validation"));
        write_run(folder.path(), &[epoch(1, Some(0.5)), epoch(300, Some(0.25))]).unwrap();
        let second = std::fs::read(folder.path().join(FILE)).unwrap();
        assert!(holds(&second, "accuracy/validation") && holds(&second, "learning_rate"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
