//! Stand-in.
#![allow(missing_docs)]
use std::sync::Arc;
use bytes::Bytes;
use outrigger_config::model;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster { pub model: model::Cluster, pub endpoints: Option<Arc<str>> }
#[derive(Clone, Debug, PartialEq)]
pub struct Listener { pub model: model::Listener, pub routes: Routes }
#[derive(Clone, Debug, PartialEq)]
pub enum Routes { Named(Arc<str>), Inline(Vec<model::Route>) }
pub fn cluster(_: &[u8]) -> Result<Cluster, Refused> { Err(Refused("no".into())) }
pub fn endpoints(_: &[u8]) -> Result<(Arc<str>, Vec<model::Endpoint>), Refused> { Err(Refused("no".into())) }
pub fn listener(_: &[u8]) -> Result<Listener, Refused> { Err(Refused("no".into())) }
pub fn routes(_: &str, _: &[u8]) -> Result<Vec<model::Route>, Refused> { Err(Refused("no".into())) }
