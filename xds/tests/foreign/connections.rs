//! What other control planes say of connections: TLS, bytes, and PROXY headers, at listeners and of clusters.

use std::path::PathBuf;

use outrigger_config::model::{
    ClientCertificates, ClusterTls, ListenerTls, ProxyVersion, Speaks, TlsVersion, Trust,
};
use outrigger_xds::{
    decode,
    pb::{
        envoy::{
            config::{
                core::v3::{
                    DataSource, ProxyProtocolConfig, TransportSocket, data_source::Specifier,
                    proxy_protocol_config::Version, transport_socket,
                },
                listener::v3::{
                    Filter, FilterChain, FilterChainMatch, Listener, ListenerFilter,
                    filter::ConfigType, listener_filter,
                },
            },
            extensions::{
                filters::{
                    listener::{
                        proxy_protocol::v3::ProxyProtocol, tls_inspector::v3::TlsInspector,
                    },
                    network::tcp_proxy::v3::{TcpProxy, tcp_proxy::ClusterSpecifier},
                },
                transport_sockets::{
                    proxy_protocol::v3::ProxyProtocolUpstreamTransport,
                    tls::v3::{
                        CertificateValidationContext, CommonTlsContext, DownstreamTlsContext,
                        TlsCertificate, UpstreamTlsContext,
                        common_tls_context::ValidationContextType,
                    },
                },
            },
        },
        google::protobuf::BoolValue,
    },
};
use prost::{Message, Name};

use crate::made::{any, eds_cluster, listener, manager};

fn socket<M: Message + Name>(message: &M) -> TransportSocket {
    TransportSocket {
        name: "by its type".to_owned(),
        config_type: Some(transport_socket::ConfigType::TypedConfig(any(message))),
    }
}

fn file(path: &str) -> Option<DataSource> {
    Some(DataSource {
        specifier: Some(Specifier::Filename(path.to_owned())),
        ..DataSource::default()
    })
}

fn roots(path: &str) -> Option<ValidationContextType> {
    let context = CertificateValidationContext {
        trusted_ca: file(path),
        ..CertificateValidationContext::default()
    };
    Some(ValidationContextType::ValidationContext(context))
}

fn shown() -> DownstreamTlsContext {
    DownstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificates: vec![TlsCertificate {
                certificate_chain: file("tls.crt"),
                private_key: file("tls.key"),
                ..TlsCertificate::default()
            }],
            validation_context_type: roots("clients.crt"),
            ..CommonTlsContext::default()
        }),
        require_client_certificate: Some(BoolValue { value: true }),
        ..DownstreamTlsContext::default()
    }
}

fn bytes(cluster: &str, names: &[&str]) -> FilterChain {
    let proxy = TcpProxy {
        stat_prefix: "tcp".to_owned(),
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.to_owned())),
        ..TcpProxy::default()
    };
    FilterChain {
        filter_chain_match: Some(FilterChainMatch {
            server_names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..FilterChainMatch::default()
        }),
        filters: vec![Filter {
            name: "tcp".to_owned(),
            config_type: Some(ConfigType::TypedConfig(any(&proxy))),
        }],
        ..FilterChain::default()
    }
}

fn first<M: Message + Name>(message: &M) -> ListenerFilter {
    ListenerFilter {
        name: "first".to_owned(),
        config_type: Some(listener_filter::ConfigType::TypedConfig(any(message))),
        ..ListenerFilter::default()
    }
}

fn with_chains(filter_chains: Vec<FilterChain>) -> Listener {
    Listener {
        filter_chains,
        listener_filters: vec![first(&TlsInspector::default())],
        ..listener(&manager())
    }
}

fn refused(message: &Listener) -> String {
    let refused = decode::listener(&message.encode_to_vec());
    refused.unwrap_err().to_string()
}

#[test]
fn chains_by_name_are_tls_that_is_passed_on() {
    let mut message = with_chains(vec![
        bytes("shop", &["shop.example", "*.shop.example"]),
        bytes("db", &[]),
    ]);
    message
        .listener_filters
        .push(first(&ProxyProtocol::default()));
    let model = decode::listener(&message.encode_to_vec()).unwrap().model;
    let Speaks::Tcp(tcp) = &model.speaks else {
        panic!("{:?}", model.speaks)
    };
    let named: Vec<&str> = tcp.sni.iter().map(|(_, cluster)| &*cluster.name).collect();
    assert_eq!(named, ["shop", "shop"]);
    assert_eq!(&*tcp.clusters[0].cluster.name, "db");
    let trusted = model.proxy_protocol.unwrap().trusted;
    assert_eq!(trusted.len(), 2, "whoever connects is trusted there");
    assert_eq!(model.tls, None);
}

