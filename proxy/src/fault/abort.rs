//! What an abort looks like to those who speak the other language: an HTTP status as a gRPC one, and the reverse.

use http::StatusCode;
use outrigger_config::model::Abort;

/// What a client sees that does not speak gRPC; a reset shows no status, and has one for the table of errors alone.
pub fn status(abort: Abort) -> StatusCode {
    match abort {
        Abort::Status(status) => status,
        Abort::GrpcStatus(status) => of_grpc(status),
        Abort::Reset => StatusCode::BAD_GATEWAY,
    }
}

/// What a gRPC client sees.
pub fn grpc_status(abort: Abort) -> u8 {
    const UNAVAILABLE: u8 = 14;
    match abort {
        Abort::Status(status) => of_http(status),
        Abort::GrpcStatus(status) => status,
        Abort::Reset => UNAVAILABLE,
    }
}

/// As gRPC's "HTTP to gRPC status code mapping" has it for clients.
fn of_http(status: StatusCode) -> u8 {
    match status.as_u16() {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}

/// As the comments of `google/rpc/code.proto` have it.
fn of_grpc(status: u8) -> StatusCode {
    let status = match status {
        3 | 9 | 11 => 400,
        16 => 401,
        7 => 403,
        5 => 404,
        6 | 10 => 409,
        8 => 429,
        1 => 499,
        12 => 501,
        14 => 503,
        4 => 504,
        _ => 500,
    };
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
