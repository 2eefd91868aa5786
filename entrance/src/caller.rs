//! The other side: what is needed to get in somewhere.

use std::{io, path::PathBuf, sync::Arc};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{
    Mistake, Token,
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

    /// Whether there is something to show that cleartext would give away.
    pub fn has_token(&self) -> bool {
        self.0.token.is_some()
    }

    /// Whom it believes.
    ///
    /// # Errors
    /// When that is nobody.
    pub fn roots(&self) -> Result<RootCertStore, Mistake> {
        match &self.0.ca {
            Some(path) => files::roots(std::slice::from_ref(path)),
            None => {
                let mut roots = RootCertStore::empty();
                let found = rustls_native_certs::load_native_certs().certs;
                match roots.add_parsable_certificates(found) {
                    (0, _) => Err(wrong(
                        "the roots of the system".as_ref(),
                        io::Error::from(io::ErrorKind::NotFound).to_string(),
                    )),
                    _ => Ok(roots),
                }
            }
        }
    }

    /// The certificates in the file of roots; `None`: those of the system are meant.
    ///
    /// # Errors
    /// When there are none in it.
    pub fn ca(&self) -> Result<Option<Vec<CertificateDer<'static>>>, Mistake> {
        self.0.ca.as_deref().map(files::certificates).transpose()
    }

    /// What is shown, and its key.
    ///
    /// # Errors
    /// When they are not what they should be.
    pub fn certificate(
        &self,
    ) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, Mistake> {
        let Some((cert, key)) = &self.0.certificate else {
            return Ok(None);
        };
        pair(cert, key)?;
        Ok(Some((files::certificates(cert)?, files::key(key)?)))
    }

    /// For a handshake now, in which these protocols are offered.
    ///
    /// # Errors
    /// When a file is not what it should be.
    pub fn tls(&self, alpn: &[&[u8]]) -> Result<ClientConfig, Mistake> {
        let unfit = |error: rustls::Error| wrong("TLS".as_ref(), error.to_string());
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_root_certificates(Arc::new(self.roots()?));
        let mut config = match &self.0.certificate {
            Some((cert, key)) => builder.with_client_cert_resolver(Arc::new(pair(cert, key)?)),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|alpn| alpn.to_vec()).collect();
        Ok(config)
    }
}
