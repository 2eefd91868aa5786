//! Golden: the rules, as the tools read them.

use clap::Parser;

use super::{iptables::Family, *};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn options(line: &str) -> Options {
    let words = ["init"].into_iter().chain(line.split_whitespace());
    Line::try_parse_from(words).unwrap().options
}

fn nft_of(line: &str) -> String {
    nft::set(&options(line).rules().unwrap())
}

const EVERYTHING: &str = "--inbound-port 4143 --outbound-port 4140 --include-inbound-ports 9000,8080,8081-8090 --exclude-inbound-ports 22,4191 \
    --include-outbound-ports 80,443 --exclude-outbound-ports 3306,3300-3310 --include-outbound-cidrs 10.0.0.0/8,fd00::/8 \
    --exclude-outbound-cidrs 10.0.0.0/16,10.0.1.0/24,10.9.9.9 --proxy-uid 2102 --proxy-gid 2103";

#[test]
fn the_usual_rules_for_nft() {
    insta::assert_snapshot!(nft_of(""));
}

#[test]
fn all_that_may_be_asked_for_for_nft() {
    insta::assert_snapshot!(nft_of(EVERYTHING));
}

#[test]
fn what_comes_in_as_it_is_is_for_nft_alone() {
    insta::assert_snapshot!(nft_of("--inbound-by tproxy"));
    let from_callers = "--inbound-by tproxy --inbound-source caller --with nft --dry-run";
    insta::assert_snapshot!(run(&options(from_callers)).unwrap());
    let refused = run(&options("--inbound-by tproxy --with iptables --dry-run")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`--inbound-by tproxy` is for `nft` alone"
    );
}

#[test]
fn one_direction_alone() {
    insta::assert_snapshot!(format!(
        "{}\n{}",
        nft_of("--outbound-port 0"),
        nft_of("--inbound-port 0")
    ));
}

#[test]
fn the_rules_for_iptables() {
    let of = |line: &str, family| {
        let rules = options(line).rules().unwrap();
        iptables::set(&rules, family, &iptables::JUMPS)
    };
    let [usual, usual6] = Family::ALL.map(|family| of("", family));
    let [everything, everything6] = Family::ALL.map(|family| of(EVERYTHING, family));
    insta::assert_snapshot!(format!("{usual}\n{usual6}\n{everything}\n{everything6}"));
}

#[test]
fn what_is_taken_away() {
    let iptables = iptables::remove(&iptables::JUMPS);
    insta::assert_snapshot!(format!(
        "{}\n{iptables}\n{}",
        nft::remove(),
        iptables::remove(&[])
    ));
}

#[test]
fn what_makes_no_sense_is_said_in_words() {
    for (line, said) in [
        (
            "--inbound-port 0 --outbound-port 0",
            "nothing would be sent anywhere: both ports are 0\nhint: `--remove` takes rules away",
        ),
        (
            "--inbound-source caller",
            "`--inbound-source caller` takes `--inbound-by tproxy`",
        ),
        (
            "--inbound-port 5 --outbound-port 5",
            "`--inbound-port` and `--outbound-port` are the same: these are two listeners",
        ),
    ] {
        assert_eq!(run(&options(line)).unwrap_err().to_string(), said);
    }
}

#[test]
fn a_tool_that_may_not_is_told_apart_from_a_kernel_that_can_not() {
    let refused = |said: &str| {
        let failure = Failure::Refused {
            command: "nft".to_owned(),
            said: said.to_owned(),
        };
        failure.to_string()
    };
    assert!(
        refused("netlink: Error: cache initialization failed: Operation not permitted")
            .contains("CAP_NET_ADMIN")
    );
    assert!(
        refused("Error: Could not process rule: No such file or directory").contains("nft_redir")
    );
    assert!(!refused("Error: syntax error").contains("hint"));
}

mod properties {
    use outrigger_config::Network;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_two_networks_of_a_rule_overlap(list in prop::collection::vec((0u32..1 << 12, 20u8..=32), 0..8)) {
            let cidrs: Vec<_> = list
                .iter()
                .map(|(address, prefix)| format!("{}/{prefix}", std::net::Ipv4Addr::from(address << 4)))
                .collect();
            prop_assume!(!cidrs.is_empty());
            let rules = options(&format!("--exclude-outbound-cidrs {}", cidrs.join(","))).rules().unwrap();
            let kept = rules.exclude_outbound_networks;
            for (index, one) in kept.iter().enumerate() {
                prop_assert!(kept.iter().enumerate().all(|(other, it)| other == index || !it.holds(one)));
            }
            for cidr in &cidrs {
                let network: Network = cidr.parse().unwrap();
                prop_assert!(kept.iter().any(|it| it.holds(&network)), "{} is lost", cidr);
            }
        }
    }
}
