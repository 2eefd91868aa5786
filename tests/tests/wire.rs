//! Routes on the wire, over random tables and requests of a tiny alphabet, so that routes collide in every way.

mod envoy;
mod foreign;
mod ours;

use http::{Request, request::Parts};

const HOSTS: [&str; 4] = ["a.example", "b.a.example", "*.example", "*.a.example"];
const ASKED: [&str; 5] = [
    "a.example:80",
    "b.a.example",
    "c.b.a.example",
    "x.example",
    "other",
];
const PATHS: [&str; 6] = ["/", "/v2", "/v2/x", "/v23", "/v2/x/y", "/z"];
const REGEXES: [&str; 3] = ["/v2.*", "/(v2|z)", ".*x.*"];
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];

fn request(rng: &mut fastrand::Rng) -> Parts {
    let query = ["", "?q=1", "?q=2&q=1"][rng.usize(..3)];
    let target = format!("{}{query}", PATHS[rng.usize(..PATHS.len())]);
    let mut request = Request::builder()
        .method(METHODS[rng.usize(..METHODS.len())])
        .uri(target)
        .header("host", ASKED[rng.usize(..ASKED.len())]);
    if rng.bool() {
        request = request.header("x-a", rng.u8(1..4).to_string());
    }
    request.body(()).unwrap().into_parts().0
}

fn seeded() -> fastrand::Rng {
    let seed = std::env::var("OUTRIGGER_TESTS_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("OUTRIGGER_TESTS_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}
