//! What a request's headers say that the proxy itself acts on, found in one walk.
//!
//! A look-up hashes a name, most of these names are mostly absent, and there are a dozen of them: walking the few headers
//! that are there costs a fraction of it.

use http::{HeaderMap, HeaderName, header};

use super::client_cert::X_FORWARDED_CLIENT_CERT;

/// As hop-by-hop as Connection, though no standard says so.
pub const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// What some clients send in place of Connection.
pub const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
/// Of an upgrade to HTTP/2.
pub const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
/// What is left of a gRPC call's time.
pub const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// The same of a request that is not gRPC, in milliseconds.
pub const X_REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");
/// Asks for the Trail, and is answered with it.
pub const X_OUTRIGGER_TRAIL: HeaderName = HeaderName::from_static("x-outrigger-trail");

/// Which headers are there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Survey {
    /// How many Host lines.
    pub hosts: u8,
    /// How many Transfer-Encoding lines.
    pub transfer_codings: u8,
    /// How many Cookie lines.
    pub cookies: u8,
    /// Any that belongs to one hop only.
    pub hop_by_hop: bool,
    /// `te: trailers` or the like.
    pub te: bool,
    /// `expect: 100-continue`.
    pub expect: bool,
    /// `content-type: application/grpc` and its kin.
    pub grpc: bool,
    /// `grpc-timeout`.
    pub grpc_timeout: bool,
    /// `x-request-timeout`.
    pub request_timeout: bool,
    /// `x-forwarded-client-cert`.
    pub client_cert: bool,
    /// `x-outrigger-trail`.
    pub trail: bool,
}

impl Survey {
    /// Walks over `headers`.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut survey = Self::default();
        for (name, value) in headers {
            match *name {
                header::HOST => survey.hosts = survey.hosts.saturating_add(1),
                header::COOKIE => survey.cookies = survey.cookies.saturating_add(1),
                header::TRANSFER_ENCODING => {
                    survey.transfer_codings = survey.transfer_codings.saturating_add(1);
                    survey.hop_by_hop = true;
                }
                header::TE => (survey.te, survey.hop_by_hop) = (true, true),
                header::CONNECTION | header::UPGRADE => survey.hop_by_hop = true,
                header::EXPECT => {
                    survey.expect = value.as_bytes().eq_ignore_ascii_case(b"100-continue")
                }
                header::CONTENT_TYPE => {
                    survey.grpc = value.as_bytes().starts_with(b"application/grpc")
                }
                _ if *name == KEEP_ALIVE
                    || *name == PROXY_CONNECTION
                    || *name == HTTP2_SETTINGS =>
                {
                    survey.hop_by_hop = true;
                }
                _ if *name == GRPC_TIMEOUT => survey.grpc_timeout = true,
                _ if *name == X_REQUEST_TIMEOUT => survey.request_timeout = true,
                _ if *name == X_FORWARDED_CLIENT_CERT => survey.client_cert = true,
                _ if *name == X_OUTRIGGER_TRAIL => survey.trail = true,
                _ => {}
            }
        }
        survey
    }
}
