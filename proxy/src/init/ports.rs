//! A port or several in a row, as `8080` or `4567-4568`.

use std::{fmt, str::FromStr};

/// See the module; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl Ports {
    /// The same ports, in order, none of them twice.
    pub fn merged(ports: &[Self]) -> Vec<Self> {
        let mut sorted = ports.to_vec();
        sorted.sort_by_key(|ports| ports.first);
        let mut merged: Vec<Self> = Vec::with_capacity(sorted.len());
        for ports in sorted {
            match merged.last_mut() {
                Some(last) if ports.first <= last.last.saturating_add(1) => {
                    last.last = last.last.max(ports.last);
                }
                _ => merged.push(ports),
            }
        }
        merged
    }
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |text: &str| match text.trim().parse() {
            Ok(0) | Err(_) => Err(format!("`{}` is no port from 1 to 65535", text.trim())),
            Ok(port) => Ok(port),
        };
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (port(first)?, port(last)?),
            None => (port(text)?, port(text)?),
        };
        match first <= last {
            true => Ok(Self { first, last }),
            false => Err(format!("`{first}-{last}` ends before it begins")),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_port_is_refused_in_words() {
        for (text, said) in [
            ("", "`` is no port from 1 to 65535"),
            ("0", "`0` is no port from 1 to 65535"),
            ("http", "`http` is no port from 1 to 65535"),
            ("70000", "`70000` is no port from 1 to 65535"),
            ("20-10", "`20-10` ends before it begins"),
            ("20-", "`` is no port from 1 to 65535"),
        ] {
            assert_eq!(text.parse::<Ports>().unwrap_err(), said);
        }
    }

    proptest! {
        #[test]
        fn merged_ports_are_the_same_ports_in_order_and_apart(list in prop::collection::vec((1u16..60, 0u16..6), 0..12)) {
            let list: Vec<_> = list.into_iter().map(|(first, more)| Ports { first, last: first + more }).collect();
            let merged = Ports::merged(&list);
            let among = |list: &[Ports], port| list.iter().any(|it| (it.first..=it.last).contains(&port));
            for port in 0..70 {
                prop_assert_eq!(among(&list, port), among(&merged, port));
            }
            prop_assert!(merged.windows(2).all(|two| two[0].last + 1 < two[1].first));
        }

        #[test]
        fn what_is_written_is_read_as_it_was(a in 1u16.., b in 1u16..) {
            let ports = Ports { first: a.min(b), last: a.max(b) };
            prop_assert_eq!(ports.to_string().parse::<Ports>().unwrap(), ports);
        }
    }
}
