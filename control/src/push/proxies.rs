//! Who is connected, what they have, and what they refused.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use crate::metric;

use super::{node::Node, record::Proxy, session::Form};

/// How long a proxy is remembered that is gone: longer than a rollout takes to be noticed.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// How many of those are remembered.
const MOST_GONE: usize = 1000;

/// All of them. A clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Arc<Mutex<Roll>>);

#[derive(Debug, Default)]
struct Roll {
    serial: u64,
    connected: BTreeMap<u64, Arc<Mutex<Proxy>>>,
    /// The last to leave at the end.
    gone: VecDeque<Proxy>,
}

impl Proxies {
    /// Notes that a proxy is there. One of its name that is gone has come back; those that are connected stay, for a gRPC
    /// client may have several streams.
    pub fn enter(&self, node: &Node, form: Form, address: Option<SocketAddr>) -> Entry {
        let proxy = Proxy::new(node, form, address);
        // What a proxy says of itself is logged as text, which is quoted: it must not begin lines of its own.
        tracing::info!(
            proxy = &*proxy.id, address = ?proxy.address, agent = proxy.agent, form = form.as_str(),
            "a proxy connects"
        );
        metrics::gauge!(metric::PROXIES).increment(1);
        let proxy = Arc::new(Mutex::new(proxy));
        let mut roll = lock(&self.0);
        roll.serial += 1;
        let serial = roll.serial;
        roll.gone.retain(|gone| gone.id != node.id);
        roll.connected.insert(serial, Arc::clone(&proxy));
        Entry {
            roll: self.clone(),
            serial,
            proxy,
        }
    }

    /// All that are connected, and those that were until a while ago; by name.
    pub fn list(&self) -> Vec<Proxy> {
        let mut roll = lock(&self.0);
        roll.tidy();
        let mut list: Vec<_> = roll.connected.values().map(|it| lock(it).clone()).collect();
        let back: HashSet<_> = list.iter().map(|it| Arc::clone(&it.id)).collect();
        list.extend(
            roll.gone
                .iter()
                .filter(|it| !back.contains(&it.id))
                .cloned(),
        );
        list.sort_by(|a, b| a.id.cmp(&b.id));
        list
    }
}

impl Roll {
    /// Drops those that are gone for long, or too many.
    fn tidy(&mut self) {
        let now = SystemTime::now();
        while let Some(gone) = self.gone.front()
            && (self.gone.len() > MOST_GONE || gone.gone_for(now) > REMEMBERED)
        {
            self.gone.pop_front();
        }
    }
}

/// One that is connected; it leaves when this is dropped.
#[derive(Debug)]
pub struct Entry {
    roll: Proxies,
    serial: u64,
    proxy: Arc<Mutex<Proxy>>,
}

impl Entry {
    /// What is known of it.
    pub fn proxy(&self) -> MutexGuard<'_, Proxy> {
        lock(&self.proxy)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut proxy = self.proxy().clone();
        let connected = proxy.leave();
        tracing::info!(
            proxy = &*proxy.id, address = ?proxy.address, connected = ?connected, "a proxy is gone"
        );
        metrics::gauge!(metric::PROXIES).decrement(1);
        let mut roll = lock(&self.roll.0);
        roll.connected.remove(&self.serial);
        roll.gone.retain(|gone| gone.id != proxy.id);
        roll.gone.push_back(proxy);
        roll.tidy();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io;

    use outrigger_xds::Kind;

    use super::{super::session::Verdict, *};

    fn node(id: &str) -> Node {
        Node {
            id: id.into(),
            ..Node::default()
        }
    }

    fn shown(proxies: &Proxies) -> Vec<(String, bool)> {
        let list = proxies.list().into_iter();
        list.map(|it| (it.id.to_string(), it.gone.is_none()))
            .collect()
    }

