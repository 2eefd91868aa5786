//! Hand-overs where a control plane says what is listened on, and nothing lies on the disk.

use outrigger_tests::{Ads, Client, Endpoint, Proxy};

use super::{Place, gone};

#[tokio::test]
async fn listeners_of_a_control_plane_are_handed_over_without_a_cache() {
    let endpoint = Endpoint::named("a").await;
    let (ads, place) = (Ads::start().await, Place::new());
    let mut old = Proxy::controlled(&[ads.address], &place.arguments("2"));
    ads.say(&format!(
        "listeners: [{{ name: edge, address: \"{}\", routes: [{{ cluster: web }}] }}]\nclusters: {{ web: {{ endpoints: [{endpoint}] }} }}",
        old.address
    ));
    old.becomes_ready().await;
    let next = Proxy::controlled_at(old.address, &[ads.address], &place.arguments("2"));
    gone(old).await;
    let reply = Client::http1(next.address).await.get("/").await;
    assert_eq!(reply.status, 200);
    assert!(ads.refusals().is_empty(), "{:?}", ads.refusals());
}
