//! Header compression (RFC 7541).
//!
//! ```text
//! block --Decoder--> Fields, ready for use      names and values --Encoder--> block
//! ```

mod decoder;
mod encoder;
mod field;
mod huffman;
mod integer;
mod statics;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;
pub(crate) use field::Field;

/// No header block. Its connection is lost: what comes after it can't be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

/// What each table may hold unless something else is agreed on (RFC 9113, 6.5.2).
pub(crate) const TABLE: usize = 4096;

/// What an entry counts beside its name and value (RFC 7541, 4.1).
const OVERHEAD: usize = 32;
