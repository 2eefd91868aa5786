//! Resources of other control planes: what is taken, as what, and what is refused in which words.

#![allow(clippy::unwrap_used, clippy::expect_used, deprecated, missing_docs)]

mod clusters;
mod connections;
mod filters;
mod listeners;
mod made;
mod refusals;
mod routes;
