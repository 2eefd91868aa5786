//! Edits of headers. They come typed from the configuration, so that there is nothing to compile.

use http::HeaderMap;
use outrigger_config::model::HeaderEdits;

/// Removes, sets and adds, in this order.
pub fn headers(headers: &mut HeaderMap, edits: &HeaderEdits) {
    for name in &edits.remove {
        headers.remove(name);
    }
    for (name, value) in &edits.set {
        headers.insert(name, value.clone());
    }
    for (name, value) in &edits.add {
        headers.append(name, value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[test]
    fn edits_remove_then_set_then_add() {
        let name = HeaderName::from_static;
        let value = HeaderValue::from_static;
        let mut map = HeaderMap::new();
        for (key, text) in [("x-a", "1"), ("x-a", "2"), ("x-b", "1"), ("x-c", "1")] {
            map.append(name(key), value(text));
        }
        let edits = HeaderEdits {
            remove: vec![name("x-a"), name("x-b")],
            set: vec![(name("x-b"), value("2")), (name("x-c"), value("2"))],
            add: vec![(name("x-b"), value("3")), (name("x-d"), value("4"))],
        };
        headers(&mut map, &edits);
        let left: Vec<_> = map
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_bytes()))
            .collect();
        assert_eq!(map.get_all("x-b").iter().collect::<Vec<_>>(), ["2", "3"]);
        assert_eq!(
            (map.len(), &map["x-c"], &map["x-d"]),
            (4, &value("2"), &value("4")),
            "{left:?}"
        );
    }
}
