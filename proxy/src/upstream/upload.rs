//! The rest of a request that is still being sent while its response comes.

use std::future::Future;

use tokio::task::{AbortHandle, spawn_local};

/// Its task, which ends with its response: a client may not read a byte of the one before it has sent the other, and
/// whoever has read all of the response needs no more of the request.
#[derive(Debug)]
pub struct Upload(AbortHandle);

impl Upload {
    /// Lets `sending` go on beside the response.
    pub fn beside(sending: impl Future<Output = ()> + 'static) -> Self {
        Self(spawn_local(sending).abort_handle())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.0.abort();
    }
}
