//! `pool`: how connections to endpoints are kept.

use crate::{
    file::duration::duration,
    model::{PoolPolicy, default as defaults},
    shape::{Shape, default, keys, optional, whole},
};

pub(super) fn pool() -> Shape<PoolPolicy> {
    keys!(PoolPolicy {
        /// A connection unused for longer is closed.
        idle_timeout: default(duration(), defaults::POOL_IDLE_TIMEOUT),
        /// A connection older than this takes no new request (up to 10 % earlier, so that they don't all end at once).
        /// No bound when left out.
        max_age: optional(duration()),
        /// Idle HTTP/1 connections that a worker keeps to one endpoint.
        max_idle: default(whole(0..=65_535), defaults::POOL_MAX_IDLE),
        /// Requests at once on one HTTP/2 connection, if the endpoint allows as many.
        max_streams: default(whole(1..=2_147_483_647), defaults::POOL_MAX_STREAMS),
    })
}
