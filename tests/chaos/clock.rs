//! R37: a wall clock that jumps by a day, to and fro, changes nothing but the times in the log.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::ask::{Ask, many};
use crate::figures::tell;
use crate::plan::Plan;
use crate::support::chat;
use crate::support::invariants::{self, CANARY, Told};
use crate::support::sidecar::{NO_BREAKER, Setting, Sidecar};
use crate::support::upstream::{Script, Upstream};
use crate::turn;
use crate::volume::volume;

const REQUESTS: usize = 600;
const JUMP_EVERY: Duration = Duration::from_millis(150);
/// The provider's `first_token`, and twice its `idle`.
const FIRST_TOKEN: Duration = Duration::from_millis(500);
const CONTENT_IDLE: Duration = Duration::from_millis(800);
/// For a busy machine.
const LATE: Duration = Duration::from_millis(400);

/// libfaketime, where `scripts/setup chaos` puts it.
fn library() -> Option<PathBuf> {
    let known =
        ["x86_64-linux-gnu", "aarch64-linux-gnu", ""].map(|folder| Path::new("/usr/lib").join(folder).join("faketime/libfaketime.so.1"));
    known.into_iter().find(|path| path.exists())
}

/// What a vendor does, and how long the request may take at least and at most, and with what status.
fn case(round: usize) -> (Script, bool, Duration, Duration, u16) {
    let none = Duration::ZERO;
    let pause = Duration::from_millis(40);
    let begun = || Script::sse().data(chat::role()).data(chat::text("hello"));
    // A date that is past, far off or near, by which clock one looks.
    let date = jiff::fmt::rfc2822::to_string(&jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC)).unwrap();
    let later = Script::head(503, &[("retry-after", date.as_str()), ("content-length", "2")]).raw("{}");
    match round % 6 {
        0 => (Script::json(200, &chat::completion("hello")), false, none, LATE, 200),
        1 => {
            let paced =
                chat::stream(&["hello"]).split_inclusive("\n\n").fold(Script::sse(), |script, event| script.chunk(event).pause(pause));
            (paced.end(), true, pause * 3, pause * 3 + LATE, 200)
        }
        2 => (Script::silent(), true, FIRST_TOKEN, FIRST_TOKEN + LATE, 504),
        3 => (begun().never(), true, CONTENT_IDLE / 2, CONTENT_IDLE + LATE, 200),
        4 => (later, false, none, LATE, 503),
        _ => ((0..100).fold(begun(), |script, _| script.chunk(": ping\n\n").pause(pause)), true, CONTENT_IDLE, CONTENT_IDLE + LATE, 200),
    }
}

#[tokio::test]
async fn r37_a_clock_that_jumps_changes_no_time_but_those_in_the_log() {
    let _turn = turn::alone().await;
    let Some(library) = library() else {
        assert!(std::env::var_os("CI").is_none(), "libfaketime is missing: scripts/setup chaos installs it");
        eprintln!("not run: libfaketime is missing; scripts/setup chaos installs it");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    let set = |offset: &str| {
        let new = folder.path().join("new");
        std::fs::write(&new, format!("{offset}\n")).unwrap();
        std::fs::rename(new, &clock).unwrap();
    };
    set("+0");
    let env = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", clock.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("NO_FAKE_STAT", "1".to_owned()),
    ];
    let setting = Setting { env: env.map(|(name, value)| (name.to_owned(), value)).to_vec(), ..Setting::default() };
    let upstream = Upstream::start().await;
    let plan = Plan::of(&upstream);
    let yaml = format!(
        "providers:\n  vendor: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: {CANARY}, models: [m], {NO_BREAKER}, \
         timeout: {{connect: 500ms, first_token: 500ms, idle: 400ms, total: 5s}}, retry: {{attempts: 1}}}}\n\
         server: {{heartbeat: 100ms, keep_alive: 60s}}\n",
        upstream.address
    );
    let sidecar = Arc::new(Sidecar::start_in(&yaml, &setting).await);
    let mut idle = sidecar.connect().await;
    let one = async |round: usize| -> Told {
        let (script, stream, least, most, status) = case(round);
        let ask = Ask::new(format!("{round}"), stream);
        plan.set(&ask.id, script);
        let told = ask.of(&sidecar).await;
        assert_eq!(told.status(), status, "{told:?}");
        assert!((least..most).contains(&told.took), "{least:?} to {most:?}: {told:?}");
        told
    };
    let jumping = async {
        loop {
            for offset in ["+1d", "-1d", "+0"] {
                set(offset);
                tokio::time::sleep(JUMP_EVERY).await;
            }
        }
    };
    let started = Instant::now();
    let mut told = tokio::select! {
        told = many(volume(REQUESTS), 30, one) => told,
        never = jumping => never,
    };
    let jumps = (started.elapsed().as_millis() / JUMP_EVERY.as_millis()) as usize;
    // A connection that was idle all the while was not taken for old.
    set("+0");
    let ask = Ask::new("idle", false);
    plan.set(&ask.id, Script::json(200, &chat::completion("hello")));
    told.push(ask.on(&mut idle).await);
    assert_eq!(told.last().unwrap().status(), 200);
    drop(idle);
    invariants::check(&sidecar, &[&upstream], &told).await;
    let now = jiff::Timestamp::now();
    let times = sidecar.log().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok()?["time"].as_str()?.parse().ok());
    let hours = |at: jiff::Timestamp| at.duration_since(now).as_hours();
    let (ahead, behind) =
        times.fold((0, 0), |(ahead, behind), at| (ahead + usize::from(hours(at) >= 22), behind + usize::from(hours(at) <= -22)));
    assert!(ahead > 0 && behind > 0, "the clock did not jump: {ahead} lines ahead, {behind} behind");
    tell("R37", format_args!("{} requests over {jumps} jumps of a day; {ahead} log lines a day ahead, {behind} behind", told.len()));
}
