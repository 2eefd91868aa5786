//! End-to-end tests, a module a subject.

mod stage;
