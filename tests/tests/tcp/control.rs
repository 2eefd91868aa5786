//! Listeners of bytes, and their TLS, from a control plane.

use std::net::SocketAddr;

use outrigger_tests::{Ads, Authority, Issued, Proxy, eventually};
use tokio::io::AsyncReadExt;

use super::parrot;

fn table(listener: SocketAddr, own: &Issued, [shop, others]: [SocketAddr; 2]) -> String {
    format!(
        "listeners:\n  - name: edge\n    address: {listener}\n    protocol: tcp\n\
         \x20   tls: {{ certificates: [{own}] }}\n\
         \x20   sni: {{ shop.example.com: shop }}\n    cluster: others\n\
         clusters:\n  shop: {{ endpoints: [{shop}] }}\n  others: {{ endpoints: [{others}] }}\n"
    )
}

#[tokio::test]
async fn a_control_plane_says_where_bytes_go_and_changes_that() {
    let authority = Authority::new();
    let own = authority.issue("own", &["shop.example.com", "a.example.com"]);
    let (a, b) = (parrot("a").await, parrot("b").await);
    let ads = Ads::start().await;
    let mut proxy = Proxy::controlled(&[ads.address], &[]);
    let said = async |name: &str| {
        let dial = authority.dial().name(name);
        let mut stream = dial.connect(proxy.address).await.ok()?;
        let mut said = [0];
        stream.read_exact(&mut said).await.ok()?;
        Some(char::from(said[0]))
    };
    let say = |endpoints| ads.say(&table(proxy.address, &own, endpoints));
    for (endpoints, expected) in [
        ([a.address, b.address], ['a', 'b']),
        ([b.address, a.address], ['b', 'a']),
    ] {
        say(endpoints);
        eventually("connections go where the table says", async || {
            said("shop.example.com").await == Some(expected[0])
                && said("a.example.com").await == Some(expected[1])
        })
        .await;
    }
    assert_eq!(ads.refusals(), [""; 0]);
    proxy.becomes_ready().await;
}
