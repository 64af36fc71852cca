//! Many slow streams that are open at once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::anyhow;

use super::check::Check;
use super::closed::exchange;
use super::request::Request;
use super::tally::Tally;
use crate::Plan;
use crate::answers::{Format, Script};

/// How long streams may take to begin or to end beyond their time.
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn run(plan: &Plan, request: &Request) -> anyhow::Result<serde_json::Value> {
    let tally = Rc::new(Tally::new(&plan.watch));
    let buffer = Rc::new(RefCell::new(vec![0; 64 << 10]));
    let script = Rc::new(Script::new(Format::OpenAi, request.chunks, true));
    let bytes: Rc<[u8]> = request.encode().into();
    let begun = Rc::new(Cell::new(0));
    let to = plan.to;
    let streams: Vec<_> = (0..plan.connections)
        .map(|number| {
            let (tally, buffer, script, bytes, begun) =
                (Rc::clone(&tally), Rc::clone(&buffer), Rc::clone(&script), Rc::clone(&bytes), Rc::clone(&begun));
            let delay = plan.ramp.mul_f64(number as f64 / plan.connections as f64);
            tokio::task::spawn_local(async move {
                tokio::time::sleep(delay).await;
                let mut first = true;
                let mut lag = |time| {
                    if std::mem::take(&mut first) {
                        begun.set(begun.get() + 1);
                    }
                    tally.count(time);
                };
                if let Err(error) = exchange(&mut None, to, &bytes, &buffer, Check::exact(&script), &mut lag).await {
                    tally.fail(&error);
                } else if !tally.is_closed() {
                    tally.fail(&anyhow!("a stream ended before the window: more chunks are needed"));
                }
            })
        })
        .collect();
    tokio::time::sleep(plan.ramp).await;
    let begin = tokio::time::Instant::now();
    while begun.get() < plan.connections && begin.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    if begun.get() < plan.connections {
        tally.fail(&anyhow!("only {} of {} streams began", begun.get(), plan.connections));
    }
    tokio::time::sleep(plan.warm_up).await;
    tally.measure(plan.window).await;
    let length = Duration::from_millis(request.slow_ms * request.chunks as u64);
    let deadline = tokio::time::Instant::now() + length + PATIENCE;
    for stream in streams {
        match tokio::time::timeout_at(deadline, stream).await {
            Ok(ended) => ended?,
            Err(_) => tally.fail(&anyhow!("a stream did not end")),
        }
    }
    Ok(tally.report())
}
