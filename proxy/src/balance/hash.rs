//! The hash behind ring and table.

use std::net::IpAddr;

use twox_hash::XxHash64;

/// The hash of what a request is to stay with its endpoint by: XXH64 with seed 0. Fixed for ever: every proxy, of any
/// version, must send a key to the same endpoint.
pub fn hash(bytes: &[u8]) -> u64 {
    seeded(bytes, 0)
}

/// The same of an address; one of IPv4 is the same in either notation.
pub fn hash_address(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => hash(&address.octets()),
        IpAddr::V6(address) => hash(&address.octets()),
    }
}

/// A family of independent hashes.
pub(super) fn seeded(bytes: &[u8], seed: u64) -> u64 {
    XxHash64::oneshot(seed, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_never_change() {
        // Published vectors of XXH64.
        assert_eq!(hash(b""), 0xef46_db37_51d8_e999);
        assert_eq!(hash(b"a"), 0xd24e_c4f1_a98c_6e5b);
        assert_eq!(hash(b"abc"), 0x44bc_2cf5_ad77_0999);
        assert_eq!(seeded(b"", 2_654_435_761), 0xac75_fda2_929b_17ef);
    }
}
