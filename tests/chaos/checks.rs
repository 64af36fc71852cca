//! The invariants themselves: each fails where it is broken.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;

use crate::ask::Ask;
use crate::support::chat;
use crate::support::invariants::{self, CANARY, Told};
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Record, Script, Upstream, Witness};
use crate::turn;

/// An upstream that says it saw something else.
struct Pretended(watch::Sender<Record>);

impl Witness for Pretended {
    fn watch(&self) -> watch::Receiver<Record> {
        self.0.subscribe()
    }
}

/// What the check says of this.
async fn fault(sidecar: &Sidecar, upstreams: &[&dyn Witness], told: &[Told]) -> String {
    match AssertUnwindSafe(invariants::check(sidecar, upstreams, told)).catch_unwind().await {
        Ok(()) => String::new(),
        Err(panic) => panic.downcast_ref::<String>().cloned().unwrap_or_default(),
    }
}

#[tokio::test]
async fn a_broken_invariant_is_noticed() {
    let _turn = turn::shared().await;
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    upstream.script(Script::sse().chunk(chat::stream(&["hello"])).end());
    upstream.script(Script::json(400, &serde_json::json!({"error": {"message": "no", "type": "x", "param": null, "code": null}})));
    let good = Ask::new("good", true).says("hello").of(&sidecar).await;
    let bad = Ask::new("bad", false).of(&sidecar).await;
    assert_eq!((good.status(), bad.status()), (200, 400));
    let both = |change: &dyn Fn(&mut Told, &mut Told)| {
        let (mut good, mut bad) = (good.clone(), bad.clone());
        change(&mut good, &mut bad);
        vec![good, bad]
    };
    let as_it_was = both(&|_, _| {});
    assert_eq!(fault(&sidecar, &[&upstream], &as_it_was).await, "");
    let mut fewer = upstream.record();
    fewer.requests.pop();
    let mut faults = vec![("I1", fault(&sidecar, &[&Pretended(watch::Sender::new(fewer))], &as_it_was).await)];
    faults.push(("I2", fault(&sidecar, &[&upstream], &as_it_was[..1]).await));
    let cut = both(&|good, _| good.answer.as_mut().unwrap().end = crate::support::client::End::Cut);
    faults.push(("I2", fault(&sidecar, &[&upstream], &cut).await));
    let held = sidecar.connect().await;
    faults.push(("I3", fault(&sidecar, &[&upstream], &as_it_was).await));
    drop(held);
    let leaked = both(&|good, _| good.answer.as_mut().unwrap().body.extend(format!(": {CANARY}\n\n").bytes()));
    faults.push(("I4", fault(&sidecar, &[&upstream], &leaked).await));
    let other = both(&|good, _| good.says = vec!["hello and more".to_owned()]);
    faults.push(("I5", fault(&sidecar, &[&upstream], &other).await));
    let late = both(&|good, _| (good.deadline, good.took) = (Some(Duration::from_millis(100)), Duration::from_millis(600)));
    faults.push(("I6", fault(&sidecar, &[&upstream], &late).await));
    let shapeless = both(&|_, bad| bad.answer.as_mut().unwrap().body = b"{\"error\": \"no\"}".to_vec());
    faults.push(("I8", fault(&sidecar, &[&upstream], &shapeless).await));
    // The same id again: that is how a second attempt would look.
    upstream.script(Script::sse().chunk(chat::stream(&["hello"])).end());
    let again = Told { id: "again".to_owned(), ..Ask::new("good", true).says("hello").of(&sidecar).await };
    let mut all = as_it_was.clone();
    all.push(again);
    faults.push(("I7", fault(&sidecar, &[&upstream], &all).await));
    for (invariant, fault) in faults {
        assert!(fault.starts_with(invariant), "{invariant} was broken, and what was said is: {fault:?}");
    }
}
