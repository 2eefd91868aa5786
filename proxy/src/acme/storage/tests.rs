//! Files on a real disk, in a directory of each test's own.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use outrigger_config::{Config, parse};

use super::*;

const HOST: &str = "shop.example.com";

/// A directory that goes with the test.
struct Disk(PathBuf);

impl Disk {
    fn new() -> Self {
        let name = format!("outrigger-acme-{:016x}", fastrand::u64(..));
        Self(std::env::temp_dir().join(name))
    }

    fn table(&self) -> Config {
        let storage = self.0.display();
        let text = format!(
            "acme: {{ terms_agreed: true, storage: {storage} }}\n\
             listeners: [{{ address: '127.0.0.1:443', tls: {{ acme: [{HOST}] }}, routes: [] }}]\n"
        );
        parse("table", &text).unwrap_or_else(|problems| panic!("{problems}"))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the only listener shows.
fn shown(config: &Config) -> Certificate {
    let tls = config.listeners[0].tls.as_ref().unwrap();
    match with_own(tls, config.acme.as_ref()).unwrap() {
        ListenerTls::Own(own) => own.certificates[0].clone(),
        ListenerTls::Mesh(_) => panic!("not of a mesh"),
    }
}

#[test]
fn before_the_first_certificate_something_is_shown_that_nobody_takes_for_one() {
    let disk = Disk::new();
    let table = disk.table();
    let certificate = shown(&table);
    let pair = Pair::load(&certificate).unwrap();
    assert!(pair.facts.names.cover(HOST));
    assert!(held(table.acme.as_ref().unwrap(), HOST).is_none());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&certificate.cert), 0o600);
    assert_eq!(mode(certificate.cert.parent().unwrap()), 0o700);
    let before = fs::read(&certificate.cert).unwrap();
    shown(&table);
    assert_eq!(fs::read(&certificate.cert).unwrap(), before, "it stays");
}

#[test]
fn a_placeholder_that_has_become_too_old_is_made_anew_and_a_broken_file_is_not() {
    let disk = Disk::new();
    let table = disk.table();
    let file = shown(&table).cert;
    let long_ago = SystemTime::now() - Duration::from_secs(90 * 86_400);
    write(&file, placeholder(HOST, long_ago).unwrap().as_bytes()).unwrap();
    let pair = Pair::load(&shown(&table)).unwrap();
    assert!(pair.facts.now(SystemTime::now()).is_ok());
    write(&file, b"whatever").unwrap();
    shown(&table);
    assert_eq!(fs::read(&file).unwrap(), b"whatever");
}

#[test]
fn a_certificate_counts_if_it_is_of_that_host() {
    let disk = Disk::new();
    let table = disk.table();
    let acme = table.acme.as_ref().unwrap();
    for (host, counts) in [(HOST, true), ("www.example.com", false)] {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([host.to_owned()]).unwrap();
        let pem = params.self_signed(&key).unwrap().pem() + &key.serialize_pem();
        write(&acme.certificate(HOST).cert, pem.as_bytes()).unwrap();
        assert_eq!(held(acme, HOST).is_some(), counts, "{host}");
    }
}

#[test]
fn one_process_at_a_time_gets_certificates() {
    let disk = Disk::new();
    let table = disk.table();
    shown(&table);
    let acme = table.acme.as_ref().unwrap();
    let first = lock(acme).unwrap();
    assert!(matches!(lock(acme), Err(Failure::Busy)));
    drop(first);
    assert!(lock(acme).is_ok());
    let path = account(acme);
    let name = path.file_name().unwrap().to_string_lossy();
    assert_eq!(name, "acme-v02.api.letsencrypt.org-directory.json");
}
