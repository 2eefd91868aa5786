//! `traceparent` of W3C Trace Context: `00-<trace id>-<span id>-<flags>`.
//!
//! `tracestate` is never read: it goes on as it came, or not at all when its `traceparent` is not valid.

use super::{
    id::{SpanId, TraceId},
    parent::{Ids, Parent, Sampling},
};

/// Version 00 is exactly this long; later versions may add to it.
const LENGTH: usize = 55;
/// Somebody decided to record this trace.
const SAMPLED: u8 = 0b01;
/// Level 2: the trace id is random enough to sample by. Passed on, since readers of level 1 ignore it.
const RANDOM: u8 = 0b10;

/// Of any version but `ff`, which will never be. Of a later version is read what this one knows (section 3.2.4).
pub fn parse(value: &[u8]) -> Option<Parent> {
    let (known, more) = value.split_at_checked(LENGTH)?;
    let [v0, v1, b'-', ids @ .., b'-', f0, f1] = known else {
        return None;
    };
    let (trace_id, [b'-', span_id @ ..]) = ids.split_at_checked(32)? else {
        return None;
    };
    match (byte(*v0, *v1)?, more) {
        (0..=0xfe, []) | (1..=0xfe, [b'-', ..]) => {}
        _ => return None,
    }
    let flags = byte(*f0, *f1)?;
    Some(Parent {
        ids: Some(Ids {
            trace_id: TraceId::parse(trace_id)?,
            span_id: SpanId::parse(span_id)?,
            short: false,
            random: flags & RANDOM != 0,
        }),
        sampling: if flags & SAMPLED != 0 {
            Sampling::Accept
        } else {
            Sampling::Deny
        },
    })
}

/// As version 00.
pub fn encode(ids: &Ids, sampling: Sampling) -> [u8; LENGTH] {
    let mut value = *b"00-00000000000000000000000000000000-0000000000000000-00";
    value[3..35].copy_from_slice(ids.trace_id.as_bytes());
    value[36..52].copy_from_slice(ids.span_id.as_bytes());
    value[54] += if sampling.records() { SAMPLED } else { 0 } + if ids.random { RANDOM } else { 0 };
    value
}

/// Of two digits, lower case.
fn byte(high: u8, low: u8) -> Option<u8> {
    let digit = |text: u8| match text {
        b'0'..=b'9' => Some(text - b'0'),
        b'a'..=b'f' => Some(text - b'a' + 10),
        _ => None,
    };
    Some((digit(high)? << 4) | digit(low)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The specification's own.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_example_of_the_specification_is_read_and_written() {
        let Parent { ids, sampling } = parse(EXAMPLE.as_bytes()).unwrap();
        let ids = ids.unwrap();
        assert_eq!(ids.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(ids.span_id.to_string(), "00f067aa0ba902b7");
        assert_eq!(sampling, Sampling::Accept);
        assert_eq!(encode(&ids, sampling), *EXAMPLE.as_bytes());
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let as_version =
            |start: &str, end: &str| parse(format!("{start}{}{end}", &EXAMPLE[2..]).as_bytes());
        assert_eq!(as_version("cc", ""), parse(EXAMPLE.as_bytes()));
        assert_eq!(
            as_version("cc", "-what-the-future-will-be-like"),
            parse(EXAMPLE.as_bytes())
        );
        assert_eq!(as_version("cc", ".what"), None);
        assert_eq!(as_version("ff", ""), None);
        assert_eq!(as_version("00", "-more"), None);
    }

    #[test]
    fn only_flags_that_are_understood_go_on() {
        let flags = |flags| {
            let Parent { ids, sampling } = parse(format!("{}{flags}", &EXAMPLE[..53]).as_bytes())?;
            Some(encode(&ids?, sampling)[53..].to_vec())
        };
        assert_eq!(flags("00").unwrap(), b"00");
        assert_eq!(flags("02").unwrap(), b"02");
        assert_eq!(flags("ff").unwrap(), b"03");
        assert_eq!(flags(".0"), None);
    }

    #[test]
    fn what_is_not_exact_is_not_valid() {
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
