//! Protocol buffers, written by hand for the few messages in use.
//!
//! A message is a row of fields, each begun by its number and the way it is written:
//! <https://protobuf.dev/programming-guides/encoding>.

/// A message. Fields are written in the order of the calls; the usual order is that of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message(Vec<u8>);

/// How a field is written.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    EightBytes = 1,
    Length = 2,
    FourBytes = 5,
}

impl Message {
    /// Adds an `int32`, `int64`, `uint64`, `bool` or `enum`.
    #[must_use]
    pub fn int(mut self, number: u32, value: i64) -> Self {
        self.begin(number, Wire::Varint);
        self.varint(value.cast_unsigned());
        self
    }

    /// Adds a `float`.
    #[must_use]
    pub fn float(mut self, number: u32, value: f32) -> Self {
        self.begin(number, Wire::FourBytes);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Adds a `double`.
    #[must_use]
    pub fn double(mut self, number: u32, value: f64) -> Self {
        self.begin(number, Wire::EightBytes);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Adds `bytes`.
    #[must_use]
    pub fn bytes(mut self, number: u32, value: &[u8]) -> Self {
        self.begin(number, Wire::Length);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// Adds a `string`.
    #[must_use]
    pub fn text(self, number: u32, value: &str) -> Self {
        self.bytes(number, value.as_bytes())
    }

    /// Adds a message.
    #[must_use]
    pub fn message(self, number: u32, value: &Self) -> Self {
        self.bytes(number, &value.0)
    }

    /// Adds one field of the same number for each value, by `add`.
    #[must_use]
    pub fn each<T>(self, values: impl IntoIterator<Item = T>, add: impl Fn(Self, T) -> Self) -> Self {
        values.into_iter().fold(self, add)
    }

    /// The message as it stands in a file.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn begin(&mut self, number: u32, wire: Wire) {
        self.varint(u64::from(number) << 3 | wire as u64);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the encoding's own description, and −2 as `int64`.
    #[test]
    fn fields_are_written_as_described() {
        let inner = Message::default().int(1, 150);
        assert_eq!(inner.clone().into_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().text(2, "testing").into_bytes(), b"\x12\x07testing");
        assert_eq!(Message::default().message(3, &inner).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let negative = [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Message::default().int(1, -2).into_bytes(), negative);
        assert_eq!(Message::default().int(20, 1).into_bytes(), [0xa0, 0x01, 0x01]);
        assert_eq!(Message::default().float(1, 1.0).into_bytes(), [0x0d, 0, 0, 0x80, 0x3f]);
        assert_eq!(Message::default().double(1, 1.0).into_bytes(), [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        assert_eq!(Message::default().each([1, 2], |m, n| m.int(4, n)).into_bytes(), [0x20, 1, 0x20, 2]);
    }
}
