//! A reader of messages that knows the grammar of RFC 9112 and forgives nothing. It shares no line with the proxy's: two
//! that were wrong in the same way would agree.

use super::Message;

/// A message and the bytes that it takes; `None`: more has to come; else why these bytes begin none.
pub(super) type Read = Result<Option<(Message, usize)>, String>;

/// How a body ends.
#[derive(Clone, Copy)]
enum Ends {
    After(usize),
    ByChunks,
    WithConnection,
}

/// The request that `bytes` begin with.
pub(super) fn request(bytes: &[u8]) -> Read {
    let mut message = Message::default();
    let mut lines = Lines { bytes, at: 0 };
    while bytes[lines.at..].starts_with(b"\r\n") {
        lines.at += 2;
        message.liberties = vec!["an empty line before it"];
    }
    let Some(first) = lines.next()? else {
        return Ok(None);
    };
    let parts: Vec<&str> = first.split(' ').collect();
    let &[method, target, version] = &parts[..] else {
        return Err(format!("no request line: {first:?}"));
    };
    let visible = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    let sound = is_token(method) && !target.is_empty() && target.bytes().all(visible);
    let old = version == "HTTP/1.0";
    if !sound || !(old || version == "HTTP/1.1") {
        return Err(format!("no request line: {first:?}"));
    }
    message.first = first;
    if !fields(&mut lines, &mut message.headers)? {
        return Ok(None);
    }
    let hosts = message.values("host").len();
    if hosts > 1 || (hosts == 0 && !old) {
        return Err(format!("{hosts} hosts"));
    }
    let ends = match framing(&mut message)? {
        Ends::ByChunks if old => return Err("chunks in HTTP/1.0".to_owned()),
        Ends::WithConnection => Ends::After(0),
        ends => ends,
    };
    body(message, lines, ends, false)
}

/// The response that `bytes` begin with, to a request of this method; `ended`: nothing comes behind them.
pub(super) fn response(bytes: &[u8], method: &str, ended: bool) -> Read {
    let mut message = Message::default();
    let mut lines = Lines { bytes, at: 0 };
    let Some(first) = lines.next()? else {
        return Ok(None);
    };
    let mut parts = first.splitn(3, ' ');
    let known = matches!(parts.next(), Some("HTTP/1.1" | "HTTP/1.0"));
    let digits = |status: &str| status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit());
    if !known || !parts.next().is_some_and(digits) || parts.next().is_none() {
        return Err(format!("no status line: {first:?}"));
    }
    message.first = first;
    if !fields(&mut lines, &mut message.headers)? {
        return Ok(None);
    }
    let status = message.status();
    let tunnel = status == 101 || (method == "CONNECT" && status / 100 == 2);
    let bodiless = status < 200 || status == 204 || status == 304 || method == "HEAD";
    let ends = match bodiless || tunnel {
        true => Ends::After(0),
        false => framing(&mut message)?,
    };
    body(message, lines, ends, ended)
}

/// Lines that end with CR LF, and have neither inside.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Lines<'_> {
    fn next(&mut self) -> Result<Option<String>, String> {
        let rest = &self.bytes[self.at..];
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let line = rest[..end].strip_suffix(b"\r").ok_or("a bare LF")?;
        let allowed = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
        if let Some(odd) = line.iter().find(|byte| !allowed(byte)) {
            return Err(format!("{odd:#x} in a line"));
        }
        self.at += end + 1;
        Ok(Some(String::from_utf8_lossy(line).into_owned()))
    }
}

fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// Lines up to the empty one; false: it has not come.
fn fields(lines: &mut Lines<'_>, fields: &mut Vec<(String, String)>) -> Result<bool, String> {
    while let Some(line) = lines.next()? {
        if line.is_empty() {
            return Ok(true);
        }
        let field = line.split_once(':').filter(|(name, _)| is_token(name));
        let (name, value) = field.ok_or_else(|| format!("no header: {line:?}"))?;
        let value = value.trim_matches([' ', '\t']);
        fields.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    Ok(false)
}

fn framing(message: &mut Message) -> Result<Ends, String> {
    let codings = message.values("transfer-encoding");
    let lengths: Vec<&str> = message.values("content-length");
    let lengths: Vec<&str> = lengths.iter().flat_map(|line| line.split(',')).collect();
    match (&codings[..], &lengths[..]) {
        ([], []) => Ok(Ends::WithConnection),
        ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Ends::ByChunks),
        ([], [first, others @ ..]) => {
            let first = first.trim();
            let digits = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
            let same = others.iter().all(|other| other.trim() == first);
            let length = first.parse().ok().filter(|_| digits && same);
            let length = length.ok_or_else(|| format!("lengths {lengths:?}"))?;
            if !others.is_empty() {
                message.liberties.push("its length more than once");
            }
            Ok(Ends::After(length))
        }
        _ => Err(format!("codings {codings:?} and lengths {lengths:?}")),
    }
}

fn body(mut message: Message, mut lines: Lines<'_>, ends: Ends, ended: bool) -> Read {
    let rest = &lines.bytes[lines.at..];
    let whole = match ends {
        Ends::After(length) if rest.len() < length => false,
        Ends::After(length) => {
            message.body = rest[..length].to_vec();
            lines.at += length;
            true
        }
        Ends::WithConnection => {
            message.body = rest.to_vec();
            lines.at += rest.len();
            ended
        }
        Ends::ByChunks => chunks(&mut message, &mut lines)?,
    };
    Ok(whole.then_some((message, lines.at)))
}

fn chunks(message: &mut Message, lines: &mut Lines<'_>) -> Result<bool, String> {
    loop {
        let Some(line) = lines.next()? else {
            return Ok(false);
        };
        let size = line.split(';').next().unwrap_or_default();
        let size = size.trim_end_matches([' ', '\t']);
        if size != line && message.liberties.is_empty() {
            message.liberties.push("more than the size of a chunk");
        }
        let digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = usize::from_str_radix(size, 16).ok().filter(|_| digits);
        let size = size.ok_or_else(|| format!("no size of a chunk: {line:?}"))?;
        if size == 0 {
            return fields(lines, &mut message.trailers);
        }
        let Some(data) = lines
            .bytes
            .get(lines.at..)
            .and_then(|rest| rest.get(..size))
        else {
            return Ok(false);
        };
        message.body.extend_from_slice(data);
        lines.at += size;
        match lines.bytes[lines.at..].get(..2) {
            Some(b"\r\n") => lines.at += 2,
            Some(_) => return Err("no line end behind a chunk".to_owned()),
            None => return Ok(false),
        }
    }
}
