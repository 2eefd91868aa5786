//! Why a resource is not taken, in the one text that goes back to whoever sent it.

use std::fmt::{self, Display};

use outrigger_config::Problems;

use crate::Kind;

/// A resource that is refused: which one, where in it, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    resource: String,
    place: String,
    reason: String,
}

impl Refused {
    /// Of a place that those who called will name.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            resource: String::new(),
            place: String::new(),
            reason: reason.into(),
        }
    }

    /// In the words of the file format, in which the keys of a resource are checked.
    pub(crate) fn by_file(problems: &Problems) -> Self {
        let say = |problem: &outrigger_config::Problem| {
            let place = problem.path();
            let place = match place.is_empty() {
                true => place,
                false => format!("`{place}`: "),
            };
            let asides = [problem.cause(), problem.hint()].into_iter().flatten();
            let asides: String = asides.map(|aside| format!(" ({aside})")).collect();
            format!("{place}{}{asides}", problem.message())
        };
        let reasons: Vec<String> = problems.iter().map(say).collect();
        Self::new(reasons.join("; "))
    }

    /// Says which resource it is.
    pub(crate) fn of(self, kind: Kind, name: &str) -> Self {
        let resource = match name.is_empty() {
            true => kind.as_str().to_owned(),
            false => format!("{} `{name}`", kind.as_str()),
        };
        Self { resource, ..self }
    }
}

/// ``listener `edge`: filter_chains[0].filters[0]: ...``
impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.resource, &self.place] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refused {}

/// Says where in a message something is wrong, from the inside out.
pub(crate) trait Within<T> {
    /// `step` is a field, with its index if it has one.
    fn within(self, step: impl Display) -> Result<T, Refused>;
}

impl<T> Within<T> for Result<T, Refused> {
    fn within(self, step: impl Display) -> Self {
        self.map_err(|refused| {
            let place = match refused.place.is_empty() {
                true => step.to_string(),
                false => format!("{step}.{}", refused.place),
            };
            Refused { place, ..refused }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_resource_the_place_and_the_reason() {
        let refused = Err::<(), _>(Refused::new("unknown filter"))
            .within("filters[0]")
            .within(format_args!("filter_chains[{}]", 1));
        let text = refused.map_err(|refused| refused.of(Kind::Listener, "edge").to_string());
        assert_eq!(
            text,
            Err("listener `edge`: filter_chains[1].filters[0]: unknown filter".to_owned())
        );
    }
}
