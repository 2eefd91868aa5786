//! What is read again, and what is said of it.

use std::cell::RefCell;

use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::tls::flaw::Kind;

/// Gives a pair that is good from some time on, or none.
#[derive(Clone)]
struct Desk(Rc<RefCell<Option<SystemTime>>>);

impl Source for Desk {
    fn pair(&self, of: &Certificate) -> Result<Pair, Flaw> {
        let Some(begins) = *self.0.borrow() else {
            return Err(Kind::Malformed("gone".to_owned()).of(&of.cert));
        };
        let params = CertificateParams::new(["a.example".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let stem = format!("outrigger-kept-{}", std::process::id());
        let at = |end: &str| std::env::temp_dir().join(format!("{stem}{end}"));
        let files = Certificate {
            cert: at(".crt"),
            key: at(".key"),
        };
        std::fs::write(&files.cert, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        let mut pair = Pair::load(&files).unwrap();
        pair.facts.begins = begins;
        for file in [files.cert, files.key] {
            std::fs::remove_file(file).unwrap();
        }
        Ok(pair)
    }

    fn roots(&self, _of: &[PathBuf]) -> Result<Roots, Flaw> {
        Ok(Arc::new(rustls::RootCertStore::empty()))
    }

    fn revoked(&self, _of: &[PathBuf]) -> Result<Revoked, Flaw> {
        Ok(Arc::new([]))
    }
}

#[test]
fn a_pair_whose_time_has_not_come_is_read_again_until_it_has_and_told_once() {
    let now = SystemTime::now();
    let after = |seconds| now + Duration::from_secs(seconds);
    let desk = Desk(Rc::new(RefCell::new(Some(now))));
    let mut shelf = Shelf::new(Box::new(desk.clone()));
    let mut draft = shelf.begin();
    let files = Certificate {
        cert: "tls.crt".into(),
        key: "tls.key".into(),
    };
    draft.pair(&files).unwrap();
    shelf.end(draft);
    assert_eq!(shelf.refused(), HashSet::new());
    // The authority's clock is ahead.
    *desk.0.borrow_mut() = Some(after(10));
    let changed = HashSet::from([files.cert.clone()]);
    let told = shelf.renew(&changed, now);
    assert!(told[0].1.is_err(), "{told:?}");
    let again = shelf.refused();
    assert_eq!(
        again,
        HashSet::from([files.cert.clone(), files.key.clone()])
    );
    assert!(shelf.renew(&again, after(5)).is_empty(), "said before");
    let told = shelf.renew(&again, after(11));
    assert!(told[0].1.is_ok(), "{told:?}");
    assert_eq!(shelf.refused(), HashSet::new());
    // What is wrong in another way is told.
    *desk.0.borrow_mut() = None;
    assert!(shelf.renew(&changed, after(12))[0].1.is_err());
    assert_eq!(shelf.refused(), again);
}

#[test]
fn what_could_not_be_read_at_first_is_read_again() {
    let desk = Desk(Rc::new(RefCell::new(None)));
    let mut shelf = Shelf::new(Box::new(desk.clone()));
    let files = Certificate {
        cert: "tls.crt".into(),
        key: "tls.key".into(),
    };
    let mut draft = shelf.begin();
    assert!(draft.pair(&files).is_err());
    let read = shelf.end(draft);
    assert_eq!(read.len(), 2, "both are watched as they were before");
    let again = shelf.refused();
    *desk.0.borrow_mut() = Some(SystemTime::now());
    let told = shelf.renew(&again, SystemTime::now());
    assert!(told[0].1.is_ok(), "{told:?}");
}
