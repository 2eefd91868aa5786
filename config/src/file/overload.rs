//! `overload`: when the process refuses work to stay well.

use serde_json::json;

use super::{duration::duration, percent};
use crate::{
    model::{MemoryBound, Overload, default as defaults},
    problem::{Fault, quote},
    shape::{Shape, default, keys, or_off, parsed},
};

/// No protection of this kind.
const OFF: &str = "off";

/// Units of memory, from the largest; binary, as container limits are mostly written.
const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

pub(super) fn overload() -> Shape<Overload> {
    keys!(Overload {
        /// Resident memory from which new requests are refused: a share of what the cgroup allows (`95%`; without such
        /// a bound it is off), so much (`512MiB`), or `off`.
        memory: default(memory(), defaults::OVERLOAD_MEMORY),
        /// How late a worker may get to what is ready to be done before it refuses new requests; or `off`.
        queueing_delay: default(or_off(duration()), Some(defaults::OVERLOAD_QUEUEING_DELAY)),
    })
}

const MEMORY: &str = "a share like `95%`, an amount like `512MiB`, or `off`";

fn memory() -> Shape<MemoryBound> {
    let pattern = r"^([0-9]+(\.[0-9]+)?%|[0-9]+(KiB|MiB|GiB)|off)$";
    let schema =
        json!({"type": "string", "pattern": pattern, "examples": ["95%", "512MiB", "off"]});
    parsed(MEMORY, schema, parse_memory, |bound| match bound {
        MemoryBound::Share(share) => percent::show(share),
        MemoryBound::Bytes(bytes) => show_bytes(*bytes),
        MemoryBound::Off => OFF.to_owned(),
    })
}

fn parse_memory(text: &str) -> Result<MemoryBound, Fault> {
    let fault = || Fault::new(format!("expected {MEMORY}, found {}", quote(text)));
    if text == OFF {
        return Ok(MemoryBound::Off);
    }
    if text.ends_with('%') {
        return match percent::parse(text)? {
            0.0 => Err(Fault::new("a bound of 0 would refuse everything")
                .hint("`off` turns the protection off")),
            share => Ok(MemoryBound::Share(share)),
        };
    }
    let unit = UNITS
        .iter()
        .find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)));
    let Some((number, size)) = unit else {
        return Err(fault().hint("the units are `KiB`, `MiB` and `GiB`"));
    };
    let bytes = number.parse::<u64>().ok();
    match bytes.and_then(|bytes| bytes.checked_mul(*size)) {
        Some(bytes @ 1..) => Ok(MemoryBound::Bytes(bytes)),
        _ => Err(fault()),
    }
}

/// In the largest unit that says it exactly.
fn show_bytes(bytes: u64) -> String {
    let exact = UNITS
        .iter()
        .find(|(_, size)| bytes.is_multiple_of(*size))
        .unwrap_or(&UNITS[UNITS.len() - 1]);
    format!("{}{}", bytes / exact.1, exact.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_a_share_an_amount_or_off() {
        for (text, bound) in [
            ("95%", MemoryBound::Share(0.95)),
            ("512MiB", MemoryBound::Bytes(512 << 20)),
            ("2GiB", MemoryBound::Bytes(2 << 30)),
            ("1536KiB", MemoryBound::Bytes(1536 << 10)),
            ("off", MemoryBound::Off),
        ] {
            assert_eq!(parse_memory(text).unwrap(), bound, "{text}");
            assert_eq!(memory().write(&bound), text);
        }
    }

    #[test]
    fn what_is_no_amount_of_memory_is_refused() {
        for text in [
            "",
            "0%",
            "101%",
            "512",
            "512MB",
            "0MiB",
            "1.5GiB",
            "-1MiB",
            "MiB",
            "on",
            "99999999999GiB",
        ] {
            assert!(parse_memory(text).is_err(), "{text}");
        }
    }
}
