//! Requests that wait. Time is the real one, and each test's outcome is the same however long it takes.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_util::future::{Either, join, join_all, select};

use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);
const NEVER: Duration = Duration::from_secs(3_600);

/// One request at once, and room for ten that wait.
fn single() -> LimiterSettings {
    LimiterSettings {
        concurrency: Some(Concurrency::Fixed(1)),
        queue: Some(QueueSettings { size: 10, max_wait: NEVER }),
        ..LimiterSettings::default()
    }
}

fn far() -> Instant {
    Instant::now() + NEVER
}

/// A hanging test is a failed one.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(20 * SECOND, future).await.expect("it is answered")
}

/// Polls once.
fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn what_a_request_holds_may_change_threads() {
    fn is_send<T: Send>(_: &T) {}
    let (limiter, now) = limiter(single());
    is_send(&limiter.acquire("a", 0, now));
    is_send(&limiter.admit(now, 0));
}

#[tokio::test]
async fn a_request_waits_for_one_that_ends() {
    let (limiter, now) = limiter(single());
    let grant = soon(limiter.acquire("a", 0, far())).await.unwrap();
    let mut waiting = pin!(limiter.acquire("a", 0, far()));
    assert!(poll(waiting.as_mut()).is_pending());
    assert_eq!(limiter.view(now).queued, 1);
    drop(grant);
    let grant = soon(waiting).await.unwrap();
    assert_eq!((limiter.view(now).queued, limiter.in_flight()), (0, 1));
    drop(grant);
    assert_eq!(limiter.in_flight(), 0);
}

#[tokio::test]
async fn a_request_waits_for_a_rate_to_give_room() {
    let requests = vec![RateSettings { burst: Some(1), ..RateSettings::new(100, SECOND) }];
    let (limiter, start) = limiter(LimiterSettings { requests, concurrency: None, ..single() });
    for _ in 0..4 {
        drop(soon(limiter.acquire("a", 0, far())).await.unwrap());
    }
    assert!(start.elapsed() >= 30 * MILLISECOND);
}

#[tokio::test]
async fn room_at_the_last_moment_is_in_time() {
    let requests = vec![RateSettings { burst: Some(1), ..RateSettings::new(100, SECOND) }];
    let (limiter, start) = limiter(LimiterSettings { requests, concurrency: None, ..single() });
    drop(limiter.admit(start, 0).unwrap());
    drop(soon(limiter.acquire("a", 0, start + 10 * MILLISECOND)).await.unwrap());
}

/// The one at the front was not when it came, and needs its timer now.
#[tokio::test]
async fn every_request_that_comes_to_the_front_is_woken_by_the_rate() {
    let tokens = vec![RateSettings { burst: Some(10), ..RateSettings::new(1_000, SECOND) }];
    let (limiter, start) = limiter(LimiterSettings { tokens, concurrency: None, ..single() });
    let all = soon(join_all(["a", "b", "c", "d", "e"].map(|client| limiter.acquire(client, 10, far())))).await;
    assert!(all.into_iter().all(|grant| grant.is_ok()));
    assert!(start.elapsed() >= 40 * MILLISECOND);
}

#[tokio::test]
async fn a_refund_and_a_rollback_make_room() {
    let tokens = vec![RateSettings::new(100, 24 * 60 * MINUTE)];
    let (limiter, now) = limiter(LimiterSettings {
        tokens,
        concurrency: None,
        queue: Some(QueueSettings { size: 4, max_wait: 24 * 60 * MINUTE }),
        ..single()
    });
    let deadline = now + 24 * 60 * MINUTE;
    let (first, second) = (limiter.admit(now, 50).unwrap(), limiter.admit(now, 50).unwrap());
    let mut waiting = pin!(limiter.acquire("a", 30, deadline));
    assert!(poll(waiting.as_mut()).is_pending());
    first.settle(now, 20);
    let third = soon(waiting).await.unwrap();
    let mut waiting = pin!(limiter.acquire("a", 60, deadline));
    assert!(poll(waiting.as_mut()).is_pending());
    second.rollback(now);
    assert!(poll(waiting.as_mut()).is_pending());
    third.rollback(now);
    drop(soon(waiting).await.unwrap());
}

#[tokio::test]
async fn a_request_gives_up_when_its_time_is_over() {
    let (limiter, now) = limiter(LimiterSettings { queue: Some(QueueSettings { size: 10, max_wait: 5 * MILLISECOND }), ..single() });
    let grant = limiter.admit(now, 0).unwrap();
    let refusal = soon(limiter.acquire("a", 0, far())).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.wait), (RefusalKind::QueueTimeout, None));
    assert!(now.elapsed() >= 5 * MILLISECOND);
    // The caller's deadline, if it is the earlier one.
    limiter.reconfigure(now, &single());
    let refusal = soon(limiter.acquire("a", 0, Instant::now() + 5 * MILLISECOND)).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::QueueTimeout);
    let refusal = soon(limiter.acquire("a", 0, now)).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Concurrency);
    assert_eq!(limiter.view(now).queued, 0);
    drop(grant);
}

