//! Cases as they are written in a file.

use std::{fs, path::Path};

use super::{Answer, Case, Step, Wanted, bytes::unescaped};

/// The cases of a file.
pub(super) fn read(path: &Path) -> Vec<Case> {
    let group = path.file_stem().unwrap_or_default().to_string_lossy();
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{group}: {error}"));
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = || format!("{}:{}", path.display(), number + 1);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case {
                group: group.to_string(),
                name: name.to_owned(),
                ..Case::default()
            });
            continue;
        }
        let case = cases.last_mut();
        let case = case.unwrap_or_else(|| panic!("{}: no case yet", place()));
        take(case, line).unwrap_or_else(|error| panic!("{}: {error}: {line}", place()));
    }
    for case in &cases {
        let whole = !case.why.is_empty() && !case.request.is_empty() && !case.steps.is_empty();
        assert!(whole, "{}: incomplete", case.title());
    }
    cases
}

/// Takes up a line of a case.
fn take(case: &mut Case, line: &str) -> Result<(), String> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match (word, rest) {
        ("why", why) => why.clone_into(&mut case.why),
        (">", text) => case.request.extend(unescaped(text)?),
        ("client", "ends") => case.ends = true,
        ("<", text) => answer(case).bytes.extend(unescaped(text)?),
        ("endpoint", "early") => answer(case).early = true,
        ("endpoint", "closes") => answer(case).closes = true,
        ("refused", at) => case.steps.push(Step::Refused(status(at)?)),
        ("answered", at) => case.steps.push(Step::Answered(status(at)?)),
        ("cut", "off") => case.steps.push(Step::CutOff(None)),
        ("cut", at) => case.steps.push(Step::CutOff(Some(status(at)?))),
        ("forwarded", line) => {
            let request = Wanted {
                first: (!line.is_empty()).then(|| line.to_owned()),
                body: Some(Vec::new()),
                ..Wanted::default()
            };
            case.steps.push(Step::Forwarded(request, plain()));
        }
        ("replied", at) => {
            let reply = Wanted {
                first: Some(status(at)?.to_string()),
                ..Wanted::default()
            };
            *last_reply(case) = reply;
        }
        ("broken", at) => {
            let Some(Step::Forwarded(request, _)) = case.steps.pop() else {
                return Err("what is broken off was forwarded".to_owned());
            };
            case.steps.push(Step::BrokenOff(request, status(at)?));
        }
        ("|", text) => demand(request(case)?, text)?,
        ("<|", text) => demand(last_reply(case), text)?,
        _ => return Err("not understood".to_owned()),
    }
    Ok(())
}

fn status(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "a status is a number".to_owned())
}

fn answer(case: &mut Case) -> &mut Answer {
    case.answer.get_or_insert_default()
}

/// What a client gets of an endpoint that was told nothing else.
fn plain() -> Wanted {
    Wanted {
        first: Some("200".to_owned()),
        ..Wanted::default()
    }
}

/// The request that was last said to be forwarded.
fn request(case: &mut Case) -> Result<&mut Wanted, String> {
    match case.steps.last_mut() {
        Some(Step::Forwarded(request, _) | Step::BrokenOff(request, _)) => Ok(request),
        _ => Err("of what was forwarded".to_owned()),
    }
}

/// The reply to it; to one of which nothing else is said.
fn last_reply(case: &mut Case) -> &mut Wanted {
    if !matches!(case.steps.last(), Some(Step::Forwarded(..))) {
        let step = Step::Forwarded(Wanted::default(), plain());
        case.steps.push(step);
    }
    match case.steps.last_mut() {
        Some(Step::Forwarded(_, reply)) => reply,
        _ => unreachable!("just pushed"),
    }
}

/// One thing more that a message has to be like.
fn demand(wanted: &mut Wanted, text: &str) -> Result<(), String> {
    let bytes = |text: &str| unescaped(text);
    let text_of = |text: &str| bytes(text).map(|it| String::from_utf8_lossy(&it).into_owned());
    if let Some(name) = text.strip_prefix("no ") {
        wanted.absent.push(name.to_owned());
    } else if text == "any body" {
        wanted.body = None;
    } else if let Some(body) = text.strip_prefix("body ") {
        wanted.body = Some(bytes(body)?);
    } else if text == "no-trailers" {
        wanted.trailers = Some(Vec::new());
    } else {
        let trailer = text.strip_prefix("trailer ");
        let field = trailer.unwrap_or(text).split_once(':');
        let (name, value) = field.ok_or("no header")?;
        let value = text_of(value.trim())?;
        if trailer.is_some() {
            let trailers = wanted.trailers.get_or_insert_default();
            trailers.push((name.to_owned(), value));
        } else if let Some((_, values)) = wanted.headers.iter_mut().find(|(had, _)| had == name) {
            values.push(value);
        } else {
            wanted.headers.push((name.to_owned(), vec![value]));
        }
    }
    Ok(())
}
