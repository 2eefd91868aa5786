//! Names: labels of metrics, and names of hosts.

use std::{net::IpAddr, sync::Arc};

use serde_json::json;

use crate::{
    model::HostMatch,
    problem::{Fault, quote},
    shape::{Shape, parsed},
};

/// A name that shows up in metrics and logs.
pub(super) fn name() -> Shape<Arc<str>> {
    let schema = json!({"type": ["string", "number", "boolean"], "minLength": 1});
    let parse = |text: &str| match text {
        "" => Err(Fault::new("a name can't be empty")),
        _ if text.chars().any(char::is_control) => Err(Fault::new(
            "a name has no line breaks or other control characters",
        )),
        _ => Ok(text.into()),
    };
    parsed("a name", schema, parse, |name| name.to_string())
}

/// The name of a cookie: a token (RFC 6265, 4.1.1).
pub(super) fn cookie() -> Shape<String> {
    let schema = json!({"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"});
    let parse = |text: &str| {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        match !text.is_empty() && text.chars().all(token) {
            true => Ok(text.to_owned()),
            false => Err(Fault::new(format!(
                "{} is not a cookie's name",
                quote(text)
            ))),
        }
    };
    parsed("a cookie's name", schema, parse, String::clone)
}

/// A host that a route takes: a name, or `*.` and a name.
pub(super) fn host_match() -> Shape<HostMatch> {
    let schema = json!({"type": "string", "examples": ["shop.example.com", "*.example.org"]});
    parsed(
        "a host like `shop.example.com`",
        schema,
        parse_match,
        |host| match host {
            HostMatch::Exact(host) => host.clone(),
            HostMatch::Suffix(suffix) => format!("*{suffix}"),
        },
    )
}

/// A host of a URL, without port.
pub(super) fn host() -> Shape<String> {
    let schema = json!({"type": "string", "examples": ["www.example.com"]});
    parsed(
        "a host like `www.example.com`",
        schema,
        parse_host,
        String::clone,
    )
}

/// A name to ask DNS for.
pub(super) fn dns_name() -> Shape<String> {
    let schema = json!({"type": "string", "examples": ["web.internal"]});
    let parse = |text: &str| {
        if text.parse::<IpAddr>().is_ok() {
            let fault = Fault::new(format!("{} is an address, not a name", quote(text)));
            return Err(fault.hint("list it under `endpoints:`"));
        }
        // A final dot is DNS for "as it stands, with no search domain".
        parse_host(text.strip_suffix('.').unwrap_or(text))?;
        Ok(text.to_owned())
    };
    parsed("a name like `web.internal`", schema, parse, String::clone)
}

fn parse_match(text: &str) -> Result<HostMatch, Fault> {
    if text == "*" {
        let fault = Fault::new("`*` alone is not a host");
        return Err(fault.hint("leave `hosts` out to take every host"));
    }
    match text.strip_prefix("*.") {
        Some(parent) => Ok(HostMatch::Suffix(format!(".{}", parse_host(parent)?))),
        None => parse_host(text).map(HostMatch::Exact),
    }
}

/// In lower case, without port.
pub(super) fn parse_host(text: &str) -> Result<String, Fault> {
    let fault = || Fault::new(format!("{} is not a host", quote(text)));
    let bracketed = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if bracketed.is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok()) {
        return Ok(text.to_lowercase());
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if text.len() <= 253 && text.split('.').all(label) {
        return Ok(text.to_lowercase());
    }
    Err(if text.contains("://") {
        fault().hint("leave the scheme out")
    } else if text.contains('/') {
        fault().hint("leave the path out; it belongs under `path:`")
    } else if text.contains('*') {
        fault().hint("a wildcard stands for whole labels at the front: `*.example.org`")
    } else if text.contains(':') {
        fault().hint("leave the port out")
    } else if !text.is_ascii() {
        fault().hint("write it in ASCII, as `xn--...`")
    } else if text.ends_with('.') {
        fault().hint("leave the final dot out")
    } else {
        fault().cause("labels of letters, digits, `-` and `_`, with dots between")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_kept_in_lower_case() {
        assert_eq!(
            parse_match("Shop.Example.com").unwrap(),
            HostMatch::Exact("shop.example.com".to_owned())
        );
        assert_eq!(
            parse_match("*.Example.org").unwrap(),
            HostMatch::Suffix(".example.org".to_owned())
        );
        assert_eq!(
            parse_match("[::1]").unwrap(),
            HostMatch::Exact("[::1]".to_owned())
        );
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "*",
            "*.",
            "foo.*.com",
            "*foo.com",
            "**.com",
            "a:80",
            "http://a",
            "a/b",
            "a..b",
            ".a",
            "a.",
            "a b",
            "ä.de",
        ] {
            assert!(parse_match(text).is_err(), "{text}");
        }
    }
}