#[tokio::test]
async fn a_request_does_not_wait_in_vain() {
    let requests = vec![RateSettings::new(1, MINUTE)];
    let tokens = vec![RateSettings::new(100, MINUTE)];
    let queue = Some(QueueSettings { size: 10, max_wait: 10 * SECOND });
    let (limiter, now) = limiter(LimiterSettings { requests, tokens, queue, ..single() });
    let refusal = soon(limiter.acquire("a", 101, far())).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::TooLarge);
    let grant = soon(limiter.acquire("a", 1, far())).await.unwrap();
    let refusal = soon(limiter.acquire("a", 1, far())).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Requests);
    assert!(refusal.wait > Some(50 * SECOND));
    grant.rollback(now);
}

#[tokio::test]
async fn the_queue_is_bounded_and_one_client_has_half_of_it() {
    let (limiter, now) = limiter(LimiterSettings { queue: Some(QueueSettings { size: 4, max_wait: NEVER }), ..single() });
    let _grant = limiter.admit(now, 0).unwrap();
    let mut waiting: Vec<_> = ["a", "a", "a", "b", "c", "d"].map(|client| Box::pin(limiter.acquire(client, 0, far()))).into();
    let kinds: Vec<Option<RefusalKind>> = waiting
        .iter_mut()
        .map(|future| match poll(future.as_mut()) {
            Poll::Pending => None,
            Poll::Ready(answer) => Some(answer.unwrap_err().kind),
        })
        .collect();
    assert_eq!(kinds, [None, None, Some(RefusalKind::QueueFull), None, None, Some(RefusalKind::QueueFull)]);
    // Nor may one that does not wait go before them.
    assert_eq!(limiter.admit(now, 0).unwrap_err().kind, RefusalKind::QueueFull);
    drop(waiting);
    assert_eq!(limiter.view(now).queued, 0);
}

#[tokio::test]
async fn who_goes_away_leaves_the_queue_and_gives_back_what_it_was_given() {
    let tokens = vec![RateSettings::new(100, 24 * 60 * MINUTE)];
    let (limiter, now) = limiter(LimiterSettings { tokens, ..single() });
    let grant = limiter.admit(now, 0).unwrap();
    let mut first = Box::pin(limiter.acquire("a", 100, far()));
    let mut second = Box::pin(limiter.acquire("b", 70, far()));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    // The first is given the permit and the tokens, and does not come for them.
    drop(grant);
    assert_eq!((limiter.view(now).queued, limiter.in_flight()), (1, 1));
    assert_eq!(limiter.view(now).tokens[0].remaining, 0);
    drop(first);
    let second = soon(second).await.unwrap();
    assert_eq!(limiter.view(now).tokens[0].remaining, 30);
    second.rollback(now);
    assert_eq!((limiter.view(now).tokens[0].remaining, limiter.in_flight()), (100, 0));
}

#[tokio::test]
async fn behind_one_that_leaves_there_may_be_room() {
    let tokens = vec![RateSettings::new(100, 60 * MINUTE)];
    let (limiter, now) = limiter(LimiterSettings { tokens, concurrency: None, ..single() });
    drop(limiter.admit(now, 60).unwrap());
    let mut large = Box::pin(limiter.acquire("a", 80, far()));
    let mut small = Box::pin(limiter.acquire("b", 20, far()));
    assert!(poll(large.as_mut()).is_pending() && poll(small.as_mut()).is_pending());
    drop(large);
    drop(soon(small).await.unwrap());
}

#[tokio::test]
async fn a_reload_serves_those_that_wait() {
    let (limiter, now) = limiter(single());
    let grant = limiter.admit(now, 0).unwrap();
    let (mut small, mut large) = (pin!(limiter.acquire("a", 1, far())), pin!(limiter.acquire("b", 1_000, far())));
    assert!(poll(small.as_mut()).is_pending() && poll(large.as_mut()).is_pending());
    let tokens = vec![RateSettings::new(10, MINUTE)];
    limiter.reconfigure(now, &LimiterSettings { tokens, concurrency: None, queue: None, ..single() });
    drop(soon(small).await.unwrap());
    assert_eq!(soon(large).await.unwrap_err().kind, RefusalKind::TooLarge);
    drop(grant);
}

#[tokio::test]
async fn a_limit_that_grows_serves_those_that_wait() {
    let adaptive = AdaptiveSettings { initial: 1, ..AdaptiveSettings::new(10) };
    let (limiter, now) = limiter(LimiterSettings { concurrency: Some(Concurrency::Adaptive(adaptive)), ..single() });
    let mut grant = limiter.admit(now, 0).unwrap();
    let mut waiting = pin!(limiter.acquire("a", 0, far()));
    assert!(poll(waiting.as_mut()).is_pending());
    grant.first_token(now, SECOND);
    drop(soon(waiting).await.unwrap());
}

