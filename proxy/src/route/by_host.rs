//! What the cluster of a request is called, where its route sends it to the one of its host's name.

use std::borrow::Cow;

use http::request::Parts;

use super::host;

/// The names that the cluster may have, best first: the host with the port that the request names, then the host alone.
/// In lower case; nothing is allocated for a host that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    with_port: Option<Cow<'a, str>>,
    host: Cow<'a, str>,
}

impl<'a> Names<'a> {
    /// Of a request with this head. The host is empty if it has none, and no cluster is called that.
    pub fn of(head: &'a Parts) -> Self {
        let authority = host::authority(head);
        let host = host::of(head);
        // The plain name that nearly all are: neither user nor port.
        let with_port = (authority.len() != host.len()).then(|| host::with_port(authority));
        Self {
            with_port: with_port.flatten(),
            host,
        }
    }

    /// Best first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.with_port
            .iter()
            .chain([&self.host])
            .map(|name| &**name)
    }

    /// The same, to be kept.
    pub fn into_owned(self) -> Names<'static> {
        let own = |name: Cow<'_, str>| Cow::Owned(name.into_owned());
        Names {
            with_port: self.with_port.map(own),
            host: own(self.host),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(host: &str) -> Parts {
        let request = http::Request::builder().header("host", host);
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_host_is_looked_for_with_its_port_and_then_without() {
        for (sent, names) in [
            ("billing", &["billing"][..]),
            ("billing:8080", &["billing:8080", "billing"]),
            ("Billing.Prod:80", &["billing.prod:80", "billing.prod"]),
            ("billing.", &["billing"]),
            ("user@billing:80", &["billing:80", "billing"]),
            ("[::1]:80", &["[::1]:80", "::1"]),
            ("[::1]", &["::1"]),
            ("billing:", &["billing"]),
            ("", &[""]),
        ] {
            let head = head(sent);
            let found = Names::of(&head);
            assert_eq!(found.iter().collect::<Vec<_>>(), names, "{sent:?}");
            assert_eq!(found.clone().into_owned(), found);
        }
    }

    #[test]
    fn a_host_in_lower_case_is_not_copied() {
        for sent in ["billing", "billing:8080", "[::1]:80"] {
            let head = head(sent);
            let Names { with_port, host } = Names::of(&head);
            assert!(matches!(host, Cow::Borrowed(_)), "{sent}");
            assert!(!matches!(with_port, Some(Cow::Owned(_))), "{sent}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_host_its_names_are_in_lower_case_and_end_with_the_host_alone(sent in "[!-~]{0,40}") {
            let head = head(&sent);
            let names = Names::of(&head);
            let names: Vec<_> = names.iter().collect();
            let lower = names.iter().all(|name| !name.bytes().any(|byte| byte.is_ascii_uppercase()));
            prop_assert!(lower && names.len() <= 2, "{names:?}");
            prop_assert_eq!(names.last(), Some(&&*host::of(&head)));
        }
    }
}
