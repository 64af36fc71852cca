//! The law against a simulated vendor, in simulated time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;

use super::*;

/// What a vendor does with a request too many.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Vendor {
    /// Answers 429 at once.
    Refuses,
    /// Lets it wait.
    Queues,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    FirstToken { sent: u64 },
    Done,
    Refused,
}

/// A vendor that works on `capacity` requests at once, and clients that always have another request. Times in milliseconds.
struct Simulation {
    limit: Adaptive,
    start: Instant,
    vendor: Vendor,
    capacity: u32,
    /// The first token of a request that does not wait.
    first_token: Range<u64>,
    now: u64,
    in_flight: u32,
    /// Being worked on.
    busy: u32,
    /// When the waiting requests were sent.
    waiting: VecDeque<u64>,
    events: BinaryHeap<Reverse<(u64, Event)>>,
    random: fastrand::Rng,
}

impl Simulation {
    fn new(vendor: Vendor, capacity: u32, settings: AdaptiveSettings, seed: u64) -> Self {
        let start = Instant::now();
        Self {
            limit: Adaptive::new(settings, start),
            start,
            vendor,
            capacity,
            first_token: 200..400,
            now: 0,
            in_flight: 0,
            busy: 0,
            waiting: VecDeque::new(),
            events: BinaryHeap::new(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Runs for so many seconds, and shows the limit after each tenth of one.
    fn run(&mut self, seconds: u64, mut see: impl FnMut(u64, u32)) {
        for tenth in 1..=seconds * 10 {
            let until = self.now + 100;
            loop {
                self.send();
                match self.events.peek() {
                    Some(Reverse((at, _))) if *at <= until => self.step(),
                    _ => break,
                }
            }
            self.now = until;
            see(tenth, self.limit.limit());
        }
    }

    fn send(&mut self) {
        while self.in_flight < self.limit.limit() {
            self.in_flight += 1;
            if self.busy < self.capacity {
                self.work(self.now);
            } else if self.vendor == Vendor::Refuses {
                self.after(20, Event::Refused);
            } else {
                self.waiting.push_back(self.now);
            }
        }
    }

    fn work(&mut self, sent: u64) {
        self.busy += 1;
        let first = self.random.u64(self.first_token.clone());
        let whole = first + self.random.u64(500..2_500);
        self.after(first, Event::FirstToken { sent });
        self.after(whole, Event::Done);
    }

    fn after(&mut self, millis: u64, event: Event) {
        self.events.push(Reverse((self.now + millis, event)));
    }

    fn step(&mut self) {
        let Some(Reverse((at, event))) = self.events.pop() else { return };
        self.now = at;
        let now = self.start + Duration::from_millis(at);
        match event {
            Event::FirstToken { sent } => self.limit.first_token(now, self.in_flight, Duration::from_millis(at - sent)),
            Event::Refused => {
                self.limit.dropped(now);
                self.in_flight -= 1;
            }
            Event::Done => {
                self.in_flight -= 1;
                self.busy -= 1;
                if self.busy < self.capacity
                    && let Some(sent) = self.waiting.pop_front()
                {
                    self.work(sent);
                }
            }
        }
    }

    /// Everything under way is refused at once.
    fn burst_of_refusals(&mut self) {
        let now = self.start + Duration::from_millis(self.now);
        for _ in 0..self.in_flight {
            self.limit.dropped(now);
        }
        (self.in_flight, self.busy) = (0, 0);
        self.waiting.clear();
        self.events.clear();
    }

    /// Has another capacity for so many seconds. Once `settled` have passed the limit is within the corridor, in hundredths of
    /// the capacity.
    fn assert_follows(&mut self, capacity: u32, settled: u64, seconds: u64, corridor: Range<u32>) {
        self.capacity = capacity;
        let mut out = Vec::new();
        self.run(seconds, |tenth, limit| {
            if tenth >= settled * 10 && !corridor.contains(&(limit * 100 / capacity)) {
                out.push((tenth, limit));
            }
        });
        assert_eq!(out, [], "of {capacity}, {:?}", self.vendor);
    }
}

fn settings(algorithm: AdaptiveAlgorithm) -> AdaptiveSettings {
    AdaptiveSettings { algorithm, ..AdaptiveSettings::new(400) }
}

#[test]
fn aimd_follows_a_vendor_that_refuses() {
    for seed in 0..20 {
        let mut simulation = Simulation::new(Vendor::Refuses, 100, settings(AdaptiveAlgorithm::Aimd), seed);
        simulation.assert_follows(100, 30, 60, 75..126);
        simulation.assert_follows(20, 10, 60, 75..126);
        simulation.assert_follows(100, 30, 60, 75..126);
    }
}

/// Here the sign is time alone: the limit stops where the queue is as long as a first token usually takes. A queue that is there
/// must drain first, and shows with its own delay.
#[test]
fn aimd_follows_a_vendor_that_queues() {
    for seed in 0..20 {
        let mut simulation = Simulation::new(Vendor::Queues, 100, settings(AdaptiveAlgorithm::Aimd), seed);
        simulation.assert_follows(100, 30, 60, 75..151);
        simulation.assert_follows(20, 90, 150, 75..176);
        simulation.assert_follows(100, 30, 60, 75..151);
    }
}

/// It grows by less than one in a window.
#[test]
fn gradient2_follows_slowly() {
    for seed in 0..3 {
        let mut simulation = Simulation::new(Vendor::Refuses, 100, settings(AdaptiveAlgorithm::Gradient2), seed);
        simulation.assert_follows(100, 200, 300, 75..126);
        simulation.assert_follows(20, 15, 60, 75..126);
        simulation.assert_follows(100, 200, 300, 75..126);
        let mut simulation = Simulation::new(Vendor::Queues, 100, settings(AdaptiveAlgorithm::Gradient2), seed);
        simulation.assert_follows(100, 200, 300, 75..151);
        simulation.assert_follows(20, 120, 200, 75..176);
        simulation.assert_follows(100, 200, 300, 75..151);
    }
}

#[test]
fn a_burst_of_refusals_does_not_collapse_the_limit() {
    for algorithm in [AdaptiveAlgorithm::Aimd, AdaptiveAlgorithm::Gradient2] {
        let mut simulation = Simulation::new(Vendor::Refuses, 100, settings(algorithm), 3);
        simulation.run(300, |_, _| {});
        let before = simulation.limit.limit();
        simulation.burst_of_refusals();
        simulation.run(30, |_, limit| assert!(limit >= before * 8 / 10, "{before} to {limit} with {algorithm:?}"));
    }
}

/// Longer prompts: every first token takes five times as long, and fewer requests would not help.
#[test]
fn other_requests_do_not_collapse_the_limit() {
    for seed in 0..20 {
        let mut simulation = Simulation::new(Vendor::Refuses, 100, settings(AdaptiveAlgorithm::Aimd), seed);
        simulation.run(60, |_, _| {});
        simulation.first_token = 1_000..2_000;
        simulation.run(60, |_, limit| assert!(limit >= 35, "{limit}"));
        simulation.assert_follows(100, 0, 60, 75..126);
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);

fn aimd(initial: u32, max: u32) -> (Adaptive, Instant) {
    let now = Instant::now();
    (Adaptive::new(AdaptiveSettings { initial, ..AdaptiveSettings::new(max) }, now), now)
}

#[test]
fn one_decrease_in_a_second_or_the_time_of_a_first_token() {
    let (mut limit, start) = aimd(100, 100);
    for milli in 0..1_000 {
        limit.dropped(start + MILLISECOND * milli);
    }
    assert_eq!(limit.limit(), 90);
    // More drops than answers: a steep one.
    limit.dropped(start + MILLISECOND * 1_000);
    assert_eq!(limit.limit(), 72);
    for _ in 0..10 {
        limit.first_token(start + MILLISECOND * 1_500, 1, 5_000 * MILLISECOND);
    }
    limit.dropped(start + MILLISECOND * 2_000);
    assert_eq!(limit.limit(), 64);
    limit.dropped(start + MILLISECOND * 6_999);
    assert_eq!(limit.limit(), 64);
    limit.dropped(start + MILLISECOND * 7_000);
    assert!(limit.limit() < 64);
}

#[test]
fn grows_by_a_tenth_in_a_round_if_half_of_it_is_used_and_nothing_drops() {
    let (mut limit, start) = aimd(20, 100);
    let tokens = |limit: &mut Adaptive, at: u32, in_flight: u32| {
        for _ in 0..50 {
            limit.first_token(start + MILLISECOND * at, in_flight, MILLISECOND);
        }
        limit.limit()
    };
    assert_eq!(tokens(&mut limit, 0, 9), 20);
    assert_eq!(tokens(&mut limit, 0, 10), 21);
    assert_eq!(tokens(&mut limit, 0, 11), 22);
    assert_eq!(tokens(&mut limit, 999, 22), 22);
    assert_eq!(tokens(&mut limit, 1_000, 22), 24);
    limit.dropped(start + MILLISECOND * 1_500);
    assert_eq!(tokens(&mut limit, 2_499, 22), 21);
    assert_eq!(tokens(&mut limit, 2_500, 22), 23);
}

#[test]
fn slow_first_tokens_count_if_half_of_it_is_used() {
    for (in_flight, limited) in [(40, false), (50, true)] {
        let (mut limit, start) = aimd(100, 100);
        for round in 0..4 {
            let time = if round < 2 { 100 } else { 250 };
            for _ in 0..20 {
                limit.first_token(start + MILLISECOND * 1_000 * round, in_flight, MILLISECOND * time);
            }
        }
        assert_eq!(limit.limit() < 100, limited, "with {in_flight}");
    }
}

#[test]
fn a_vendor_in_the_same_house_is_not_slow_for_a_millisecond() {
    let (mut limit, start) = aimd(100, 100);
    for round in 0..20 {
        for _ in 0..20 {
            limit.first_token(start + Duration::from_secs(1) * round, 100, Duration::from_micros(50) * round * round);
        }
    }
    assert_eq!(limit.limit(), 100);
    limit.first_token(start, 100, Duration::MAX);
}

#[test]
fn stays_within_its_bounds() {
    for algorithm in [AdaptiveAlgorithm::Aimd, AdaptiveAlgorithm::Gradient2] {
        let start = Instant::now();
        let mut limit = Adaptive::new(AdaptiveSettings { initial: 8, min: 3, max: 9, algorithm }, start);
        for second in 0..100 {
            limit.dropped(start + Duration::from_secs(second));
        }
        assert_eq!(limit.limit(), 3);
        for milli in 0..200_000 {
            limit.first_token(start + Duration::from_secs(100) + MILLISECOND * milli, 9, MILLISECOND);
        }
        assert_eq!(limit.limit(), 9);
    }
    let none = AdaptiveSettings { initial: 0, min: 0, max: 0, algorithm: AdaptiveAlgorithm::Aimd };
    assert_eq!(Adaptive::new(none, Instant::now()).limit(), 1);
}

#[test]
fn keeps_its_height_when_reconfigured() {
    let (mut limit, start) = aimd(50, 100);
    limit.dropped(start);
    for max in [100, 80, 45] {
        let initial = max;
        limit.reconfigure(start, AdaptiveSettings { initial, ..AdaptiveSettings::new(max) });
        assert_eq!(limit.limit(), 45);
    }
    limit.reconfigure(start, AdaptiveSettings { algorithm: AdaptiveAlgorithm::Gradient2, ..AdaptiveSettings::new(100) });
    assert_eq!(limit.limit(), 45);
    limit.reconfigure(start, AdaptiveSettings::new(30));
    assert_eq!(limit.limit(), 30);
}