/// A greedy client sends a hundred times as many requests as each of nine polite ones, which send one after the other.
#[tokio::test]
async fn a_greedy_client_does_not_keep_the_polite_ones_out() {
    const ROUNDS: u32 = 200;
    let settings = LimiterSettings {
        concurrency: Some(Concurrency::Fixed(5)),
        queue: Some(QueueSettings { size: 20, max_wait: NEVER }),
        ..LimiterSettings::default()
    };
    let (limiter, now) = limiter(settings);
    let client = async |name: String, at_once: usize| {
        let (mut served, mut sent) = (0, 0);
        for _ in 0..ROUNDS {
            let requests = (0..at_once).map(async |_| match limiter.acquire(&name, 0, far()).await {
                Ok(_grant) => {
                    tokio::task::yield_now().await;
                    1
                }
                Err(_) => 0,
            });
            sent += at_once;
            served += join_all(requests).await.iter().sum::<usize>();
        }
        (served, sent)
    };
    let greedy = client("greedy".to_owned(), 100);
    let polite = join_all((0..9).map(|number| client(format!("polite {number}"), 1)));
    let ((greedy_served, greedy_sent), polite) = soon(join(greedy, polite)).await;
    for (served, sent) in polite {
        assert!(served * 100 >= sent * 99, "{served} of {sent}");
    }
    assert!(greedy_served < greedy_sent / 2, "{greedy_served} of {greedy_sent}: there was room for all");
    assert!(greedy_served >= ROUNDS as usize);
    let view = limiter.view(now);
    assert_eq!((view.queued, view.in_flight), (0, 0));
}

/// Ten thousand requests on four threads end in every way there is.
#[test]
fn nothing_is_left_behind() {
    const THREADS: u64 = 4;
    const CLIENTS: u64 = 10;
    const REQUESTS: u64 = 250;
    let day = 24 * 60 * MINUTE;
    let settings = LimiterSettings {
        requests: vec![RateSettings::new(1_000_000, day)],
        tokens: vec![RateSettings { algorithm: Algorithm::SlidingWindow, ..RateSettings::new(1_000_000_000, day) }],
        concurrency: Some(Concurrency::Adaptive(AdaptiveSettings { initial: 8, min: 4, ..AdaptiveSettings::new(16) })),
        queue: Some(QueueSettings { size: 16, max_wait: NEVER }),
    };
    let (limiter, now) = limiter(settings);
    let kept = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (limiter, kept) = (&limiter, &kept);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                let clients = (0..CLIENTS).map(async |client| {
                    let mut random = fastrand::Rng::with_seed(thread * CLIENTS + client);
                    for _ in 0..REQUESTS {
                        let outcome = one_request(limiter, &client.to_string(), &mut random).await;
                        kept.lock().unwrap().push(outcome);
                    }
                });
                runtime.block_on(soon(join_all(clients)));
            });
        }
    });
    let view = limiter.view(now);
    assert_eq!((view.in_flight, view.queued), (0, 0));
    let kept = kept.into_inner().unwrap();
    let count = |end| kept.iter().filter(|(kind, _)| *kind == end).count() as u64;
    for end in [End::Refused, End::WentAway, End::Settled, End::RolledBack, End::Dropped] {
        assert!(count(end) > 100, "{end:?}: {}", count(end));
    }
    // The window forgets nothing meanwhile; the bucket refills by 11.6 in a second.
    let tokens: u64 = kept.iter().map(|(_, tokens)| tokens).sum();
    assert_eq!(view.tokens[0].remaining, 1_000_000_000 - tokens);
    let requests = count(End::Settled) + count(End::Dropped);
    let refilled = 1 + now.elapsed().as_secs() * 12 + 12;
    assert!((1_000_000 - requests..=1_000_000 - requests + refilled).contains(&view.requests[0].remaining));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Refused,
    WentAway,
    Settled,
    RolledBack,
    Dropped,
}

/// How it ends, and the tokens it keeps.
async fn one_request(limiter: &Arc<Limiter>, client: &str, random: &mut fastrand::Rng) -> (End, u64) {
    let some_time = async |turns| {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    };
    let mut acquire = pin!(limiter.acquire(client, 1_000, far()));
    let impatience = pin!(some_time(random.u32(0..300)));
    let mut grant = match select(acquire.as_mut(), impatience).await {
        Either::Left((Ok(grant), _)) => grant,
        Either::Left((Err(_), _)) => {
            some_time(random.u32(0..100)).await;
            return (End::Refused, 0);
        }
        Either::Right(_) => return (End::WentAway, 0),
    };
    some_time(random.u32(0..10)).await;
    match random.u8(0..10) {
        0 => grant.dropped(Instant::now()),
        1..7 => grant.first_token(Instant::now(), 50 * MILLISECOND),
        _ => {}
    }
    let actual = random.u64(0..5_000);
    match random.u8(0..3) {
        0 => {
            grant.settle(Instant::now(), actual);
            (End::Settled, actual)
        }
        1 => {
            grant.rollback(Instant::now());
            (End::RolledBack, 0)
        }
        _ => (End::Dropped, 1_000),
    }
}
