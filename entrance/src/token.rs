//! Tokens: what a caller shows who has no certificate. They live in files, and are compared in constant time.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{Digest, SHA256, digest},
};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use super::{
    Mistake,
    files::{Stamp, read, stamp, wrong},
};

/// What is shorter can be guessed; 16 characters of hexadecimal digits are 64 bits.
const SHORTEST: usize = 16;

/// The tokens of a file, one a line: with the old and the new one in it, nobody is locked out while they are changed.
///
/// Only their hashes are kept. A file that can't be read any more lets nobody in: who takes a token away means it.
pub(crate) struct Tokens {
    path: PathBuf,
    known: Mutex<(Stamp, Vec<Digest>)>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.path.display())
    }
}

impl Tokens {
    pub(crate) fn open(path: PathBuf) -> Result<Self, Mistake> {
        let seen = stamp(&path);
        let hashes = tokens(&path)?.iter().map(hash).collect();
        Ok(Self {
            path,
            known: Mutex::new((seen, hashes)),
        })
    }

    /// Whether this is one of them.
    pub(crate) fn know(&self, shown: &Digest) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = stamp(&self.path);
        if seen.is_none() || seen != known.0 {
            let hashes = match tokens(&self.path) {
                Ok(tokens) => tokens.iter().map(hash).collect(),
                Err(mistake) => {
                    tracing::warn!("no token is known any more: {mistake}");
                    Vec::new()
                }
            };
            *known = (seen, hashes);
        }
        // All of them, whichever it is: how long it takes says nothing.
        known.1.iter().fold(false, |equal, known| {
            equal | verify_slices_are_equal(known.as_ref(), shown.as_ref()).is_ok()
        })
    }
}

fn hash(token: impl AsRef<[u8]>) -> Digest {
    digest(&SHA256, token.as_ref())
}

/// The hash of what stands after `Bearer` (RFC 6750, 2.1), if it is shown once.
pub(crate) fn shown(headers: &HeaderMap) -> Option<Digest> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| hash(token.trim_ascii()))
}

/// What is in a file of tokens. Its mistakes name a line at most.
fn tokens(path: &Path) -> Result<Vec<String>, Mistake> {
    let text = String::from_utf8(read(path)?);
    let text = text.map_err(|_| wrong(path, "it is no text"))?;
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let token = line.trim();
        let line = index + 1;
        match token {
            "" => {}
            _ if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                let cause = format!("line {line} is no token: it has blanks or other signs in it");
                return Err(wrong(path, cause));
            }
            _ if token.len() < SHORTEST => {
                return Err(wrong(
                    path,
                    format!(
                        "the token in line {line} has fewer than {SHORTEST} characters\n\
                         hint: `openssl rand -hex 32` makes one that nobody guesses"
                    ),
                ));
            }
            _ => tokens.push(token.to_owned()),
        }
    }
    match tokens.is_empty() {
        true => Err(wrong(
            path,
            "there is no token in it\nhint: `openssl rand -hex 32` makes one",
        )),
        false => Ok(tokens),
    }
}

/// A token to be shown to others: the first of its file, as it is at the moment.
#[derive(Clone, Debug)]
pub struct Token(PathBuf);

impl Token {
    /// Of this file.
    pub fn of(path: PathBuf) -> Self {
        Self(path)
    }

    /// As the value of `authorization`, which no log shows.
    ///
    /// # Errors
    /// When the file has none.
    pub fn header(&self) -> Result<HeaderValue, Mistake> {
        let tokens = tokens(&self.0)?;
        let token = tokens.first().map(String::as_str).unwrap_or_default();
        let value = HeaderValue::try_from(format!("Bearer {token}"));
        let mut value = value.map_err(|_| wrong(&self.0, "it is no token"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    const ONE: &str = "0123456789abcdef";
    const OTHER: &str = "fedcba9876543210";

    fn headers(values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| value.parse().unwrap());
        values.map(|value| (AUTHORIZATION, value)).collect()
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, text).unwrap();
        (directory, path)
    }

    #[test]
    fn a_token_is_known_whole_and_alone() {
        let (_directory, path) = file(&format!("{ONE}\n{OTHER}\n"));
        let tokens = Tokens::open(path).unwrap();
        let know = |values: &[&str]| shown(&headers(values)).map(|it| tokens.know(&it));
        assert_eq!(know(&[&format!("Bearer {ONE}")]), Some(true));
        assert_eq!(know(&[&format!("bearer  {OTHER}")]), Some(true));
        assert_eq!(know(&[&format!("Bearer {ONE}0")]), Some(false));
        assert_eq!(know(&[&format!("Bearer {}", &ONE[1..])]), Some(false));
        assert_eq!(know(&["Bearer "]), Some(false));
        assert_eq!(know(&[&format!("Basic {ONE}")]), None);
        assert_eq!(know(&[ONE]), None);
        assert_eq!(know(&[]), None);
        let twice = format!("Bearer {ONE}");
        assert_eq!(know(&[&twice, &twice]), None);
    }

    #[test]
    fn a_file_that_changes_is_read_again_and_one_that_goes_lets_nobody_in() {
        let (_directory, path) = file(ONE);
        let tokens = Tokens::open(path.clone()).unwrap();
        let know = |token: &str| tokens.know(&hash(token));
        assert_eq!((know(ONE), know(OTHER)), (true, false));
        let new = path.with_extension("new");
        fs::write(&new, OTHER).unwrap();
        fs::rename(new, &path).unwrap();
        assert_eq!((know(ONE), know(OTHER)), (false, true));
        fs::remove_file(&path).unwrap();
        assert!(!know(OTHER));
        fs::write(&path, ONE).unwrap();
        assert!(know(ONE));
    }

    #[test]
    fn no_message_says_what_is_in_the_file() {
        for text in ["", "\n\n", "short-secret", "a secret with blanks in it"] {
            let (_directory, path) = file(text);
            let error = Tokens::open(path.clone()).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
            let error = Token::of(path).header().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let (_directory, path) = file(ONE);
        let shown = format!("{:?}", Tokens::open(path.clone()).unwrap());
        assert!(!shown.contains(ONE));
        assert_eq!(
            format!("{:?}", Token::of(path).header().unwrap()),
            "Sensitive"
        );
    }
}
