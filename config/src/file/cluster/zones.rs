//! `zones`: what it means that an endpoint is in the proxy's own zone.

use crate::{
    model::Zones,
    shape::{Shape, choice, word},
};

pub(super) fn zones() -> Shape<Zones> {
    const LOCAL: &str =
        "Requests stay in the proxy's own zone as long as it has its share of the capacity.";
    choice(
        "a rule for zones",
        [
            word("prefer_local", LOCAL, Zones::PreferLocal),
            word("ignore", "Nothing.", Zones::Ignore),
        ],
    )
}
