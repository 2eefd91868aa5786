//! x

pub mod route;
