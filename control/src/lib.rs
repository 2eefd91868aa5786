//! The control plane: sources -> one registry of tables, with history -> a view per proxy -> push.
//!
//! It holds only what its sources can give it again: replicas over the same sources are equal and share nothing else.
//! A file a step, in the order of the data's way.

pub mod access;
pub mod api;
pub mod app;
pub mod cli;
pub mod command;
pub mod history;
pub mod log;
pub mod metric;
pub mod push;
pub mod registry;
pub mod report;
pub mod source;
pub mod view;
