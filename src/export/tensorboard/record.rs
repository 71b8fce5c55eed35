//! TFRecords: length, masked checksum of the length, data, masked checksum of the data.

/// Adds one record.
pub fn append(to: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    to.extend(length);
    to.extend(masked(crc32c(&length)).to_le_bytes());
    to.extend_from_slice(data);
    to.extend(masked(crc32c(data)).to_le_bytes());
}

/// The data of the records up to the first that is cut short or damaged.
pub fn read(mut file: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while let Some((data, rest)) = split_first(file) {
        records.push(data);
        file = rest;
    }
    records
}

fn split_first(file: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = file.split_first_chunk::<8>()?;
    let (check, rest) = rest.split_first_chunk::<4>()?;
    let sound = |data: &[u8], check: &[u8; 4]| masked(crc32c(data)) == u32::from_le_bytes(*check);
    if !sound(length, check) {
        return None;
    }
    let (data, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let (check, rest) = rest.split_first_chunk::<4>()?;
    sound(data, check).then_some((data, rest))
}

/// Rotated and shifted, as TensorFlow stores checksums of data that may hold checksums themselves.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// CRC-32C (Castagnoli), as RFC 3720 defines it.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        let index = usize::from(crc as u8 ^ byte);
        (crc >> 8) ^ TABLE.get(index).copied().unwrap_or_default()
    })
}

/// What a byte does to the checksum.
static TABLE: [u32; 256] = {
    const POLYNOMIAL: u32 = 0x82F6_3B78; // reversed
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL & 0_u32.wrapping_sub(crc & 1));
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_agree_with_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
    }

    #[test]
    fn reading_ends_at_a_torn_or_damaged_record() {
        let mut file = Vec::new();
        for data in [&b"one"[..], b"", b"three"] {
            append(&mut file, data);
        }
        assert_eq!(read(&file), [&b"one"[..], b"", b"three"]);
        assert_eq!(read(&file[..file.len() - 1]), [&b"one"[..], b""]);
        let third = file.len() - 6;
        file[third] ^= 1;
        assert_eq!(read(&file), [&b"one"[..], b""]);
        assert!(read(&[0xFF; 12]).is_empty() && read(&[]).is_empty());
    }
}
