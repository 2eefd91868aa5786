//! What an answer of DNS comes to: the endpoints of a cluster. No sockets, no clock.

use std::{
    cmp::Reverse,
    net::{IpAddr, SocketAddr},
};

use outrigger_config::model::Endpoint;

/// What is reached at some addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The port.
    pub port: u16,
    /// Its share; all of weight 0 means that they are equal (RFC 2782).
    pub weight: u16,
    /// Its level of failover (RFC 2782).
    pub priority: u16,
}

/// Services with the addresses of each as a set of endpoints has them, so that the same answer is seen to be the same,
/// in whatever order it comes.
pub fn endpoints(
    found: impl IntoIterator<Item = (Service, impl IntoIterator<Item = IpAddr>)>,
) -> Vec<Endpoint> {
    let each = found.into_iter().flat_map(|(service, addresses)| {
        addresses.into_iter().map(move |address| Endpoint {
            address: SocketAddr::new(address, service.port),
            weight: u32::from(service.weight).max(1),
            zone: None,
            priority: service.priority,
        })
    });
    let mut endpoints: Vec<_> = each.collect();
    // An address on two levels counts on the first of them; one that is there twice by its larger weight.
    endpoints.sort_by_key(|endpoint| {
        let Endpoint {
            address,
            priority,
            weight,
            ..
        } = *endpoint;
        (address, priority, Reverse(weight))
    });
    endpoints.dedup_by_key(|endpoint| endpoint.address);
    endpoints.sort_by_key(|endpoint| endpoint.priority);
    endpoints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_means_the_same_in_whatever_order_it_comes() {
        let service = |weight, priority| Service {
            port: 80,
            weight,
            priority,
        };
        let one = [IpAddr::from([127, 0, 0, 1])];
        let both = [IpAddr::from([127, 0, 0, 2]), one[0]];
        let found = [
            (service(0, 1), &both[..]),
            (service(5, 0), &one),
            (service(3, 0), &one),
        ];
        let of = |found: &[(Service, &[IpAddr])]| {
            endpoints(
                found
                    .iter()
                    .map(|(service, all)| (*service, all.iter().copied())),
            )
        };
        let came = of(&found);
        let known: Vec<_> = came
            .iter()
            .map(|it| (it.address.to_string(), it.weight, it.priority))
            .collect();
        assert_eq!(
            known,
            [
                ("127.0.0.1:80".to_owned(), 5, 0),
                ("127.0.0.2:80".to_owned(), 1, 1)
            ]
        );
        let mut turned = found;
        turned.reverse();
        assert_eq!(of(&turned), came);
    }
}
