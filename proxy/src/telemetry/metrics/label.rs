//! Closed sets of label values: an enum whose variants and labels stand side by side, once.

use std::{marker::PhantomData, sync::OnceLock};

/// A closed set of values of one label.
pub trait Label: Copy + 'static {
    /// All of them, each at its [`index`](Self::index).
    const ALL: &'static [Self];

    /// As it appears in metrics and logs.
    fn as_str(self) -> &'static str;

    /// Its place in [`ALL`](Self::ALL).
    fn index(self) -> usize;
}

macro_rules! labels {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $label:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $crate::telemetry::metrics::Label for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}
pub(super) use labels;

/// A handle for each value of a label, made when first used: what never happens is no series.
#[derive(Debug)]
pub(super) struct ByLabel<L, H> {
    handles: Box<[OnceLock<H>]>,
    label: PhantomData<fn(L)>,
}

impl<L: Label, H> ByLabel<L, H> {
    pub(super) fn new() -> Self {
        Self {
            handles: L::ALL.iter().map(|_| OnceLock::new()).collect(),
            label: PhantomData,
        }
    }

    /// Whether the value was ever used.
    pub(super) fn known(&self, label: L) -> bool {
        self.handles[label.index()].get().is_some()
    }

    pub(super) fn get(&self, label: L, register: impl FnOnce(&'static str) -> H) -> &H {
        self.handles[label.index()].get_or_init(|| register(label.as_str()))
    }
}
