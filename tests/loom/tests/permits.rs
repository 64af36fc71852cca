//! Permits, acquired and returned by threads at once.

use llm_sidecar_loom::permits::Permits;
use loom::sync::Arc;
use std::sync::atomic::Ordering;

use loom::model::Builder;
use loom::thread;

#[test]
fn never_more_than_the_limit_and_back_to_none() {
    for (threads, limit) in [(2, 1), (3, 2)] {
        let mut model = Builder::new();
        // Three threads have too many ways to be interrupted at every step.
        model.preemption_bound = (threads > 2).then_some(3);
        model.check(move || {
            let permits = Permits::new(limit);
            // Not a part of the model: it only looks on.
            let inside = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
            let work = {
                let (permits, inside) = (permits.clone(), inside.clone());
                move || {
                    if let Some(permit) = permits.try_acquire() {
                        assert!(inside.fetch_add(1, Ordering::Relaxed) < limit);
                        inside.fetch_sub(1, Ordering::Relaxed);
                        drop(permit);
                    }
                }
            };
            let others: Vec<_> = (1..threads).map(|_| thread::spawn(work.clone())).collect();
            work();
            others.into_iter().for_each(|other| other.join().unwrap());
            assert_eq!((permits.in_flight(), permits.limit()), (0, limit));
            assert!(permits.try_acquire().is_some());
        });
    }
}

/// What was done under a permit is seen under the next.
#[test]
fn a_permit_hands_over() {
    loom::model(|| {
        let permits = Permits::new(1);
        let plain = Arc::new(loom::cell::Cell::new(0));
        let work = {
            let (permits, plain) = (permits.clone(), Arc::clone(&plain));
            move || {
                let permit = permits.try_acquire();
                if permit.is_some() {
                    plain.set(plain.get() + 1);
                }
            }
        };
        let other = thread::spawn(work.clone());
        work();
        other.join().unwrap();
        assert!(permits.try_acquire().is_some() && plain.get() > 0);
    });
}

#[test]
fn a_limit_lowered_while_others_acquire_holds_from_then_on() {
    loom::model(|| {
        let permits = Permits::new(2);
        let other = thread::spawn({
            let permits = permits.clone();
            move || (permits.try_acquire(), permits.try_acquire())
        });
        permits.set_limit(1);
        let mine = permits.try_acquire();
        let (first, second) = other.join().unwrap();
        let others = usize::from(first.is_some()) + usize::from(second.is_some());
        // The new limit of 1 was mine, or the others had theirs before.
        assert!(if mine.is_some() { others == 0 } else { others > 0 }, "{mine:?} and {others}");
        assert!(permits.try_acquire().is_none());
        drop((mine, first, second));
        assert_eq!((permits.in_flight(), permits.limit()), (0, 1));
        let last = permits.try_acquire();
        assert!(last.is_some() && permits.try_acquire().is_none());
    });
}

#[test]
fn a_limit_raised_while_permits_return_loses_none() {
    loom::model(|| {
        let permits = Permits::new(1);
        let permit = permits.try_acquire();
        let raise = thread::spawn({
            let permits = permits.clone();
            move || permits.set_limit(3)
        });
        let back = thread::spawn(move || drop(permit));
        let mine = permits.try_acquire();
        raise.join().unwrap();
        back.join().unwrap();
        assert_eq!((permits.in_flight(), permits.limit()), (u32::from(mine.is_some()), 3));
    });
}
