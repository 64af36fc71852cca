//! How much counters have grown in a window of time.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// The label values of a series.
pub(super) type Series = Vec<String>;

/// A window is as long as it says, and up to a tenth of it longer.
const MARKS: u32 = 10;

/// Remembers what counters said a window ago.
pub(super) struct History {
    window: Duration,
    marks: VecDeque<(Instant, HashMap<Series, f64>)>,
}

impl History {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, marks: VecDeque::new() }
    }

    /// What the counters have grown by. At the first look nothing has; a series that is new since then began at 0.
    pub(super) fn growth(&mut self, now: Instant, values: HashMap<Series, f64>) -> HashMap<Series, f64> {
        while self.marks.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= self.window) {
            self.marks.pop_front();
        }
        let grown = match self.marks.front() {
            None => HashMap::new(),
            Some((_, base)) => {
                let grown = |(series, value): (&Series, &f64)| (series.clone(), (value - base.get(series).unwrap_or(&0.0)).max(0.0));
                values.iter().map(grown).collect()
            }
        };
        if self.marks.back().is_none_or(|(at, _)| now.duration_since(*at) >= self.window / MARKS) {
            self.marks.push_back((now, values));
        }
        grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_that_of_the_window() {
        let start = Instant::now();
        let mut history = History::new(Duration::from_secs(100));
        let mut look = |second: u64, pairs: &[(&str, f64)]| {
            let values = pairs.iter().map(|(name, value)| (vec![(*name).to_owned()], *value)).collect();
            let grown = history.growth(start + Duration::from_secs(second), values);
            let mut grown: Vec<_> = grown.into_iter().map(|(series, by)| (series[0].clone(), by)).collect();
            grown.sort_by(|a, b| a.0.cmp(&b.0));
            (grown, history.marks.len())
        };
        assert_eq!(look(0, &[("a", 5.0)]).0, []);
        assert_eq!(look(1, &[("a", 7.0), ("b", 3.0)]).0, [("a".to_owned(), 2.0), ("b".to_owned(), 3.0)]);
        for second in 2..100 {
            assert_eq!(look(second, &[("a", 7.0)]).0, [("a".to_owned(), 2.0)]);
        }
        assert_eq!(look(115, &[("a", 7.0)]).0, [("a".to_owned(), 0.0)], "forgotten after the window");
        for second in 116..1000 {
            assert!(look(second, &[("a", 7.0)]).1 <= 12, "no more than so many marks are kept");
        }
    }
}