#[test]
fn a_transport_socket_of_every_chain_is_the_tls_of_the_listener() {
    let secure = |chain| FilterChain {
        transport_socket: Some(socket(&shown())),
        ..chain
    };
    let message = with_chains(vec![
        secure(bytes("shop", &["shop.example"])),
        secure(bytes("db", &[])),
    ]);
    let model = decode::listener(&message.encode_to_vec()).unwrap().model;
    let Some(ListenerTls::Own(own)) = model.tls else {
        panic!("{:?}", model.tls)
    };
    assert_eq!(own.certificates[0].key, PathBuf::from("tls.key"));
    assert_eq!(own.min_version, TlsVersion::Tls12);
    let ClientCertificates::Required(ca) = own.clients else {
        panic!("{:?}", own.clients)
    };
    assert_eq!(ca.ca, [PathBuf::from("clients.crt")]);
}

#[test]
fn a_header_goes_around_the_tls_of_a_cluster() {
    let tls = UpstreamTlsContext {
        sni: "db.internal".to_owned(),
        common_tls_context: Some(CommonTlsContext {
            validation_context_type: roots("ca.crt"),
            ..CommonTlsContext::default()
        }),
        ..UpstreamTlsContext::default()
    };
    let around = ProxyProtocolUpstreamTransport {
        config: Some(ProxyProtocolConfig {
            version: Version::V2.into(),
            ..ProxyProtocolConfig::default()
        }),
        transport_socket: Some(socket(&tls)),
        ..ProxyProtocolUpstreamTransport::default()
    };
    let mut cluster = eds_cluster();
    cluster.transport_socket = Some(socket(&around));
    let model = decode::cluster(&cluster.encode_to_vec()).unwrap().model;
    assert_eq!(model.proxy_protocol, Some(ProxyVersion::V2));
    let Some(ClusterTls::Own(own)) = model.tls else {
        panic!("{:?}", model.tls)
    };
    assert_eq!(own.server_name.as_deref(), Some("db.internal"));
    assert_eq!(own.trust, Trust::Files(vec![PathBuf::from("ca.crt")]));

    // Within, nothing says whom to believe: anybody, there.
    let around = ProxyProtocolUpstreamTransport {
        transport_socket: Some(socket(&UpstreamTlsContext::default())),
        ..around
    };
    cluster.transport_socket = Some(socket(&around));
    let refused = decode::cluster(&cluster.encode_to_vec()).unwrap_err();
    insta::assert_snapshot!(refused, @"cluster `web`: transport_socket.transport_socket.validation_context: nothing says who is to be believed");
}

#[test]
fn chains_that_do_not_go_together_are_refused() {
    let secure = FilterChain {
        transport_socket: Some(socket(&shown())),
        ..bytes("shop", &["shop.example"])
    };
    let by_address = FilterChain {
        filter_chain_match: Some(FilterChainMatch {
            source_ports: vec![1],
            ..FilterChainMatch::default()
        }),
        ..bytes("db", &[])
    };
    let mut key_within = shown();
    if let Some(common) = &mut key_within.common_tls_context {
        common.tls_certificates[0].private_key = Some(DataSource {
            specifier: Some(Specifier::InlineString("a key".to_owned())),
            ..DataSource::default()
        });
    }
    let requests_by_name = FilterChain {
        filter_chain_match: secure.filter_chain_match.clone(),
        ..listener(&manager()).filter_chains.remove(0)
    };
    let texts = [
        refused(&with_chains(vec![secure, bytes("db", &[])])),
        refused(&with_chains(vec![bytes("a", &[]), bytes("b", &[])])),
        refused(&with_chains(vec![by_address])),
        refused(&with_chains(vec![FilterChain {
            transport_socket: Some(socket(&key_within)),
            ..bytes("a", &[])
        }])),
        refused(&with_chains(vec![requests_by_name])),
        refused(&with_chains(Vec::new())),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r"
    listener `edge`: filter_chains[1].transport_socket: another chain speaks something else: one `tls` for all is supported
    listener `edge`: filter_chains[1]: only one such chain is supported
    listener `edge`: filter_chains[0].filter_chain_match: only conditions on names of TLS, and on HTTP or not, are supported
    listener `edge`: filter_chains[0].transport_socket.tls_certificates[0].private_key: only files are supported
    listener `edge`: filter_chains[0].filter_chain_match.server_names: requests go by their routes, whatever name was asked for
    listener `edge`: filter_chains: there is none
    ");
}
