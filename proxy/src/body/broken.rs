//! Why a body broke off, to whoever reads it.

/// What a body ends with if not with its end. hyper passes it on as a broken connection or stream, so that what came of
/// the body is never taken for all of it.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Whoever was sending it failed.
    #[error(transparent)]
    Sender(#[from] hyper::Error),
    /// Another attempt reads it now; the one that this is told to has been given up.
    #[error("another attempt took its place")]
    Superseded,
}
