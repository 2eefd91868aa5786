//! `request_headers` and `response_headers`: edits of headers.

use http::{HeaderName, HeaderValue};
use outrigger_config::model::HeaderEdits;
use serde_json::{Value, json};

use crate::{
    Refused,
    pb::envoy::config::core::v3::{
        HeaderValue as WireValue, HeaderValueOption, header_value_option::HeaderAppendAction,
    },
    refused::Within,
    remainder::Keys,
};

/// First what is set, then what is added: in that order they are done.
pub(crate) fn to_wire(edits: &HeaderEdits) -> Vec<HeaderValueOption> {
    let set = edits.set.iter().map(|(name, value)| set(name, value));
    let add = edits
        .add
        .iter()
        .map(|(name, value)| option(name, value, HeaderAppendAction::AppendIfExistsOrAdd));
    set.chain(add).collect()
}

/// A header in place of all that were.
pub(crate) fn set(name: &HeaderName, value: &HeaderValue) -> HeaderValueOption {
    option(name, value, HeaderAppendAction::OverwriteIfExistsOrAdd)
}

fn option(name: &HeaderName, value: &HeaderValue, action: HeaderAppendAction) -> HeaderValueOption {
    let value = value.to_str().unwrap_or_default();
    HeaderValueOption {
        header: Some(WireValue {
            key: name.to_string(),
            // A `%` begins one of Envoy's commands.
            value: value.replace('%', "%%"),
            raw_value: Vec::new(),
        }),
        append_action: action.into(),
        keep_empty_value: true,
        ..HeaderValueOption::default()
    }
}

/// Edits in the words of the file: as many filters as keep the order, since each removes, then sets, then adds.
pub(crate) fn from_wire(
    options: &[HeaderValueOption],
    remove: &[String],
) -> Result<Vec<Keys>, Refused> {
    let mut filters = vec![Edits::default()];
    filters[0].remove = remove.iter().map(|name| json!(name)).collect();
    for (index, option) in options.iter().enumerate() {
        let (name, value, replaces) = edit(option).within(format_args!("[{index}]"))?;
        let last = filters.len() - 1;
        let edits = &filters[last];
        let twice = edits.add.contains_key(&name) || (replaces && edits.set.contains_key(&name));
        if twice {
            filters.push(Edits::default());
        }
        let last = filters.len() - 1;
        let edits = &mut filters[last];
        let list = if replaces {
            &mut edits.set
        } else {
            &mut edits.add
        };
        list.insert(name, value);
    }
    Ok(filters.into_iter().filter_map(Edits::keys).collect())
}

#[derive(Default)]
struct Edits {
    set: Keys,
    add: Keys,
    remove: Vec<Value>,
}

impl Edits {
    fn keys(self) -> Option<Keys> {
        let nothing = self.set.is_empty() && self.add.is_empty() && self.remove.is_empty();
        let pairs = [
            ("set", self.set.into()),
            ("add", self.add.into()),
            ("remove", self.remove.into()),
        ];
        let pairs = pairs.map(|(key, value): (_, Value)| (key.to_owned(), value));
        (!nothing).then(|| pairs.into_iter().collect())
    }
}

/// The name, the value, and whether it replaces what was there.
pub(crate) fn edit(option: &HeaderValueOption) -> Result<(String, Value, bool), Refused> {
    let header = option.header.as_ref();
    let header = header.ok_or_else(|| Refused::new("no header is given"))?;
    let replaces = match (
        HeaderAppendAction::try_from(option.append_action),
        option.append,
    ) {
        (Ok(HeaderAppendAction::AppendIfExistsOrAdd), appended) => {
            appended.is_some_and(|appended| !appended.value)
        }
        (Ok(HeaderAppendAction::OverwriteIfExistsOrAdd), _) => true,
        (Ok(other), _) => {
            let reason = format!("{} is not supported", other.as_str_name());
            return Err(Refused::new(reason)).within("append_action");
        }
        (Err(_), _) => return Err(Refused::new("unknown")).within("append_action"),
    };
    let raw = String::from_utf8_lossy(&header.raw_value);
    let value = if raw.is_empty() {
        &*header.value
    } else {
        &*raw
    };
    let value = plain(value).ok_or_else(|| {
        let reason = "commands between `%` are not supported (`%%` is a percent sign)";
        Refused::new(format!("`{}`: {reason}", header.key))
    })?;
    Ok((header.key.to_lowercase(), json!(value), replaces))
}

/// Text without commands.
fn plain(format: &str) -> Option<String> {
    let rest = format.replace("%%", "");
    (!rest.contains('%')).then(|| format.replace("%%", "%"))
}