    #[test]
    fn who_comes_back_takes_the_place_of_who_left() {
        let proxies = Proxies::default();
        let first = proxies.enter(&node("a"), Form::Delta, None);
        drop(first);
        assert_eq!(shown(&proxies), [("a".into(), false)]);
        let second = proxies.enter(&node("a"), Form::Delta, None);
        assert_eq!(shown(&proxies), [("a".into(), true)]);
        // The new stream may be there before the old one is known to be dead.
        let third = proxies.enter(&node("a"), Form::Delta, None);
        drop(second);
        assert_eq!(shown(&proxies), [("a".into(), true)]);
        drop(third);
        assert_eq!(shown(&proxies), [("a".into(), false)]);
    }

    /// What is logged meanwhile, as a text log has it.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_proxy_writes_no_lines_of_its_own_into_the_log() {
        let paper = Paper::default();
        let writer = paper.clone();
        let log = tracing_subscriber::fmt().with_ansi(false);
        let log = log.with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(log, || {
            let forged = node("a\nERROR all is \x1b[31mlost\u{85}");
            let entry = Proxies::default().enter(&forged, Form::Delta, None);
            entry
                .proxy()
                .answered(Kind::Cluster, refused(&["web"]), "no\nERROR");
        });
        let text = String::from_utf8(lock(&paper.0).clone()).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
    }

    #[test]
    fn not_all_that_left_are_remembered() {
        let proxies = Proxies::default();
        for id in 0..MOST_GONE + 10 {
            drop(proxies.enter(&node(&id.to_string()), Form::World, None));
        }
        assert_eq!(proxies.list().len(), MOST_GONE);
        assert!(
            !proxies.list().iter().any(|it| &*it.id == "5"),
            "the oldest go first"
        );
    }

    fn accepted(version: &str, names: &[&str]) -> Verdict {
        Verdict::Accepted {
            version: version.into(),
            names: names.iter().map(|name| Arc::from(*name)).collect(),
        }
    }

    fn refused(names: &[&str]) -> Verdict {
        Verdict::Refused {
            version: "2".into(),
            names: names.iter().map(|name| Arc::from(*name)).collect(),
        }
    }

    #[test]
    fn a_refusal_is_kept_beside_what_was_accepted_before() {
        let proxies = Proxies::default();
        let entry = proxies.enter(&node("a"), Form::Delta, None);
        let answered = |verdict, text: &str| entry.proxy().answered(Kind::Cluster, verdict, text);
        answered(accepted("1", &["web"]), "");
        answered(refused(&["web"]), &"x".repeat(10_000));
        let shown = serde_json::json!(proxies.list());
        let cluster = &shown[0]["kinds"]["cluster"];
        assert_eq!(cluster["accepted"]["version"], "1");
        assert_eq!(cluster["refused"]["version"], "2");
        assert_eq!(cluster["refused"]["resources"][0], "web");
        let text = cluster["refused"]["text"].as_str();
        assert_eq!(text.map(str::len), Some(2048));
    }

    #[test]
    fn a_refusal_is_over_when_all_of_it_is_accepted() {
        let proxies = Proxies::default();
        let entry = proxies.enter(&node("a"), Form::Delta, None);
        let answered = |verdict| entry.proxy().answered(Kind::Cluster, verdict, "bad");
        let refusal = || entry.proxy().kinds["cluster"].refused.clone();
        answered(refused(&["api", "web"]));
        answered(accepted("3", &["web", "other"]));
        assert_eq!(refusal().unwrap().resources, ["api".into()]);
        answered(accepted("4", &["api"]));
        assert!(refusal().is_none());
        // Nobody told what it was about.
        answered(refused(&[]));
        answered(accepted("5", &["web"]));
        assert!(refusal().is_none());
    }

    #[test]
    fn who_accepts_everything_refuses_nothing() {
        let proxies = Proxies::default();
        let entry = proxies.enter(&node("a"), Form::World, None);
        entry
            .proxy()
            .answered(Kind::Cluster, refused(&["web"]), "bad");
        // That cluster is gone.
        entry
            .proxy()
            .answered(Kind::Cluster, accepted("3", &[]), "");
        assert!(entry.proxy().kinds["cluster"].refused.is_none());
    }
}
