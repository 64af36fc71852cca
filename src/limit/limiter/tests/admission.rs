use super::*;

#[test]
fn a_refused_request_takes_nothing() {
    let (limiter, now) = limiter(small());
    let first = limiter.admit(now, 900).unwrap();
    assert_eq!(limiter.admit(now, 200).unwrap_err().kind, RefusalKind::Tokens);
    assert_eq!(left(&limiter, now), (9, 100, 1));
    let _second = limiter.admit(now, 0).unwrap();
    let _third = limiter.admit(now, 0).unwrap();
    let refusal = limiter.admit(now, 50).unwrap_err();
    assert_eq!((refusal.kind, refusal.wait), (RefusalKind::Concurrency, None));
    assert_eq!(left(&limiter, now), (7, 100, 3));
    drop(first);
    assert_eq!(left(&limiter, now), (7, 100, 2));
}

#[test]
fn a_refusal_says_what_is_left_and_when_to_come_back() {
    let (limiter, now) = limiter(LimiterSettings { concurrency: None, ..small() });
    for _ in 0..10 {
        drop(limiter.admit(now, 90).unwrap());
    }
    let refusal = limiter.admit(now, 200).unwrap_err();
    // A request is due in 6 s, so are 100 tokens; 200 need as much again.
    assert_eq!((refusal.kind, refusal.wait), (RefusalKind::Requests, Some(6 * SECOND)));
    let refusal = limiter.admit(now, 201).unwrap_err();
    assert_eq!((refusal.kind, refusal.wait), (RefusalKind::Tokens, Some(MINUTE * 101 / 1000)));
    assert_eq!(refusal.quotas.requests, Some(Quota { limit: 10, remaining: 0, reset: MINUTE }));
    assert_eq!(refusal.quotas.tokens, Some(Quota { limit: 1_000, remaining: 100, reset: 54 * SECOND }));
    assert_eq!(refusal.quotas, limiter.quotas(now));
    limiter.admit(now + 6 * SECOND, 200).unwrap().rollback(now);
}

#[test]
fn a_request_larger_than_a_limit_is_too_large() {
    let (limiter, now) = limiter(small());
    let refusal = limiter.admit(now, 1_001).unwrap_err();
    assert_eq!((refusal.kind, refusal.wait), (RefusalKind::TooLarge, None));
    assert_eq!(left(&limiter, now), (10, 1_000, 0));
}

#[test]
fn every_limit_over_time_counts() {
    let requests = vec![RateSettings::new(100, MINUTE), RateSettings::new(2, SECOND)];
    let (limiter, now) = limiter(LimiterSettings { requests, ..LimiterSettings::default() });
    drop(limiter.admit(now, 1).unwrap());
    drop(limiter.admit(now, 1).unwrap());
    let refusal = limiter.admit(now, 1).unwrap_err();
    assert_eq!(refusal.wait, Some(SECOND / 2));
    assert_eq!(refusal.quotas.requests, Some(Quota { limit: 2, remaining: 0, reset: SECOND }));
    assert_eq!(refusal.quotas.tokens, None);
    let remaining: Vec<u64> = limiter.view(now).requests.iter().map(|quota| quota.remaining).collect();
    assert_eq!(remaining, [98, 0]);
}

#[test]
fn without_limits_everything_passes_and_is_counted() {
    let (limiter, now) = limiter(LimiterSettings::default());
    let grants: Vec<Grant> = (0..1_000).map(|_| limiter.admit(now, u64::MAX).unwrap()).collect();
    assert_eq!(limiter.in_flight(), 1_000);
    assert_eq!(limiter.view(now).concurrency, None);
    drop(grants);
    assert_eq!(limiter.in_flight(), 0);
}

#[test]
fn settling_gives_back_or_charges_the_difference() {
    let (limiter, now) = limiter(small());
    limiter.admit(now, 500).unwrap().settle(now, 120);
    assert_eq!(left(&limiter, now), (9, 880, 0));
    limiter.admit(now, 500).unwrap().settle(now, 500);
    assert_eq!(left(&limiter, now), (8, 380, 0));
    // More than there is: a debt, which is repaid before the next request.
    limiter.admit(now, 100).unwrap().settle(now, 1_000);
    assert_eq!(left(&limiter, now), (7, 0, 0));
    assert_eq!(limiter.admit(now, 0).unwrap_err().kind, RefusalKind::Tokens);
    assert_eq!(limiter.admit(now, 1).unwrap_err().wait, Some(MINUTE * 621 / 1_000));
}

#[test]
fn a_rollback_leaves_no_trace_and_a_drop_keeps_the_reservation() {
    let (limiter, now) = limiter(small());
    let grant = limiter.admit(now, 700).unwrap();
    assert_eq!(grant.reserved(), 700);
    grant.rollback(now);
    assert_eq!(left(&limiter, now), (10, 1_000, 0));
    drop(limiter.admit(now, 700).unwrap());
    assert_eq!(left(&limiter, now), (9, 300, 0));
}

#[test]
fn a_vendors_word_lowers_what_is_left_and_never_raises_it() {
    let (limiter, now) = limiter(small());
    limiter.lower_requests(now, 4);
    limiter.lower_tokens(now, 250);
    assert_eq!(left(&limiter, now), (4, 250, 0));
    limiter.lower_requests(now, 9);
    limiter.lower_tokens(now, 1_000_000);
    assert_eq!(left(&limiter, now), (4, 250, 0));
}

#[test]
fn an_adaptive_limit_follows_what_its_grants_tell() {
    let settings = AdaptiveSettings { initial: 10, ..AdaptiveSettings::new(12) };
    let (limiter, now) = limiter(LimiterSettings { concurrency: Some(Concurrency::Adaptive(settings)), ..LimiterSettings::default() });
    let mut grants: Vec<Grant> = std::iter::from_fn(|| limiter.admit(now, 0).ok()).collect();
    assert_eq!(grants.len(), 10);
    grants[0].first_token(now, SECOND);
    assert_eq!(limiter.view(now).concurrency, Some(11));
    // One signal a request.
    grants[0].dropped(now);
    assert_eq!(limiter.view(now).concurrency, Some(11));
    grants[1].dropped(now);
    grants[1].first_token(now, SECOND);
    assert_eq!(limiter.view(now).concurrency, Some(9));
    grants.truncate(9);
    assert_eq!(limiter.admit(now, 0).unwrap_err().kind, RefusalKind::Concurrency);
    // Going away is no signal.
    drop(grants);
    assert_eq!(limiter.view(now).concurrency, Some(9));
}
