//! The name, help and labels of metrics that belong together; what a series of them is, is in the type.

use std::marker::PhantomData;

use super::{Counter, Gauge, Histogram};

/// A metric: its series differ by the values of its `N` labels and are handles of type `H`.
#[derive(Debug)]
pub struct Family<H, const N: usize> {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) labels: [&'static str; N],
    handle: PhantomData<fn() -> H>,
}

impl<H, const N: usize> Family<H, N> {
    /// Only [`families`](super::families) calls this, so that one file lists all there is.
    pub(super) const fn new(
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
    ) -> Self {
        Self {
            name,
            help,
            labels,
            handle: PhantomData,
        }
    }
}

/// What a family is a family of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One handle of any kind, as the registry keeps it.
#[derive(Clone, Debug)]
pub(super) enum Instrument {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

impl Instrument {
    /// Handles on the same series, this one included.
    pub(super) fn handles(&self) -> usize {
        match self {
            Self::Counter(counter) => counter.handles(),
            Self::Gauge(gauge) => gauge.handles(),
            Self::Histogram(histogram) => histogram.handles(),
        }
    }
}

/// A handle type: [`Counter`], [`Gauge`] or [`Histogram`].
pub(super) trait Handle: Clone + Default {
    const KIND: Kind;
    fn into_instrument(self) -> Instrument;
    fn of(instrument: &Instrument) -> Option<&Self>;
}

macro_rules! handle {
    ($kind:ident) => {
        impl Handle for $kind {
            const KIND: Kind = Kind::$kind;

            fn into_instrument(self) -> Instrument {
                Instrument::$kind(self)
            }

            fn of(instrument: &Instrument) -> Option<&Self> {
                match instrument {
                    Instrument::$kind(handle) => Some(handle),
                    _ => None,
                }
            }
        }
    };
}

handle!(Counter);
handle!(Gauge);
handle!(Histogram);
