//! The tables of the demo: two versions of a shop, and the way to them for two kinds of proxies.

use std::net::SocketAddr;

/// A file's name, and what it says.
pub(super) type File = (&'static str, String);

/// What does not change while the demo runs.
pub(super) struct Addresses {
    /// The endpoint of version 1, and that of version 2.
    pub(super) shop: [SocketAddr; 2],
    /// Where the proxy at the edge listens.
    pub(super) edge: SocketAddr,
    /// Where the sidecar listens.
    pub(super) sidecar: SocketAddr,
}

impl Addresses {
    /// File names with what they say, `share` percent of the requests for version 1.
    pub(super) fn tables(&self, share: u32) -> [File; 3] {
        let [v1, v2] = self.shop;
        let shop = format!(
            "# For every proxy.
clusters:
  shop-v1: {{ endpoints: [{v1}] }}
  shop-v2: {{ endpoints: [{v2}] }}
"
        );
        let way = |role: &str, address: SocketAddr| {
            let rest = 100 - share;
            format!(
                "proxies: {{ role: {role} }}
listeners:
  - name: {role}
    address: {address}
    routes:
      - clusters: {{ shop-v1: {share}, shop-v2: {rest} }}
"
            )
        };
        [
            ("shop.yaml", shop),
            ("edge.yaml", way("edge", self.edge)),
            ("sidecar.yaml", way("sidecar", self.sidecar)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_a_canary_are_whole() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let addresses = Addresses {
            shop: [address; 2],
            edge: address,
            sidecar: address,
        };
        let [_, (_, edge), _] = addresses.tables(90);
        assert!(edge.contains("{ shop-v1: 90, shop-v2: 10 }"), "{edge}");
    }
}
