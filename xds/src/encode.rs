//! From parts of a table to resources.

pub use crate::{
    cluster::encode as cluster, endpoints::encode as endpoints, grpc::api_listener,
    listener::encode as listener, routes::encode as routes,
};
