use super::*;

#[test]
fn the_same_settings_change_nothing() {
    let settings = LimiterSettings {
        requests: vec![
            RateSettings::new(50, MINUTE),
            RateSettings { algorithm: Algorithm::SlidingWindow, ..RateSettings::new(80, MINUTE) },
        ],
        ..small()
    };
    let (still, now) = limiter(settings.clone());
    let reloaded = Arc::new(Limiter::new(&settings, now));
    let mut held = Vec::new();
    for step in 0..100_u32 {
        let now = now + step * SECOND / 7;
        reloaded.reconfigure(now, &settings);
        let tokens = u64::from(step % 40);
        let (a, b) = (still.admit(now, tokens), reloaded.admit(now, tokens));
        assert_eq!(a.as_ref().err(), b.as_ref().err(), "{step}");
        assert_eq!(still.view(now), reloaded.view(now), "{step}");
        if let (Ok(a), Ok(b)) = (a, b) {
            match step % 3 {
                0 => held.push((a, b)),
                1 => (a.settle(now, tokens / 2), b.settle(now, tokens / 2)).0,
                _ => (a.rollback(now), b.rollback(now)).0,
            }
        }
        if step % 10 == 0 {
            held.clear();
        }
    }
}

#[test]
fn a_tighter_limit_holds_for_the_next_request() {
    let (limiter, now) = limiter(small());
    let _grants = [limiter.admit(now, 1).unwrap(), limiter.admit(now, 1).unwrap()];
    limiter.reconfigure(now, &LimiterSettings { concurrency: Some(Concurrency::Fixed(2)), ..small() });
    assert_eq!(limiter.admit(now, 1).unwrap_err().kind, RefusalKind::Concurrency);
    assert_eq!(limiter.view(now).concurrency, Some(2));
    limiter.reconfigure(now, &LimiterSettings { requests: vec![RateSettings::new(1, MINUTE)], concurrency: None, ..small() });
    drop(limiter.admit(now, 1).unwrap());
    assert_eq!(limiter.admit(now, 1).unwrap_err().kind, RefusalKind::Requests);
    limiter.reconfigure(now, &LimiterSettings::default());
    drop(limiter.admit(now, u64::MAX).unwrap());
}

#[test]
fn limits_are_told_apart_by_how_they_count_not_by_their_place() {
    let (minute, hour) = (RateSettings::new(10, MINUTE), RateSettings::new(100, 60 * MINUTE));
    let daily = RateSettings::new(1_000, 24 * 60 * MINUTE);
    let with = |requests: &[RateSettings]| LimiterSettings { requests: requests.to_vec(), ..LimiterSettings::default() };
    let (limiter, now) = limiter(with(&[minute, hour]));
    for _ in 0..7 {
        drop(limiter.admit(now, 0).unwrap());
    }
    let remaining = || limiter.view(now).requests.iter().map(|quota| quota.remaining).collect::<Vec<u64>>();
    limiter.reconfigure(now, &with(&[hour, minute]));
    assert_eq!(remaining(), [93, 3]);
    // The day takes over from what is left, the minute.
    limiter.reconfigure(now, &with(&[daily, hour]));
    assert_eq!(remaining(), [3, 93]);
    limiter.reconfigure(now, &with(&[hour, daily, minute]));
    assert_eq!(remaining(), [93, 3, 10]);
}

#[test]
fn what_was_taken_before_a_reload_is_settled_after_it() {
    let (limiter, now) = limiter(small());
    let grant = limiter.admit(now, 600).unwrap();
    limiter.reconfigure(now, &LimiterSettings { tokens: vec![RateSettings::new(2_000, MINUTE)], ..small() });
    assert_eq!(left(&limiter, now), (9, 400, 1));
    grant.settle(now, 100);
    assert_eq!(left(&limiter, now), (9, 900, 0));
}

#[test]
fn an_adaptive_limit_keeps_its_height() {
    let adaptive = |max| {
        let settings = AdaptiveSettings { initial: 10, ..AdaptiveSettings::new(max) };
        LimiterSettings { concurrency: Some(Concurrency::Adaptive(settings)), ..LimiterSettings::default() }
    };
    let (limiter, now) = limiter(adaptive(100));
    limiter.admit(now, 0).unwrap().dropped(now);
    for (max, limit) in [(100, 9), (50, 9), (7, 7), (100, 7)] {
        limiter.reconfigure(now, &adaptive(max));
        assert_eq!(limiter.view(now).concurrency, Some(limit));
    }
    limiter.reconfigure(now, &small());
    assert_eq!(limiter.view(now).concurrency, Some(3));
    // Begun anew.
    limiter.reconfigure(now, &adaptive(100));
    assert_eq!(limiter.view(now).concurrency, Some(10));
}
