//! Messages in messages.

use bytes::Buf;
use prost::{Message, Name};

use crate::{Refused, pb::google::protobuf::Any};

/// A message as an extension's configuration.
pub(crate) fn pack<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: M::type_url(),
        value: message.encode_to_vec(),
    }
}

/// Whether it is a message of type `M`.
pub(crate) fn is<M: Name>(any: &Any) -> bool {
    any.type_url == M::type_url()
}

/// The message inside.
pub(crate) fn unpack<M: Message + Name + Default>(any: &Any) -> Result<M, Refused> {
    if !is::<M>(any) {
        let short = any.type_url.rsplit('/').next().unwrap_or_default();
        return Err(Refused::new(format!("unknown type `{short}`")));
    }
    decode(&*any.value)
}

/// A message of which its sender says that it is an `M`.
pub(crate) fn decode<M: Message + Name + Default>(body: impl Buf) -> Result<M, Refused> {
    M::decode(body).map_err(|error| Refused::new(format!("not a `{}`: {error}", M::NAME)))
}
