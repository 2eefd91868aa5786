//! Where a message's body ends (RFC 9112, 6.3).

use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};

use super::{Malformed, head::Noted};

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes; 0: there is none.
    Length(u64),
    /// By its chunks.
    Chunked,
    /// By the end of the connection; responses only.
    Close,
}

impl Framing {
    /// Of a request.
    ///
    /// # Errors
    /// When two readers could disagree (RFC 9112, 6.1), or it is none that we know.
    pub fn of_request(
        version: Version,
        noted: Noted,
        headers: &mut HeaderMap,
    ) -> Result<Self, Malformed> {
        match (noted.codings, noted.lengths) {
            (0, 0) => return Ok(Self::Length(0)),
            (0, _) => return Ok(Self::Length(length(headers)?)),
            _ => {}
        }
        if version < Version::HTTP_11 {
            return Err(Malformed::Framing("transfer-encoding in HTTP/1.0"));
        }
        if noted.lengths > 0 {
            return Err(Malformed::Framing(
                "both transfer-encoding and content-length",
            ));
        }
        match noted.codings {
            1 if is_chunked(headers) => Ok(Self::Chunked),
            1 => Err(Malformed::Coding),
            _ => Err(Malformed::Framing("more than one transfer-encoding")),
        }
    }

    /// Of a response to a request of this method. What contradicts it is taken out of `headers`.
    ///
    /// # Errors
    /// When two readers could disagree.
    pub fn of_response(
        method: &Method,
        status: StatusCode,
        version: Version,
        noted: Noted,
        headers: &mut HeaderMap,
    ) -> Result<Self, Malformed> {
        if is_bodiless(method, status) {
            if status == StatusCode::NO_CONTENT && noted.lengths > 0 {
                // It must not have one (RFC 9110, 8.6): some reader would wait for a body.
                headers.remove(header::CONTENT_LENGTH);
            }
            return Ok(Self::Length(0));
        }
        match (noted.codings, noted.lengths) {
            (0, 0) => return Ok(Self::Close),
            (0, _) => return Ok(Self::Length(length(headers)?)),
            _ => {}
        }
        if version < Version::HTTP_11 {
            return Err(Malformed::Framing("transfer-encoding in HTTP/1.0"));
        }
        if noted.codings > 1 || !is_chunked(headers) {
            return Err(Malformed::Coding);
        }
        // It has no meaning beside the other, and must not reach a reader for whom it has (RFC 9112, 6.3).
        headers.remove(header::CONTENT_LENGTH);
        Ok(Self::Chunked)
    }
}

/// Whether a response has no body, whatever its headers say.
pub fn is_bodiless(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

/// Whether `chunked` is what the transfer coding says.
fn is_chunked(headers: &HeaderMap) -> bool {
    let coding = headers.get(header::TRANSFER_ENCODING);
    coding.is_some_and(|coding| {
        coding
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked")
    })
}

/// What content-length says. Said several times over it must be the same, and is left once.
fn length(headers: &mut HeaderMap) -> Result<u64, Malformed> {
    const BAD: Malformed = Malformed::Framing("content-length");
    let mut said = headers.get_all(header::CONTENT_LENGTH).iter();
    if let Some(length) = said.next().and_then(|first| digits(first.as_bytes()))
        && said.next().is_none()
    {
        return Ok(length);
    }
    let mut only = None;
    for said in headers.get_all(header::CONTENT_LENGTH) {
        for part in said.as_bytes().split(|byte| *byte == b',') {
            let length = digits(part.trim_ascii()).ok_or(BAD)?;
            if only.replace(length).is_some_and(|before| before != length) {
                return Err(BAD);
            }
        }
    }
    let length = only.ok_or(BAD)?;
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(length)
}

/// A number of digits alone: no sign, no blank, none that is too large.
fn digits(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn of(
        lines: &[(&'static str, &'static str)],
    ) -> Result<(Framing, Option<HeaderValue>), Malformed> {
        let mut headers = HeaderMap::new();
        let mut noted = Noted::default();
        for (name, value) in lines {
            let name = HeaderName::from_static(name);
            noted.note(&name);
            headers.append(name, HeaderValue::from_static(value));
        }
        let framing = Framing::of_response(
            &Method::GET,
            StatusCode::OK,
            Version::HTTP_11,
            noted,
            &mut headers,
        )?;
        Ok((framing, headers.remove(header::CONTENT_LENGTH)))
    }

    #[test]
    fn a_length_is_digits_and_the_same_each_time() {
        let framing = |value| of(&[("content-length", value)]).map(|(framing, _)| framing);
        assert_eq!(framing("12"), Ok(Framing::Length(12)));
        assert_eq!(framing("12, 12"), Ok(Framing::Length(12)));
        for bad in [
            "",
            "+1",
            "-1",
            "1 2",
            "0x1",
            "1,2",
            "1,",
            "18446744073709551616",
        ] {
            assert!(framing(bad).is_err(), "{bad}");
        }
        let twice = of(&[("content-length", "3"), ("content-length", "3")]).unwrap();
        assert_eq!(twice, (Framing::Length(3), Some(HeaderValue::from(3))));
        assert!(of(&[("content-length", "3"), ("content-length", "4")]).is_err());
    }

    #[test]
    fn chunks_count_alone_and_a_length_beside_them_goes() {
        let both = of(&[("content-length", "3"), ("transfer-encoding", "Chunked")]);
        assert_eq!(both, Ok((Framing::Chunked, None)));
        for bad in ["gzip", "gzip, chunked", "chunked, chunked", "xchunked", ""] {
            assert!(of(&[("transfer-encoding", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_response_without_either_lasts_until_the_connection_ends() {
        assert_eq!(of(&[]), Ok((Framing::Close, None)));
    }

    #[test]
    fn some_responses_have_no_body_whatever_they_say() {
        let lines = || HeaderMap::from_iter([(header::CONTENT_LENGTH, HeaderValue::from(5))]);
        for (method, status) in [
            (Method::HEAD, StatusCode::OK),
            (Method::GET, StatusCode::NO_CONTENT),
            (Method::GET, StatusCode::NOT_MODIFIED),
            (Method::GET, StatusCode::CONTINUE),
        ] {
            let framing = Framing::of_response(
                &method,
                status,
                Version::HTTP_11,
                Noted::default(),
                &mut lines(),
            );
            assert_eq!(framing, Ok(Framing::Length(0)), "{method} {status}");
        }
    }
}
