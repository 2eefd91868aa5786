//! The group by which keys are agreed on: what is recorded today withstands the quantum computer of tomorrow.

use outrigger_tests::{Authority, Endpoint, Proxy, RawEndpoint};
use rustls::NamedGroup;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::showing;

const HYBRID: NamedGroup = NamedGroup::X25519MLKEM768;

#[tokio::test]
async fn callers_that_can_agree_on_keys_by_the_hybrid_group() {
    let authority = Authority::new();
    let own = authority.issue("own", &["localhost"]);
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(showing(&[&own], &endpoint)).await;
    let stream = authority.dial().connect(proxy.address).await.unwrap();
    let group = stream.get_ref().1.negotiated_key_exchange_group();
    assert_eq!(group.unwrap().name(), HYBRID);
}

#[tokio::test]
async fn so_do_endpoints() {
    let authority = Authority::new();
    let own = authority.issue("own", &["db.internal"]);
    let acceptor = authority.acceptor(&own, &[], false);
    let endpoint = RawEndpoint::serve(move |raw, _| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(raw.into_stream()).await.unwrap();
            let group = stream.get_ref().1.negotiated_key_exchange_group();
            let said = format!("{:?}", group.unwrap().name());
            stream.write_all(said.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    })
    .await;
    let (address, ca) = (endpoint.address, authority.ca());
    let proxy = Proxy::start(format!(
        "admin: {{ address: $ADMIN }}\n\
         listeners: [{{ address: $LISTEN, protocol: tcp, cluster: db }}]\n\
         clusters: {{ db: {{ endpoints: [{address}], tls: {{ server_name: db.internal, ca: {} }} }} }}\n",
        ca.display()
    ))
    .await;
    let mut client = tokio::net::TcpStream::connect(proxy.address).await.unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, format!("{HYBRID:?}"));
}
