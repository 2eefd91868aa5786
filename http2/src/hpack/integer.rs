//! Integers (RFC 7541, 5.1): the low bits of a byte, and if these are all set, what follows in sevens.

use bytes::{BufMut, BytesMut};

use super::Invalid;

/// Bytes that may follow the first: by then it is longer than any header block.
const MOST: u32 = 4;

/// Reads one off `block`, from the low `bits` of its first byte on.
pub(super) fn take(block: &mut &[u8], bits: u32) -> Result<usize, Invalid> {
    let (&first, mut rest) = block.split_first().ok_or(Invalid)?;
    let full = (1usize << bits) - 1;
    let mut value = usize::from(first) & full;
    if value == full {
        for place in 0.. {
            let (&byte, after) = rest.split_first().ok_or(Invalid)?;
            rest = after;
            if place == MOST {
                return Err(Invalid);
            }
            value += usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *block = rest;
    Ok(value)
}

/// Writes one whose first byte has `high` above its low `bits`.
pub(super) fn put(mut value: usize, high: u8, bits: u32, to: &mut BytesMut) {
    let full = (1usize << bits) - 1;
    if value < full {
        to.put_u8(high | value as u8);
        return;
    }
    to.put_u8(high | full as u8);
    value -= full;
    while value >= 0x80 {
        to.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    to.put_u8(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard() {
        // RFC 7541, C.1.
        for (bytes, bits, value) in [
            (&[0b01010][..], 5, 10),
            (&[0b11111, 0x9a, 0x0a], 5, 1337),
            (&[42], 8, 42),
        ] {
            assert_eq!(take(&mut &bytes[..], bits), Ok(value));
            let mut written = BytesMut::new();
            put(value, 0, bits, &mut written);
            assert_eq!(&written[..], bytes);
        }
    }

    #[test]
    fn what_has_no_end_or_is_too_long_is_invalid() {
        assert_eq!(take(&mut &[][..], 7), Err(Invalid));
        assert_eq!(take(&mut &[0xff, 0x80][..], 7), Err(Invalid));
        assert_eq!(
            take(&mut &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..], 7),
            Err(Invalid)
        );
    }
}
