//! `x-request-id`: one request's name in everybody's logs.

use super::id::hex;

/// As long as a caller's id may be; it is written to logs again and again.
const MAX_LENGTH: usize = 128;

/// Whether a caller's id is kept: short, and of characters that no log, shell or URL takes for something else. No early
/// return, so that the compiler checks 16 bytes at once.
pub(super) fn is_sane(id: &[u8]) -> bool {
    let allowed =
        |byte| matches!(byte, b'a'..=b'z' | b'@'..=b'Z' | b'-'..=b':' | b'_' | b'=' | b'+');
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().fold(true, |sane, &byte| sane & allowed(byte))
}

/// Random, in the form of a UUID of version 4 (RFC 9562, 5.4), which is what readers expect.
pub(super) fn random(rng: &mut fastrand::Rng) -> [u8; 36] {
    const VERSION: u64 = 0x4000;
    const VARIANT: u64 = 0x8000_0000_0000_0000;
    let high = hex(rng.u64(..) & !0xf000 | VERSION);
    let low = hex(rng.u64(..) & !0xc000_0000_0000_0000 | VARIANT);
    let mut id = [b'-'; 36];
    id[..8].copy_from_slice(&high[..8]);
    id[9..13].copy_from_slice(&high[8..12]);
    id[14..18].copy_from_slice(&high[12..]);
    id[19..23].copy_from_slice(&low[..4]);
    id[24..].copy_from_slice(&low[4..]);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_kept_if_it_is_short_and_plain() {
        assert!(is_sane(b"b6a1f0f2-2b8e-4c39-9d8a-1f0c3d5e7a90"));
        assert!(is_sane(b"Root=1-67891233/abcdef0123:span@eu.west_1+x"));
        for bad in [
            &b""[..],
            b"a b",
            b"a\tb",
            b"\"",
            b"a,b",
            b"<script>",
            b"\xff",
            &[b'a'; MAX_LENGTH + 1],
        ] {
            assert!(!is_sane(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_new_id_has_the_form_of_a_uuid() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..100 {
            let id = random(&mut rng);
            assert!(is_sane(&id));
            assert_eq!([id[8], id[13], id[14], id[18], id[23]], *b"--4--");
            assert!(matches!(id[19], b'8' | b'9' | b'a' | b'b'));
        }
    }
}
