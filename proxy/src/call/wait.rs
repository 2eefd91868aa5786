//! The time that an attempt waits here, for a connection that its cluster's limit does not allow yet: it is not the
//! endpoint's, and never charged to it.

use std::{cell::Cell, rc::Rc};

use crate::clock;

/// Nobody has been asked yet.
const NOT_YET: u64 = u64::MAX;

/// When an attempt turned to its endpoint, shared by those who make it wait and those who measure it; nothing at all
/// where no attempt has to wait.
#[derive(Clone, Debug, Default)]
pub struct Wait(Option<Rc<Cell<u64>>>);

impl Wait {
    /// Of an attempt that begins at `now`, in microseconds, and may have to wait.
    pub fn possible(now: u64) -> Self {
        Self(Some(Rc::new(Cell::new(now))))
    }

    /// It has to wait.
    pub fn begin(&self) {
        if let Some(asked) = &self.0 {
            asked.set(NOT_YET);
        }
    }

    /// It need not wait any more.
    pub fn end(&self) {
        if let Some(asked) = &self.0
            && asked.get() == NOT_YET
        {
            asked.set(clock::now());
        }
    }

    /// When it turned to its endpoint, in microseconds, if it did; `began` if it never had to wait.
    pub fn asked(&self, began: u64) -> Option<u64> {
        match &self.0 {
            None => Some(began),
            Some(asked) => Some(asked.get()).filter(|asked| *asked != NOT_YET),
        }
    }
}
