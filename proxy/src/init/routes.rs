//! The routes by which answers to a caller's own address come back to the proxy: what has the mark stays on this machine.

use super::Rules;

/// The arguments of one `ip`.
pub type Line = &'static [&'static str];

// The mark, and the number of a routing table: 1337 both.
const V4: &[Line] = &[
    &["-4", "rule", "add", "fwmark", "1337", "lookup", "1337"],
    &[
        "-4", "route", "replace", "local", "default", "dev", "lo", "table", "1337",
    ],
];
const V6: &[Line] = &[
    &["-6", "rule", "add", "fwmark", "1337", "lookup", "1337"],
    &[
        "-6", "route", "replace", "local", "default", "dev", "lo", "table", "1337",
    ],
];

/// Takes all of them away.
pub const FORGET: &[Line] = &[
    &["-4", "rule", "del", "fwmark", "1337", "lookup", "1337"],
    &["-6", "rule", "del", "fwmark", "1337", "lookup", "1337"],
    &["-4", "route", "flush", "table", "1337"],
    &["-6", "route", "flush", "table", "1337"],
];

/// What is needed, of IPv4 and of IPv6.
pub fn set(rules: &Rules) -> [&'static [Line]; 2] {
    match rules.as_caller {
        true => [V4, V6],
        false => [&[], &[]],
    }
}
