//! Answers of the gRPC health protocol, as any endpoint may send them.

use outrigger::health_check::grpc_health;

/// Reads the bytes as they are, and as a message in a right frame; a field that nobody knows, put before it, changes
/// nothing.
pub fn grpc_health(bytes: &[u8]) {
    let _ = grpc_health::response(bytes);
    let with_unknown = [b"\x78\x01", bytes].concat();
    assert_eq!(
        grpc_health::response(&framed(bytes)),
        grpc_health::response(&framed(&with_unknown))
    );
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a short message");
    [&[0], &length.to_be_bytes()[..], message].concat()
}
