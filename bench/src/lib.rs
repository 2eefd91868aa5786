//! What can be measured or shown.

pub mod simulate;
