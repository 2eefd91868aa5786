//! Strings by Huffman's code (RFC 7541, 5.2 and Appendix B), read. They are not written: what is said often is said by an
//! index, and for the rest a proxy's time is worth more than a fifth of the bytes.
//!
//! The code is canonical: codes of one length follow each other in the order of their symbols, and those of the next length
//! begin where they end. So the lengths are all there is to know.

use bytes::{BufMut, BytesMut};

use super::Invalid;

/// Bits of each symbol's code; the last is the end of the string, which must not occur in one.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];
const SYMBOLS: usize = 257;
const LONGEST: usize = 30;

/// The longest codes that are looked up by what begins with them, instead of searched.
const SHORT: usize = 8;

static CODE: Code = Code::new();

struct Code {
    /// By the next eight bits: the symbol, and how many of them are its code; 0: it is longer.
    short: [(u8, u8); 1 << SHORT],
    /// By length: what is less than this, of 32 bits, begins with a code of this length or a shorter one.
    limits: [u64; LONGEST + 1],
    /// By length: where its symbols begin, less its first code.
    offsets: [i64; LONGEST + 1],
    /// By code.
    symbols: [u16; SYMBOLS],
}

impl Code {
    const fn new() -> Self {
        let mut code = Self {
            short: [(0, 0); 1 << SHORT],
            limits: [0; LONGEST + 1],
            offsets: [0; LONGEST + 1],
            symbols: [0; SYMBOLS],
        };
        let (mut length, mut next, mut at) = (1, 0u64, 0);
        while length <= LONGEST {
            next <<= 1;
            code.offsets[length] = at as i64 - next as i64;
            let mut symbol = 0;
            while symbol < SYMBOLS {
                if LENGTHS[symbol] as usize == length {
                    code.symbols[at] = symbol as u16;
                    at += 1;
                    if length <= SHORT {
                        let first = (next as usize) << (SHORT - length);
                        let mut rest = 0;
                        while rest < 1 << (SHORT - length) {
                            code.short[first + rest] = (symbol as u8, length as u8);
                            rest += 1;
                        }
                    }
                    next += 1;
                }
                symbol += 1;
            }
            code.limits[length] = next << (32 - length);
            length += 1;
        }
        code
    }

    /// The symbol that 32 bits begin with, and the length of its code.
    fn next(&self, bits: u32) -> (u16, u32) {
        let (symbol, length) = self.short[(bits >> (32 - SHORT)) as usize];
        if length > 0 {
            return (symbol.into(), length.into());
        }
        let longer = SHORT + 1..=LONGEST;
        let length = { longer }.find(|&length| u64::from(bits) < self.limits[length]);
        let length = length.unwrap_or(LONGEST);
        let place = i64::from(bits >> (32 - length)) + self.offsets[length];
        (
            self.symbols[(place as usize).min(SYMBOLS - 1)],
            length as u32,
        )
    }
}

/// Appends what `coded` stands for to `to`.
pub(super) fn decode(coded: &[u8], to: &mut BytesMut) -> Result<(), Invalid> {
    // The shortest code has five bits.
    to.reserve(coded.len() * 8 / 5);
    let (mut bits, mut held) = (0u64, 0);
    let mut coded = coded.iter();
    loop {
        while held <= 56
            && let Some(&byte) = coded.next()
        {
            bits |= u64::from(byte) << (56 - held);
            held += 8;
        }
        let (symbol, length) = CODE.next((bits >> 32) as u32);
        if length > held {
            break;
        }
        let symbol = u8::try_from(symbol).map_err(|_| Invalid)?;
        to.put_u8(symbol);
        bits <<= length;
        held -= length;
    }
    // Less than a byte may be left, and it must be the beginning of the end's code, which is all ones.
    let ones = u64::MAX.checked_shl(64 - held).unwrap_or(0);
    match held < 8 && bits == ones {
        true => Ok(()),
        false => Err(Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(coded: &[u8]) -> Result<Vec<u8>, Invalid> {
        let mut to = BytesMut::new();
        decode(coded, &mut to).map(|()| to.to_vec())
    }

    /// The code of each symbol, from nothing but what the standard says of it.
    fn code_of(symbol: usize) -> (u64, u32) {
        let length = LENGTHS[symbol];
        let before = |other: &usize| (LENGTHS[*other], *other) < (length, symbol);
        let sum: u64 = (0..SYMBOLS)
            .filter(before)
            .map(|other| 1 << (LONGEST - usize::from(LENGTHS[other])))
            .sum();
        (sum >> (LONGEST - usize::from(length)), length.into())
    }

    fn encoded(text: &[u8]) -> Vec<u8> {
        let mut bits = String::new();
        for &symbol in text {
            let (code, length) = code_of(symbol.into());
            bits += &format!("{code:0width$b}", width = length as usize);
        }
        while !bits.len().is_multiple_of(8) {
            bits.push('1');
        }
        let bytes = bits.as_bytes().chunks(8);
        bytes
            .map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | (bit - b'0')))
            .collect()
    }

    #[test]
    fn the_examples_of_the_standard() {
        // RFC 7541, C.4.1, C.4.2, C.6.1.
        let examples: [(&[u8], &[u8]); 3] = [
            (
                b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
                b"www.example.com",
            ),
            (b"\xa8\xeb\x10\x64\x9c\xbf", b"no-cache"),
            (b"\x64\x02", b"302"),
        ];
        for (coded, text) in examples {
            assert_eq!(decoded(coded).as_deref(), Ok(text));
            assert_eq!(encoded(text), coded);
        }
    }

    #[test]
    fn every_symbol_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decoded(&encoded(&all)), Ok(all.clone()));
        for symbol in all {
            assert_eq!(decoded(&encoded(&[symbol])), Ok(vec![symbol]));
        }
    }

    #[test]
    fn what_ends_otherwise_is_invalid() {
        assert_eq!(decoded(b""), Ok(vec![]));
        // Eight ones, and the end itself.
        assert_eq!(decoded(b"\xff"), Err(Invalid));
        assert_eq!(decoded(b"\xff\xff\xff\xff"), Err(Invalid));
        assert_eq!(decoded(b"\xff\xff\xff\xfc"), Err(Invalid));
        // `0`, then zeros.
        assert_eq!(decoded(&[0b0000_0000]), Err(Invalid));
        assert_eq!(decoded(&[0b0000_0111]), Ok(b"0".to_vec()));
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_back(text: Vec<u8>) {
            assert_eq!(decoded(&encoded(&text)), Ok(text));
        }

        #[test]
        fn any_bytes_are_read_without_harm(coded: Vec<u8>) {
            if let Ok(text) = decoded(&coded) {
                assert_eq!(encoded(&text), coded);
            }
        }
    }
}
