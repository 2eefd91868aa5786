//! `x-forwarded-client-cert`: what the endpoint is told of a caller's certificate, if the listener says so.
//!
//! The trust rule of `forwarded.rs`: an endpoint that believes the header believes who wrote it, so what came from
//! anybody but a trusted proxy is gone, whether something takes its place or not.

use http::{HeaderMap, HeaderName, HeaderValue};

/// As Envoy named it.
pub const X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// Writes the header of a request that came `with` it or without, from a caller that is trusted with it or not, and whose
/// own certificate says `ours`.
pub fn write(headers: &mut HeaderMap, with: bool, trusted: bool, ours: Option<&HeaderValue>) {
    if with && !trusted {
        headers.remove(X_FORWARDED_CLIENT_CERT);
    }
    if let Some(ours) = ours {
        // One element a hop, the nearest last.
        headers.append(X_FORWARDED_CLIENT_CERT, ours.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(trusted: bool, ours: Option<&'static str>) -> Vec<String> {
        let lie = HeaderValue::from_static("URI=spiffe://evil");
        let mut headers = HeaderMap::from_iter([(X_FORWARDED_CLIENT_CERT, lie)]);
        let ours = ours.map(HeaderValue::from_static);
        write(&mut headers, true, trusted, ours.as_ref());
        let all = headers.get_all(X_FORWARDED_CLIENT_CERT).iter();
        all.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect()
    }

    #[test]
    fn a_stranger_s_word_goes_and_a_trusted_proxy_s_is_extended() {
        assert_eq!(written(false, None), [""; 0]);
        assert_eq!(written(false, Some("URI=a")), ["URI=a"]);
        assert_eq!(written(true, Some("URI=a")), ["URI=spiffe://evil", "URI=a"]);
    }
}
