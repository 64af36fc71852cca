//! Many threads and the real clock.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

const THREADS: usize = 16;
const TRIES: u64 = 1_000_000;

#[test]
fn what_is_admitted_is_exact() {
    let (burst, rate) = (500, 20_000);
    let requests = vec![RateSettings { burst: Some(burst), ..RateSettings::new(rate, SECOND) }];
    let (limiter, start) = limiter(LimiterSettings { requests, concurrency: Some(Concurrency::Fixed(7)), ..LimiterSettings::default() });
    let admitted = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..TRIES {
                    let Ok(grant) = limiter.admit(Instant::now(), 1) else { continue };
                    assert!(limiter.in_flight() <= 7);
                    admitted.fetch_add(1, Ordering::Relaxed);
                    drop(grant);
                }
            });
        }
    });
    let elapsed = start.elapsed().as_nanos();
    let most = u128::from(burst) + elapsed * u128::from(rate) / 1_000_000_000;
    let admitted = u128::from(admitted.into_inner());
    assert!(admitted <= most, "{admitted} of {most}");
    assert!(admitted >= u128::from(burst), "{admitted}");
    assert_eq!(limiter.in_flight(), 0);
}

#[test]
fn a_window_that_does_not_move_admits_exactly_its_amount() {
    let day = 24 * 60 * MINUTE;
    for algorithm in [Algorithm::TokenBucket, Algorithm::SlidingWindow, Algorithm::FixedWindow { boundary: Instant::now() }] {
        let tokens = vec![RateSettings { algorithm, ..RateSettings::new(10_000, day) }];
        let (limiter, now) = limiter(LimiterSettings { tokens, ..LimiterSettings::default() });
        let used = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (limiter, used) = (&limiter, &used);
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(thread as u64);
                    for _ in 0..TRIES / 10 {
                        let Ok(grant) = limiter.admit(now, 3) else { continue };
                        match random.u8(0..4) {
                            0 => grant.rollback(now),
                            1 => {
                                used.fetch_add(1, Ordering::Relaxed);
                                grant.settle(now, 1);
                            }
                            _ => {
                                used.fetch_add(3, Ordering::Relaxed);
                                drop(grant);
                            }
                        }
                    }
                });
            }
        });
        // As much as fits, but for a last try of 3 that did not.
        let used = used.into_inner();
        assert!((9_998..=10_000).contains(&used), "{used} with {algorithm:?}");
        assert_eq!(left_tokens(&limiter, now), 10_000 - used);
    }
}

fn left_tokens(limiter: &Limiter, now: Instant) -> u64 {
    limiter.view(now).tokens[0].remaining
}
