//! Which alerts fire, and what of it is still to be told. Each is told when it begins, again after a while, and once when it ends.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::rules::Finding;

/// So long it is tried to tell that an alert has ended.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What tells alerts apart.
type Key = (&'static str, Vec<String>);

/// The alerts, from when their rule begins to hold.
#[derive(Default)]
pub(super) struct Alerts(HashMap<Key, Alert>);

struct Alert {
    finding: Finding,
    /// When the rule began to hold.
    since: Instant,
    /// When it began to fire, as soon as it did.
    began: Option<Timestamp>,
    ended: Option<(Instant, Timestamp)>,
    /// When that it fires was told last.
    told: Option<Instant>,
}

/// What is to be told of an alert.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub finding: Finding,
    pub began: Timestamp,
    /// None while it fires.
    pub ended: Option<Timestamp>,
}

impl Alerts {
    /// Takes over which rules hold now.
    pub(super) fn observe(&mut self, findings: Vec<Finding>, now: Instant, at: Timestamp) {
        let mut holds = std::collections::HashSet::new();
        for finding in findings {
            let key = (finding.rule.name, finding.labels.clone());
            holds.insert(key.clone());
            let wait = finding.rule.wait;
            let new = || Alert { finding: finding.clone(), since: now, began: None, ended: None, told: None };
            let alert = self.0.entry(key).or_insert_with(new);
            alert.finding = finding.clone();
            // That it had ended was not told yet: so it has not.
            alert.ended = None;
            if alert.began.is_none() && now.duration_since(alert.since) >= wait {
                alert.began = Some(at);
            }
        }
        for (_, alert) in self.0.iter_mut().filter(|(key, _)| !holds.contains(*key)) {
            alert.ended.get_or_insert((now, at));
        }
        // Nobody has to hear of the end of what nobody heard of.
        let is_open = |alert: &Alert| alert.ended.is_none_or(|(ended, _)| alert.told.is_some() && now.duration_since(ended) < PATIENCE);
        self.0.retain(|_, alert| is_open(alert));
    }

    /// What is to be told now, `repeat` being the time after which something that still fires is told again.
    pub(super) fn due(&self, now: Instant, repeat: Duration) -> Vec<Notice> {
        let is_due = |alert: &Alert| alert.ended.is_some() || alert.told.is_none_or(|told| now.duration_since(told) >= repeat);
        let notice =
            |alert: &Alert| Some(Notice { finding: alert.finding.clone(), began: alert.began?, ended: alert.ended.map(|(_, at)| at) });
        self.0.values().filter(|alert| is_due(alert)).filter_map(notice).collect()
    }

    /// These have been told.
    pub(super) fn told(&mut self, notices: &[Notice], now: Instant) {
        for notice in notices {
            let key = (notice.finding.rule.name, notice.finding.labels.clone());
            if notice.ended.is_some() {
                self.0.remove(&key);
            } else if let Some(alert) = self.0.get_mut(&key) {
                alert.told = Some(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::rules;

    const REPEAT: Duration = Duration::from_secs(3600);

    struct Clock(Instant, Alerts);

    impl Clock {
        /// What is told at a second, if it is heard.
        fn at(&mut self, second: u64, holds: bool, is_heard: bool) -> Vec<bool> {
            let now = self.0 + Duration::from_secs(second);
            let finding = Finding { rule: &rules::BREAKER_OPEN, labels: vec!["p".into(), "m".into()], value: 2.0 };
            let at = Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
            self.1.observe(if holds { vec![finding] } else { vec![] }, now, at);
            let due = self.1.due(now, REPEAT);
            if is_heard {
                self.1.told(&due, now);
            }
            due.iter().map(|notice| notice.ended.is_none()).collect()
        }
    }

    #[test]
    fn an_alert_fires_once_is_repeated_and_ends_once() {
        let mut clock = Clock(Instant::now(), Alerts::default());
        assert_eq!(clock.at(0, true, true), [false; 0], "it has to hold for a minute");
        assert_eq!(clock.at(59, true, true), [false; 0]);
        assert_eq!(clock.at(60, true, true), [true]);
        assert_eq!(clock.at(75, true, true), [false; 0]);
        assert_eq!(clock.at(3660, true, true), [true], "repeated");
        assert_eq!(clock.at(3675, false, true), [false]);
        assert_eq!(clock.at(3690, false, true), [false; 0]);
        assert_eq!(clock.at(3700, true, true), [false; 0], "the wait begins anew");
        assert_eq!(clock.at(3710, false, true), [false; 0]);
        assert!(clock.1.0.is_empty());
    }

    #[test]
    fn what_is_not_heard_is_told_again_for_a_while() {
        let mut clock = Clock(Instant::now(), Alerts::default());
        clock.at(0, true, true);
        assert_eq!(clock.at(60, true, false), [true]);
        assert_eq!(clock.at(75, true, true), [true]);
        assert_eq!(clock.at(90, false, false), [false]);
        assert_eq!(clock.at(105, true, true), [false; 0], "nobody heard that it ended");
        assert_eq!(clock.at(120, false, false), [false]);
        assert_eq!(clock.at(120 + 3600, false, false), [false; 0]);
        clock.at(4000, true, false);
        assert_eq!(clock.at(4060, true, false), [true]);
        assert_eq!(clock.at(4075, false, false), [false; 0], "nor that it began");
    }
}
