//! Makes addresses wait from which too many wrong tokens have come.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A wrong token is forgotten after so long.
const FORGIVEN: Duration = Duration::from_secs(12);
/// So many may come at once.
const BURST: u32 = 5;
/// More addresses are not told apart.
const MOST: usize = 10_000;

/// Wrong tokens of each address.
#[derive(Default)]
pub(super) struct Throttle(Mutex<HashMap<Network, Instant>>);

/// Whom attempts are counted for. Of IPv6 a user has a whole network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    Address(IpAddr),
    /// All beyond [`MOST`].
    Others,
}

impl Throttle {
    /// How long this address has to wait before its next attempt.
    pub(super) fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let all = self.0.lock();
        let debt = all.get(&network(address)).or_else(|| if all.len() >= MOST { all.get(&Network::Others) } else { None })?;
        let wait = debt.saturating_duration_since(now).saturating_sub(FORGIVEN * (BURST - 1));
        (!wait.is_zero()).then_some(wait)
    }

    /// A wrong token has come from this address.
    pub(super) fn failed(&self, address: IpAddr, now: Instant) {
        let mut all = self.0.lock();
        if all.len() >= MOST {
            all.retain(|_, debt| *debt > now);
        }
        let mut network = network(address);
        if all.len() >= MOST && !all.contains_key(&network) {
            network = Network::Others;
        }
        // When all of its wrong tokens will be forgotten.
        let debt = all.entry(network).or_insert(now);
        *debt = (*debt).max(now) + FORGIVEN;
    }
}

fn network(address: IpAddr) -> Network {
    Network::Address(match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn five_wrong_tokens_are_free_and_then_five_a_minute() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for _ in 0..BURST {
            assert_eq!(throttle.wait(ip("10.0.0.1"), start), None);
            throttle.failed(ip("10.0.0.1"), start);
        }
        assert_eq!(throttle.wait(ip("10.0.0.1"), start), Some(FORGIVEN));
        assert_eq!(throttle.wait(ip("10.0.0.2"), start), None);
        let later = start + FORGIVEN;
        assert_eq!(throttle.wait(ip("10.0.0.1"), later), None);
        throttle.failed(ip("10.0.0.1"), later);
        assert_eq!(throttle.wait(ip("10.0.0.1"), later), Some(FORGIVEN));
        let much_later = later + FORGIVEN * 20;
        assert_eq!(throttle.wait(ip("10.0.0.1"), much_later), None);
        throttle.failed(ip("10.0.0.1"), much_later);
        assert_eq!(throttle.wait(ip("10.0.0.1"), much_later), None, "the time without failures gives no more than the burst");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..BURST {
            throttle.failed(ip(&format!("2001:db8:0:1::{number:x}")), now);
        }
        assert!(throttle.wait(ip("2001:db8:0:1:ffff::1"), now).is_some());
        assert!(throttle.wait(ip("2001:db8:0:2::1"), now).is_none());
        for _ in 0..BURST {
            throttle.failed(ip("::ffff:10.0.0.1"), now);
        }
        assert!(throttle.wait(ip("10.0.0.1"), now).is_some());
    }

    #[test]
    fn memory_is_bounded_and_those_beyond_share_one_account() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..u32::try_from(MOST).unwrap() + BURST {
            throttle.failed(IpAddr::from(number.to_be_bytes()), now);
        }
        assert!(throttle.0.lock().len() <= MOST + 1);
        assert!(throttle.wait(ip("203.0.113.1"), now).is_some());
        throttle.failed(ip("203.0.113.1"), now + FORGIVEN * 100);
        assert!(throttle.0.lock().len() <= 2);
    }
}
