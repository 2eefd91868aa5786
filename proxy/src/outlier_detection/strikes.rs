//! Failures in a row of one endpoint, counted by all workers together.
//!
//! Three counts in one atomic word, 0 for none: an attempt that goes well reads it and writes nothing, which is nearly
//! every one. Orders are relaxed, nothing else is published through it. `tests/strikes_model.rs` shows with loom that
//! no failure is lost.

use super::atomic::{AtomicU64, Ordering::Relaxed};

/// How an endpoint failed an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It answered with an error of its own.
    ServerError,
    /// It answered that what is behind it failed, or that it has no room: 502, 503, 504.
    GatewayError,
    /// No connection was made, or none that speaks the protocol.
    Connect,
    /// It broke off, or refused the stream.
    Reset,
    /// It was silent until the time was up.
    Timeout,
}

/// How many there were without a success between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InARow {
    /// Of any kind.
    pub errors: u16,
    /// Answers of 502, 503, 504, without another answer between them.
    pub gateway_errors: u16,
    /// Connections that were not made, without one that was between them.
    pub connect_failures: u16,
}

/// The count of one endpoint.
#[derive(Debug)]
pub struct Strikes(AtomicU64);

impl Strikes {
    /// None.
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// As they stand.
    pub fn load(&self) -> InARow {
        InARow::unpack(self.0.load(Relaxed))
    }

    /// One more; how many that makes.
    pub fn strike(&self, failure: Failure) -> InARow {
        self.change(|in_a_row| in_a_row.and(failure))
    }

    /// What had wiped out `wiped` was no success after all: it counts again, and one more.
    pub fn strike_again(&self, wiped: InARow, failure: Failure) -> InARow {
        self.change(|in_a_row| in_a_row.plus(wiped).and(failure))
    }

    /// A success ends every row.
    pub fn clear(&self) {
        if self.0.load(Relaxed) != 0 {
            self.0.swap(0, Relaxed);
        }
    }

    fn change(&self, next: impl Fn(InARow) -> InARow) -> InARow {
        let mut packed = self.0.load(Relaxed);
        loop {
            let changed = next(InARow::unpack(packed));
            match self
                .0
                .compare_exchange_weak(packed, changed.pack(), Relaxed, Relaxed)
            {
                Ok(_) => return changed,
                Err(newer) => packed = newer,
            }
        }
    }
}

impl Default for Strikes {
    fn default() -> Self {
        Self::new()
    }
}

impl InARow {
    fn and(self, failure: Failure) -> Self {
        let gateway_errors = match failure {
            Failure::GatewayError => self.gateway_errors.saturating_add(1),
            Failure::ServerError => 0,
            Failure::Connect | Failure::Reset | Failure::Timeout => self.gateway_errors,
        };
        let connect_failures = match failure {
            Failure::Connect => self.connect_failures.saturating_add(1),
            Failure::ServerError | Failure::GatewayError | Failure::Reset => 0,
            // It may have been spent on a connection as well as on an answer.
            Failure::Timeout => self.connect_failures,
        };
        Self {
            errors: self.errors.saturating_add(1),
            gateway_errors,
            connect_failures,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            errors: self.errors.saturating_add(other.errors),
            gateway_errors: self.gateway_errors.saturating_add(other.gateway_errors),
            connect_failures: self.connect_failures.saturating_add(other.connect_failures),
        }
    }

    fn pack(self) -> u64 {
        u64::from(self.errors)
            | u64::from(self.gateway_errors) << 16
            | u64::from(self.connect_failures) << 32
    }

    fn unpack(packed: u64) -> Self {
        Self {
            errors: packed as u16,
            gateway_errors: (packed >> 16) as u16,
            connect_failures: (packed >> 32) as u16,
        }
    }
}
