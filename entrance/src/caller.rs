//! The other side: what is needed to get in somewhere.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use super::{
    Mistake, Token,
    exposure::is_loopback,
    files::{self, wrong},
    tls::{pair, provider},
};

/// What a client shows and whom it believes, as the command line says it.
#[derive(Clone, Debug, Default)]
pub struct ClientFiles {
    /// Roots of the server; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// A certificate to show, and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// A token to show.
    pub token: Option<PathBuf>,
}

/// A certificate with those of its issuers, and its key as it stands in its file.
pub type Shown = (Vec<CertificateDer<'static>>, Vec<u8>);

/// One who wants to get in. Files are read each time, so that what has been rotated is what is shown.
#[derive(Clone, Debug, Default)]
pub struct Caller(ClientFiles);

impl Caller {
    /// With these.
    pub fn with(files: ClientFiles) -> Self {
        Self(files)
    }

    /// The header that shows the token, if there is one.
    ///
    /// # Errors
    /// When there should be one and is not.
    pub fn authorization(&self) -> Result<Option<http::HeaderValue>, Mistake> {
        let token = self.0.token.clone();
        token.map(|path| Token::of(path).header()).transpose()
    }

    /// Whether what it shows stays between it and the one at `url`: a token in cleartext is soon everybody's.
    ///
    /// # Errors
    /// When it would not.
    pub fn keeps_its_token(&self, url: &str) -> Result<(), Mistake> {
        let open = url
            .strip_prefix("http://")
            .filter(|_| self.0.token.is_some());
        let is_far = |authority: &str| {
            let authority: Option<http::uri::Authority> = authority.parse().ok();
            authority.is_none_or(|authority| {
                let host = authority.host().trim_matches(['[', ']']);
                let address: Option<IpAddr> = host.parse().ok();
                host != "localhost" && !address.is_some_and(is_loopback)
            })
        };
        match open.map(|rest| rest.split('/').next().unwrap_or_default()) {
            Some(authority) if is_far(authority) => Err(Mistake::Cleartext(url.to_owned())),
            _ => Ok(()),
        }
    }

    /// The certificates of those who vouch for servers.
    ///
    /// # Errors
    /// When there are none.
    pub fn anchors(&self) -> Result<Vec<CertificateDer<'static>>, Mistake> {
        match &self.0.ca {
            Some(path) => files::certificates(path),
            None => match rustls_native_certs::load_native_certs().certs {
                none if none.is_empty() => Err(wrong(
                    Path::new("the roots of the system"),
                    "there are none: name a file of roots",
                )),
                certs => Ok(certs),
            },
        }
    }

    /// What is shown, and its key as it stands in its file, in PEM: both are right.
    ///
    /// # Errors
    /// When they are not what they should be.
    pub fn certificate(&self) -> Result<Option<Shown>, Mistake> {
        let Some((cert, key)) = &self.0.certificate else {
            return Ok(None);
        };
        pair(cert, key)?;
        Ok(Some((files::certificates(cert)?, files::read(key)?)))
    }

    /// For a handshake now, in which these protocols are offered.
    ///
    /// # Errors
    /// When a file is not what it should be.
    pub fn tls(&self, alpn: &[&[u8]]) -> Result<ClientConfig, Mistake> {
        let mut roots = RootCertStore::empty();
        // Of a system's some are old or odd; a file of none that will do lets no server pass.
        roots.add_parsable_certificates(self.anchors()?);
        let unfit = |error: rustls::Error| wrong(Path::new("TLS"), error.to_string());
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_root_certificates(roots);
        let mut config = match &self.0.certificate {
            Some((cert, key)) => builder.with_client_cert_resolver(Arc::new(pair(cert, key)?)),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|alpn| alpn.to_vec()).collect();
        Ok(config)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_over_tls_or_on_the_machine() {
        let caller = Caller::with(ClientFiles {
            token: Some("token".into()),
            ..ClientFiles::default()
        });
        for url in [
            "https://control.mesh:4180",
            "http://127.0.0.1:4181",
            "http://[::1]:4181/x",
            "http://localhost:4181",
        ] {
            assert!(caller.keeps_its_token(url).is_ok(), "{url}");
        }
        for url in [
            "http://control.mesh:4180",
            "http://10.0.0.1:4181",
            "http://localhost.evil.example",
            "http://127.0.0.1@evil.example/",
            "http://",
        ] {
            assert!(caller.keeps_its_token(url).is_err(), "{url}");
            assert!(Caller::default().keeps_its_token(url).is_ok());
        }
    }
}
