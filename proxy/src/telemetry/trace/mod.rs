//! Tracing headers: which trace a request belongs to, read from what the caller sent, written for the endpoint.
//!
//! A trace goes on with a new span, the proxy's own: W3C's if its headers are valid, else B3's. What goes out is always
//! W3C, and B3 too in the form in which it came, so that a next hop that reads only that understands. Where nothing came,
//! or nonsense, a trace begins here; that it is recorded, and why, says [`Sampling`].
//!
//! One function, [`propagate`], and one walk over the headers: looking up eight names that are mostly absent would hash
//! eight names.
//!
//! For `tests/fuzz`: [`w3c::parse`], [`b3::parse`], [`b3::Multi::parse`] and [`propagate`] take foreign bytes.

pub mod b3;
mod id;
mod parent;
mod request_id;
pub mod w3c;

use http::{HeaderMap, HeaderName, HeaderValue};

pub use id::{SpanId, TraceId};
pub use parent::{Ids, Parent, Sampling};

/// What every request carries on: unique, and in logs.
pub static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
static B3_SINGLE: HeaderName = HeaderName::from_static("b3");
static B3_TRACE_ID: HeaderName = HeaderName::from_static("x-b3-traceid");
static B3_SPAN_ID: HeaderName = HeaderName::from_static("x-b3-spanid");
static B3_PARENT_SPAN_ID: HeaderName = HeaderName::from_static("x-b3-parentspanid");
static B3_SAMPLED: HeaderName = HeaderName::from_static("x-b3-sampled");
static B3_FLAGS: HeaderName = HeaderName::from_static("x-b3-flags");

/// Where a request stands in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Of the whole trace.
    pub trace_id: TraceId,
    /// Of the proxy's own span: the parent of what the endpoint does.
    pub span_id: SpanId,
    /// Of the caller's span, if the caller traces.
    pub parent_id: Option<SpanId>,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

/// Reads the tracing headers of a request and replaces them by those of the proxy's own span. `x-request-id` is kept if it
/// is short and plain, else made.
pub fn propagate(headers: &mut HeaderMap, rng: &mut fastrand::Rng) -> TraceContext {
    let came = Came::read(headers);
    let by_w3c = came.traceparent.and_then(w3c::parse);
    let parent = match (by_w3c, came.by_b3()) {
        (Some(w3c), Some(b3)) => w3c.refine(b3),
        (Some(parent), None) | (None, Some(parent)) => parent,
        (None, None) => Parent::NONE,
    };
    let Parent { ids, sampling } = parent;
    let caller = ids.map(|ids| ids.span_id);
    let span_id = SpanId::random(rng);
    let goes = match ids {
        Some(ids) => Ids { span_id, ..ids },
        None => Ids {
            trace_id: TraceId::random(rng),
            span_id,
            short: false,
            random: false,
        },
    };

    let drops_tracestate = came.tracestate.is_some() && by_w3c.is_none();
    let (single, multi) = (came.b3.is_some(), came.b3_multi.is_present());
    let keeps_request_id = came.request_id.is_some_and(request_id::is_sane);
    headers.insert(&TRACEPARENT, ascii(w3c::encode(&goes, sampling)));
    if drops_tracestate {
        headers.remove(&TRACESTATE);
    }
    if single {
        headers.insert(
            &B3_SINGLE,
            ascii(b3::encode(&goes, sampling, caller.as_ref())),
        );
    }
    if multi {
        write_b3_multi(headers, &goes, sampling, caller.as_ref());
    }
    if !keeps_request_id {
        headers.insert(&X_REQUEST_ID, ascii(request_id::random(rng)));
    } else if let Some(request_id) = headers.get_mut(&X_REQUEST_ID) {
        request_id.set_sensitive(true);
    }
    TraceContext {
        trace_id: goes.trace_id,
        span_id,
        parent_id: caller,
        sampled: sampling.records(),
    }
}

/// The headers of a request that matter here. One that came twice is in doubt and counts as an empty one.
#[derive(Default)]
struct Came<'a> {
    traceparent: Option<&'a [u8]>,
    tracestate: Option<&'a [u8]>,
    b3: Option<&'a [u8]>,
    b3_multi: b3::Multi<'a>,
    request_id: Option<&'a [u8]>,
}

impl<'a> Came<'a> {
    fn read(headers: &'a HeaderMap) -> Self {
        let mut came = Self::default();
        for (name, value) in headers {
            let field = match name.as_str() {
                "traceparent" => &mut came.traceparent,
                "tracestate" => &mut came.tracestate,
                "b3" => &mut came.b3,
                "x-b3-traceid" => &mut came.b3_multi.trace_id,
                "x-b3-spanid" => &mut came.b3_multi.span_id,
                "x-b3-sampled" => &mut came.b3_multi.sampled,
                "x-b3-flags" => &mut came.b3_multi.flags,
                "x-request-id" => &mut came.request_id,
                _ => continue,
            };
            *field = Some(if field.is_some() {
                b""
            } else {
                value.as_bytes()
            });
        }
        came
    }

    fn by_b3(&self) -> Option<Parent> {
        self.b3
            .and_then(b3::parse)
            .or_else(|| self.b3_multi.parse())
    }
}

fn write_b3_multi(
    headers: &mut HeaderMap,
    goes: &Ids,
    sampling: Sampling,
    caller: Option<&SpanId>,
) {
    let mut set = |name: &HeaderName, value: Option<&[u8]>| match value {
        Some(value) => drop(headers.insert(name, ascii(value))),
        None => drop(headers.remove(name)),
    };
    // "Debug" says yes by itself.
    let (sampled, flags): (Option<&[u8]>, Option<&[u8]>) = match sampling {
        Sampling::Deferred => (None, None),
        Sampling::Deny => (Some(b"0"), None),
        Sampling::Accept => (Some(b"1"), None),
        Sampling::Debug => (None, Some(b"1")),
    };
    set(&B3_TRACE_ID, Some(b3::trace_id(goes)));
    set(&B3_SPAN_ID, Some(goes.span_id.as_bytes()));
    set(&B3_PARENT_SPAN_ID, caller.map(|id| &id.as_bytes()[..]));
    set(&B3_SAMPLED, sampled);
    set(&B3_FLAGS, flags);
}

/// Digits, letters and dashes, which are always a valid value. No request has that of another: HTTP/2's table of headers that
/// come again is not to keep it, in place of one that does, and compare all that follow with it.
fn ascii(text: impl AsRef<[u8]>) -> HeaderValue {
    let value = HeaderValue::from_bytes(text.as_ref());
    let mut value = value.unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
