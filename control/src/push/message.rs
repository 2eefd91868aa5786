//! A response as bytes, made while it is sent.
//!
//! A response refers to resources that all streams share; only its wrapping is its own. So it is written a piece at a time,
//! as the client takes it: a client that does not read holds a piece in memory and not a table, and large resources are
//! not copied at all.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use outrigger_xds::Resource;
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};

use super::{form::Speech, session::Response};

/// A piece: a frame of HTTP/2 by default holds as much.
const PIECE: usize = 16 << 10;

/// gRPC's prefix of a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// The number of the field `resources`, in the responses of both forms.
const RESOURCES: u32 = 2;

/// What is left to be sent of a response.
#[derive(Debug)]
pub(super) struct Message {
    length: usize,
    begun: BytesMut,
    resources: std::vec::IntoIter<Arc<Resource>>,
    /// The body of the resource that was begun last.
    body: Option<Bytes>,
    open: fn(&Resource, &mut BytesMut),
}

impl Message {
    /// The message that says this.
    pub(super) fn new<S: Speech>(mut response: Response) -> Self {
        let resources = std::mem::take(&mut response.resources);
        let rest = S::rest(response);
        let length = resources.iter().map(|it| S::length(it)).sum::<usize>() + rest.encoded_len();
        let mut begun = BytesMut::with_capacity(PREFIX + rest.encoded_len());
        begun.put_u8(0);
        // Nobody takes messages of 4 GiB, and no table is as large.
        begun.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        begun.extend_from_slice(&rest.encode_to_vec());
        Self {
            length,
            begun,
            resources: resources.into_iter(),
            body: None,
            open: S::open,
        }
    }

    /// Its length in bytes, without gRPC's prefix.
    pub(super) fn length(&self) -> usize {
        self.length
    }
}

impl Iterator for Message {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(body) = self.body.take_if(|body| body.len() >= PIECE) {
                if !self.begun.is_empty() {
                    self.body = Some(body);
                    return Some(self.begun.split().freeze());
                }
                return Some(body);
            }
            if let Some(body) = self.body.take() {
                self.begun.extend_from_slice(&body);
            }
            if self.begun.len() >= PIECE {
                return Some(std::mem::take(&mut self.begun).freeze());
            }
            let Some(resource) = self.resources.next() else {
                let rest = std::mem::take(&mut self.begun);
                return (!rest.is_empty()).then(|| rest.freeze());
            };
            (self.open)(&resource, &mut self.begun);
            self.body = Some(resource.body.clone());
        }
    }
}

/// The length of a field with a number below 16 that holds so many bytes.
pub(super) fn field(length: usize) -> usize {
    1 + encoded_len_varint(length as u64) + length
}

/// Begins such a field.
pub(super) fn begin(number: u32, length: usize, buffer: &mut BytesMut) {
    encode_key(number, WireType::LengthDelimited, buffer);
    encode_varint(length as u64, buffer);
}

/// Begins the field that holds a resource.
pub(super) fn begin_resource(length: usize, buffer: &mut BytesMut) {
    begin(RESOURCES, length, buffer);
}

/// A field of text.
pub(super) fn text(number: u32, text: &str, buffer: &mut BytesMut) {
    begin(number, text.len(), buffer);
    buffer.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use outrigger_xds::{
        Kind,
        discovery::{DeltaDiscoveryResponse, DiscoveryResponse},
    };

    use super::{
        super::form::{Delta, World},
        *,
    };

    fn response(sizes: &[usize]) -> Response {
        let resource = |(index, size): (usize, &usize)| {
            let (name, body) = (format!("r{index}"), vec![7; *size]);
            Arc::new(Resource::new(Kind::Cluster, name.into(), "v", body.into()))
        };
        Response {
            kind: Kind::Cluster,
            nonce: "9".into(),
            version: "all".into(),
            resources: sizes.iter().enumerate().map(resource).collect(),
            removed: vec!["gone".into()],
        }
    }

    fn bytes<S: Speech>(sizes: &[usize]) -> Bytes {
        let message = Message::new::<S>(response(sizes));
        let length = message.length();
        let whole = message.flatten().collect::<Bytes>();
        assert_eq!(
            whole[..PREFIX],
            [&[0][..], &(length as u32).to_be_bytes()].concat()
        );
        assert_eq!(whole.len(), PREFIX + length);
        whole.slice(PREFIX..)
    }

    #[test]
    fn others_read_what_was_meant() {
        let sizes = [0, 100, 20_000, 5, 16_000, 16_384, 1];
        let delta = DeltaDiscoveryResponse::decode(bytes::<Delta>(&sizes)).unwrap();
        assert_eq!((&*delta.nonce, &*delta.system_version_info), ("9", "all"));
        assert_eq!(delta.removed_resources, ["gone"]);
        let world = DiscoveryResponse::decode(bytes::<World>(&sizes)).unwrap();
        assert_eq!((&*world.nonce, &*world.version_info), ("9", "all"));
        for (index, size) in sizes.into_iter().enumerate() {
            let resource = &delta.resources[index];
            assert_eq!(resource.name, format!("r{index}"));
            assert_eq!(*resource.version, *outrigger_xds::version("v"));
            let any = resource.resource.as_ref().unwrap();
            assert_eq!(
                (any.value.len(), &*any.type_url),
                (size, Kind::Cluster.type_url())
            );
            assert_eq!(&world.resources[index], any);
        }
        assert_eq!(world.resources.len(), sizes.len());
    }

    #[test]
    fn it_comes_in_pieces_and_what_is_large_is_not_copied() {
        let large = response(&[100_000]);
        let body = large.resources[0].body.clone();
        let pieces: Vec<_> = Message::new::<Delta>(large).collect();
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[1].as_ptr(), body.as_ptr());
        let small = Message::new::<Delta>(response(&[1000; 100]));
        assert!(small.into_iter().all(|piece| piece.len() < PIECE + 1100));
    }
}
