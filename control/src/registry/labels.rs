//! What a proxy says of itself, as far as tables may ask for it.

use std::{collections::BTreeMap, sync::Arc};

/// The labels of a node: `id`, `cluster`, `zone` and `region` by the fields of xDS, others by the text fields of its
/// metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<Arc<str>, Arc<str>>);

impl Labels {
    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    /// Each with its value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.0.iter()
    }
}

/// Of two values of one label, the later counts: what is fixed by the protocol comes after metadata.
impl<K: Into<Arc<str>>, V: Into<Arc<str>>> FromIterator<(K, V)> for Labels {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(labels: T) -> Self {
        let labels = labels.into_iter();
        let labels = labels.map(|(name, value)| (name.into(), value.into()));
        // An empty field of a message is one that was left out.
        Self(labels.filter(|(_, value)| !value.is_empty()).collect())
    }
}
