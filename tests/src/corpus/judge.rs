//! What is wrong with what came of a conversation: what its case demands, and what holds for any.

use super::{
    Case, FORBIDDEN, Message, Outcome, SMUGGLED, Step, Wanted,
    bytes::shown,
    stage::{Seen, requests},
};

/// All that is wrong.
pub fn judge(case: &Case, outcome: &Outcome, seen: &[Seen]) -> Vec<String> {
    let mut wrong = Vec::new();
    client(case, outcome, &mut wrong);
    endpoint(case, seen, &mut wrong);
    invariant(case, seen, &mut wrong);
    wrong
}

/// What the client got.
fn client(case: &Case, outcome: &Outcome, wrong: &mut Vec<String>) {
    let mut replies = outcome.replies.iter();
    let mut next = |status: &str, wrong: &mut Vec<String>| match replies.next() {
        Some(reply) if reply.status().to_string() == status => Some(reply),
        Some(reply) => {
            wrong.push(format!("{status} was due, the client got {reply}"));
            None
        }
        None => {
            let rest = shown(&outcome.rest);
            wrong.push(format!("{status} was due, the client got only `{rest}`"));
            None
        }
    };
    let mut broken = None;
    for step in &case.steps {
        match step {
            Step::Refused(status) | Step::Answered(status) | Step::CutOff(Some(status)) => {
                next(&status.to_string(), wrong);
            }
            Step::CutOff(None) => {}
            Step::Forwarded(_, reply) => {
                let status = reply.first.as_deref().unwrap_or("200");
                if let Some(got) = next(status, wrong) {
                    wrong.extend(complaints(reply, got));
                }
            }
            Step::BrokenOff(_, status) => broken = Some(*status),
        }
    }
    wrong.extend(replies.map(|more| format!("the client got one more: {more}")));
    if let Some(fault) = &outcome.fault {
        let rest = shown(&outcome.rest);
        wrong.push(format!("the client got no response, {fault}: {rest}"));
    } else if let Some(status) = broken {
        if !outcome
            .rest
            .starts_with(format!("HTTP/1.1 {status} ").as_bytes())
        {
            let rest = shown(&outcome.rest);
            wrong.push(format!("a part of {status} was due: `{rest}`"));
        }
    } else if !outcome.rest.is_empty() && !case.is_hostile() {
        wrong.push(format!("the client got a part: {}", shown(&outcome.rest)));
    }
    if (case.is_hostile() || broken.is_some()) && !outcome.closed {
        wrong.push("the connection was not closed".to_owned());
    }
    for reply in &outcome.replies {
        if !reply.liberties.is_empty() || shown(&reply.body).contains(SMUGGLED) {
            wrong.push(format!("the client got {reply}"));
        }
    }
}

/// What the endpoint got.
fn endpoint(case: &Case, seen: &[Seen], wrong: &mut Vec<String>) {
    let mut messages = messages(seen);
    for step in &case.steps {
        if let Step::Forwarded(wanted, _) | Step::BrokenOff(wanted, _) = step {
            match messages.next() {
                Some(message) => wrong.extend(complaints(wanted, message)),
                None => wrong.push(format!("the endpoint did not get {wanted:?}")),
            }
        }
    }
    wrong.extend(messages.map(|more| format!("the endpoint got {more}")));
    for seen in seen {
        match seen {
            Seen::Part(part) if !case.may_leave_a_part() => {
                wrong.push(format!("the endpoint got a part: {part}"));
            }
            Seen::Garbage(garbage) => wrong.push(format!("the endpoint got no request: {garbage}")),
            Seen::Part(_) | Seen::Message(_) => {}
        }
    }
}

/// What holds whatever the case says: the endpoint gets well-formed messages that take no liberties, none that the client did
/// not send by the strict reading, and none that hides in another.
fn invariant(case: &Case, seen: &[Seen], wrong: &mut Vec<String>) {
    let mut sent = requests(&case.request).into_iter();
    for seen in seen {
        let Seen::Message(message) = seen else {
            continue;
        };
        if !message.liberties.is_empty() {
            wrong.push(format!("the endpoint got liberties: {message}"));
        }
        let target = message.target();
        if !(target.starts_with('/') || target == "*") || !message.first.ends_with(" HTTP/1.1") {
            wrong.push(format!("the endpoint got `{}`", message.first));
        }
        let below = target.strip_prefix(FORBIDDEN);
        let forbidden = below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        if forbidden || message.first.contains(SMUGGLED) {
            wrong.push(format!("the endpoint got `{}`", message.first));
        }
        let same = |sent: &Message| sent.method() == message.method() && sent.body == message.body;
        // What is passed over is what the proxy has answered itself.
        if !sent.any(|sent| same(&sent)) {
            wrong.push(format!("nobody sent this: {message}"));
        }
    }
}

fn complaints(wanted: &Wanted, got: &Message) -> impl Iterator<Item = String> {
    compare(wanted, got)
        .into_iter()
        .map(move |fault| format!("{fault}, in {got}"))
}

/// In what way `got` is not as wanted, in a few words each.
fn compare(wanted: &Wanted, got: &Message) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(first) = &wanted.first
        && *first != got.first
        && *first != got.status().to_string()
    {
        faults.push(format!("`{}` for `{first}`", got.first));
    }
    for (name, values) in &wanted.headers {
        let there = got.values(name);
        if there.is_empty() {
            faults.push(format!("no `{name}`"));
        } else if there != values.iter().map(String::as_str).collect::<Vec<_>>() {
            let there = shown(there.join("`, `").as_bytes());
            faults.push(format!("`{name}` is `{there}`"));
        }
    }
    for name in &wanted.absent {
        if !got.values(name).is_empty() {
            faults.push(format!("`{name}` is there"));
        }
    }
    if wanted.body.as_ref().is_some_and(|body| *body != got.body) {
        faults.push("another body".to_owned());
    }
    if wanted
        .trailers
        .as_ref()
        .is_some_and(|trailers| *trailers != got.trailers)
    {
        faults.push("other trailers".to_owned());
    }
    faults
}

/// In what way the messages that got through are not as the case has them, in a few words each: what a table shows.
pub fn differences(case: &Case, outcome: &Outcome, seen: &[Seen]) -> Vec<String> {
    let (mut messages, mut replies) = (messages(seen), outcome.replies.iter());
    let mut faults = Vec::new();
    for step in &case.steps {
        match step {
            Step::Forwarded(request, reply) => {
                if let Some(got) = messages.next() {
                    faults.extend(compare(request, got));
                }
                let status = reply.first.as_deref().unwrap_or("200");
                match replies.next() {
                    Some(got) if got.status().to_string() == status => {
                        let of_reply = compare(reply, got);
                        faults.extend(of_reply.iter().map(|fault| format!("the client: {fault}")));
                    }
                    _ => faults.push(format!("not {status}")),
                }
            }
            Step::BrokenOff(..) => {
                let whole = replies.next().is_some();
                faults.extend(whole.then(|| "as if that were all".to_owned()));
            }
            Step::Refused(_) | Step::Answered(_) | Step::CutOff(_) => {
                replies.next();
            }
        }
    }
    faults
}

fn messages(seen: &[Seen]) -> impl Iterator<Item = &Message> {
    seen.iter().filter_map(|seen| match seen {
        Seen::Message(message) => Some(message),
        Seen::Part(_) | Seen::Garbage(_) => None,
    })
}
