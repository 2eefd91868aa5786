//! B3, Zipkin's headers: `b3: <trace id>-<span id>-<sampling>-<parent span id>`, or the same in `x-b3-*` headers.

use super::{
    id::{SpanId, TraceId},
    parent::{Ids, Parent, Sampling},
};

/// The header `b3`.
pub fn parse(value: &[u8]) -> Option<Parent> {
    if let Some(sampling) = Sampling::parse(value) {
        return Some(Parent {
            ids: None,
            sampling,
        });
    }
    let mut fields = value.split(|&byte| byte == b'-');
    let ids = parse_ids(fields.next()?, fields.next()?)?;
    let sampling = fields
        .next()
        .map_or(Some(Sampling::Deferred), Sampling::parse)?;
    // The sender's own parent is of no use here, but nonsense makes the rest doubtful.
    let valid = fields
        .next()
        .is_none_or(|parent| SpanId::parse(parent).is_some());
    (valid && fields.next().is_none()).then_some(Parent {
        ids: Some(ids),
        sampling,
    })
}

/// The header `b3`, with the parent if there is a decision: without one it has no place.
pub fn encode(ids: &Ids, sampling: Sampling, parent: Option<&SpanId>) -> Vec<u8> {
    let mut value = Vec::with_capacity("trace-span-s-parent".len() + 32 + 16 + 16);
    value.extend_from_slice(trace_id(ids));
    value.push(b'-');
    value.extend_from_slice(ids.span_id.as_bytes());
    if let Some(letter) = sampling.letter() {
        value.extend_from_slice(&[b'-', letter]);
        if let Some(parent) = parent {
            value.push(b'-');
            value.extend_from_slice(parent.as_bytes());
        }
    }
    value
}

/// The trace id as long as it came.
pub(super) fn trace_id(ids: &Ids) -> &[u8] {
    &ids.trace_id.as_bytes()[if ids.short { 16 } else { 0 }..]
}

fn parse_ids(trace_id: &[u8], span_id: &[u8]) -> Option<Ids> {
    let short = trace_id.len() == 16;
    let trace_id = if short {
        TraceId::parse_short(trace_id)
    } else {
        TraceId::parse(trace_id)
    }?;
    Some(Ids {
        trace_id,
        span_id: SpanId::parse(span_id)?,
        short,
        random: false,
    })
}

/// The `x-b3-*` headers as they came; the sender's own parent is of no use here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Multi<'a> {
    /// `x-b3-traceid`
    pub trace_id: Option<&'a [u8]>,
    /// `x-b3-spanid`
    pub span_id: Option<&'a [u8]>,
    /// `x-b3-sampled`
    pub sampled: Option<&'a [u8]>,
    /// `x-b3-flags`
    pub flags: Option<&'a [u8]>,
}

impl Multi<'_> {
    /// Whether any of them came.
    pub(super) fn is_present(&self) -> bool {
        self.trace_id
            .or(self.span_id)
            .or(self.sampled)
            .or(self.flags)
            .is_some()
    }

    /// What they say together; none when that is nothing, or nonsense.
    pub fn parse(&self) -> Option<Parent> {
        let sampling = match (self.flags, self.sampled) {
            (Some(b"1"), _) => Sampling::Debug,
            (_, None) => Sampling::Deferred,
            (_, Some(b"1" | b"true")) => Sampling::Accept,
            (_, Some(b"0" | b"false")) => Sampling::Deny,
            _ => return None,
        };
        match (self.trace_id, self.span_id) {
            (Some(trace_id), Some(span_id)) => Some(Parent {
                ids: Some(parse_ids(trace_id, span_id)?),
                sampling,
            }),
            (None, None) if sampling != Sampling::Deferred => Some(Parent {
                ids: None,
                sampling,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Of the specification, both forms the same.
    const SINGLE: &str = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90";

    #[test]
    fn the_example_of_the_specification_is_the_same_in_both_forms() {
        let multi = Multi {
            trace_id: Some(b"80f198ee56343ba864fe8b2a57d3eff7"),
            span_id: Some(b"e457b5a2e4d86bd1"),
            sampled: Some(b"1"),
            flags: None,
        };
        assert_eq!(multi.parse(), parse(SINGLE.as_bytes()));
        let Parent {
            ids: Some(ids),
            sampling,
        } = multi.parse().unwrap()
        else {
            panic!("ids")
        };
        let parent = SpanId::parse(b"05e3ac9a4f6e3b90");
        assert_eq!(encode(&ids, sampling, parent.as_ref()), SINGLE.as_bytes());
    }

    #[test]
    fn short_ids_stay_short() {
        let value = b"64fe8b2a57d3eff7-e457b5a2e4d86bd1";
        let Parent {
            ids: Some(ids),
            sampling,
        } = parse(value).unwrap()
        else {
            panic!("ids")
        };
        assert_eq!((ids.short, sampling), (true, Sampling::Deferred));
        assert_eq!(encode(&ids, sampling, Some(&ids.span_id)), value);
    }

    #[test]
    fn a_decision_may_come_alone() {
        let single = |value: &[u8]| parse(value).map(|parent| (parent.ids, parent.sampling));
        assert_eq!(single(b"0"), Some((None, Sampling::Deny)));
        assert_eq!(single(b"1"), Some((None, Sampling::Accept)));
        assert_eq!(single(b"d"), Some((None, Sampling::Debug)));
        let multi = |sampled, flags| {
            Multi {
                sampled,
                flags,
                ..Multi::default()
            }
            .parse()
            .map(|parent| parent.sampling)
        };
        assert_eq!(multi(Some(b"0"), None), Some(Sampling::Deny));
        assert_eq!(multi(Some(b"false"), None), Some(Sampling::Deny));
        assert_eq!(multi(Some(b"true"), Some(b"0")), Some(Sampling::Accept));
        assert_eq!(multi(None, Some(b"1")), Some(Sampling::Debug));
        assert_eq!(multi(None, None), None);
        assert_eq!(multi(Some(b"d"), None), None);
    }

    #[test]
    fn nonsense_is_not_read() {
        for bad in [
            "",
            "-",
            "2",
            "80f198ee56343ba864fe8b2a57d3eff7",
            "80f198ee56343ba864fe8b2a57d3eff7-",
            "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-",
            "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-x",
            "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-",
            "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90-",
            "80f198ee56343ba864fe8b2a57d3eff-e457b5a2e4d86bd1-1",
            "00000000000000000000000000000000-e457b5a2e4d86bd1-1",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
