//! Ids of traces and spans, kept as the hexadecimal text in which they come and go: a request passed on is validated and
//! copied, never decoded and encoded again.

use std::{fmt, str};

/// 128 bits, not all 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 32]);

/// 64 bits, not all 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SpanId([u8; 16]);

impl TraceId {
    /// A new one.
    pub fn random(rng: &mut fastrand::Rng) -> Self {
        let mut text = [b'0'; 32];
        text[..16].copy_from_slice(&hex(rng.u64(..)));
        // All 0 is no id, and this half is never.
        text[16..].copy_from_slice(&hex(rng.u64(..).max(1)));
        Self(text)
    }

    /// 32 digits, lower case.
    pub fn parse(text: &[u8]) -> Option<Self> {
        valid(text).map(Self)
    }

    /// 16 digits, lower case: the short ids of older B3, padded on the left.
    pub fn parse_short(text: &[u8]) -> Option<Self> {
        let SpanId(low) = SpanId::parse(text)?;
        let mut text = [b'0'; 32];
        text[16..].copy_from_slice(&low);
        Some(Self(text))
    }

    /// Its digits.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl SpanId {
    /// A new one.
    pub fn random(rng: &mut fastrand::Rng) -> Self {
        Self(hex(rng.u64(..).max(1)))
    }

    /// 16 digits, lower case.
    pub fn parse(text: &[u8]) -> Option<Self> {
        valid(text).map(Self)
    }

    /// Its digits.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// `N` digits of which one at least is not 0. No early return, so that the compiler checks 16 digits at once.
fn valid<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let text: [u8; N] = text.try_into().ok()?;
    let mut digits = true;
    let mut zero = true;
    for byte in text {
        digits &= matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        zero &= byte == b'0';
    }
    (digits && !zero).then_some(text)
}

/// The two digits of each byte.
const DIGITS: [[u8; 2]; 256] = {
    let digit = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digit[byte >> 4], digit[byte & 15]];
        byte += 1;
    }
    table
};

/// 16 digits.
pub(super) fn hex(number: u64) -> [u8; 16] {
    let mut text = [0; 16];
    for (pair, byte) in text.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair.copy_from_slice(&DIGITS[usize::from(byte)]);
    }
    text
}

macro_rules! shown_as_text {
    ($id:ident) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(str::from_utf8(&self.0).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

shown_as_text!(TraceId);
shown_as_text!(SpanId);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_lower_case_digits_of_the_right_number_and_not_all_zero() {
        assert_eq!(
            SpanId::parse(b"00f067aa0ba902b7").unwrap().to_string(),
            "00f067aa0ba902b7"
        );
        for bad in [
            "",
            "0000000000000000",
            "00F067AA0BA902B7",
            "00f067aa0ba902b",
            "00f067aa0ba902b7a",
            "00f067aa0ba902g7",
        ] {
            assert_eq!(SpanId::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(TraceId::parse(&[b'0'; 32]), None);
        assert_eq!(
            TraceId::parse_short(b"a3ce929d0e0e4736")
                .unwrap()
                .to_string(),
            "0000000000000000a3ce929d0e0e4736"
        );
    }

    #[test]
    fn hex_is_what_the_standard_library_writes() {
        for number in [0, 1, 0xf, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(hex(number), *format!("{number:016x}").as_bytes());
        }
    }

    #[test]
    fn new_ids_are_valid() {
        let mut rng = fastrand::Rng::with_seed(1);
        let (trace_id, span_id) = (TraceId::random(&mut rng), SpanId::random(&mut rng));
        assert_eq!(TraceId::parse(trace_id.as_bytes()), Some(trace_id));
        assert_eq!(SpanId::parse(span_id.as_bytes()), Some(span_id));
    }
}
