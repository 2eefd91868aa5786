//! What the process says of itself: whether it is ready, and what became of the last table it was offered.

use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::SystemTime,
};

use crate::control::Standing;

/// Written by the control thread, read by the admin server.
#[derive(Default)]
pub struct Status {
    serving: AtomicBool,
    draining: AtomicBool,
    /// Names that have not been looked up once yet.
    unresolved: AtomicUsize,
    refused: Mutex<Option<Refused>>,
    /// Of a proxy that has control planes.
    control: Option<Arc<Standing>>,
}

/// A table that was refused since the one in force.
#[derive(Clone)]
pub struct Refused {
    /// When.
    pub at: SystemTime,
    /// Why, as `outrigger check` would say it.
    pub problems: String,
}

impl Status {
    /// Of a process that is starting.
    pub fn new(control: Option<Arc<Standing>>) -> Self {
        Self {
            control,
            ..Self::default()
        }
    }

    /// How it stands with its control planes, if it has any.
    pub fn control(&self) -> Option<&Standing> {
        self.control.as_deref()
    }

    /// Why the process is not ready; `None` if it is.
    pub fn unready(&self) -> Option<Cow<'static, str>> {
        if self.draining.load(Relaxed) {
            Some("draining".into())
        } else if !self.serving.load(Relaxed) {
            Some("starting".into())
        } else {
            self.lacks()
        }
    }

    /// What the process waits for before it can serve as its table says.
    pub fn lacks(&self) -> Option<Cow<'static, str>> {
        if let Some(why) = self.control().and_then(Standing::unready) {
            Some(why.into())
        } else if self.unresolved.load(Relaxed) > 0 {
            Some("resolving names".into())
        } else {
            None
        }
    }

    /// Workers accept.
    pub fn serving(&self) {
        self.serving.store(true, Relaxed);
    }

    /// The goodbye has begun.
    pub fn draining(&self) {
        self.draining.store(true, Relaxed);
    }

    /// A name has not been looked up yet, as long as what is returned lives.
    pub fn resolving(self: &Arc<Self>) -> Resolving {
        self.unresolved.fetch_add(1, Relaxed);
        Resolving(Arc::clone(self))
    }

    /// The last table that was offered was accepted, or else refused for these problems.
    pub fn offered(&self, refused: Option<Refused>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
    }

    /// The last table that was offered, if it was refused.
    pub fn refused(&self) -> Option<Refused> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A name that has not been looked up yet.
pub struct Resolving(Arc<Status>);

impl Drop for Resolving {
    fn drop(&mut self) {
        self.0.unresolved.fetch_sub(1, Relaxed);
    }
}
