//! The same behaviour, tried against both databases.

use super::*;
use crate::base::secret::Secret;
use crate::config;

#[path = "../../tests/support/postgres.rs"]
mod server;

fn sqlite() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let settings = config::Store::Sqlite { path: folder.path().join("store.db") };
    (folder, Store::new(&settings).unwrap().unwrap())
}

fn put(name: &str, body: &str) -> Change {
    Change::Put { kind: Kind::Provider, name: name.into(), body: body.into() }
}

fn note(act: &str) -> Note {
    Note { actor: "ops".into(), act: act.into(), ..Note::default() }
}

/// Everything a store promises.
fn keeps_its_promises(store: &Store) {
    assert_eq!(store.records().unwrap(), (0, Vec::new()));
    let first = store.write(0, &[put("a", "{\"n\":1}"), put("b", "{}")], &note("create")).unwrap();
    assert_eq!(first, Written { revision: 1, audit: 1 });
    assert_eq!(store.write(0, &[put("a", "{}")], &note("late")), Err(StoreError::Conflict));
    let second = store.write(1, &[put("a", "{\"n\":2}"), Change::Delete { kind: Kind::Provider, name: "b".into() }], &note("update"));
    assert_eq!(second.unwrap(), Written { revision: 2, audit: 2 });
    let (revision, records) = store.records().unwrap();
    assert_eq!((revision, records.len(), records[0].version, records[0].body.as_str()), (2, 1, 2, "{\"n\":2}"));
    assert!(records[0].created <= records[0].updated);

    // What was refused left nothing; what is not a change is noted too.
    assert_eq!(store.note(&note("reload")).unwrap(), 3);
    let entries = store.audit(0, 100).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["create", "update", "reload"]);
    assert_eq!(verify(entries.clone()).unwrap().entries, 3);
    assert_eq!(store.audit(1, 1).unwrap()[0].seq, 2);
    assert_eq!(store.audit_back(3, 5).unwrap().iter().map(|entry| entry.seq).collect::<Vec<_>>(), [2, 1]);
    for edit in 0..5 {
        let mut edited = entries.clone();
        match edit {
            0 => edited[1].actor = "other".into(),
            1 => drop(edited.remove(1)),
            2 => edited.swap(0, 1),
            3 => edited[1].after = "{}".into(),
            _ => edited[1].at += 1,
        }
        assert!(verify(edited).is_err_and(|seq| seq <= 2), "{edit}");
    }

    // Text is text, whatever it looks like.
    let hostile = "'; DROP TABLE llm_sidecar_records; -- \u{1F600} $1 \\";
    store.observe("test", hostile, "{\"ok\":true}").unwrap();
    store.observe("test", hostile, "{\"ok\":false}").unwrap();
    let seen = store.observations("test").unwrap();
    assert_eq!((seen.len(), seen[0].name.as_str(), seen[0].body.as_str()), (1, hostile, "{\"ok\":false}"));
    assert_eq!(store.records().unwrap().0, 2);
}

/// What budgets have spent is added up by period until that ends.
fn keeps_what_was_spent(store: &Store) {
    let spent = |name: &str, ends, amount| Spent { name: name.into(), currency: "USD".into(), ends, amount };
    assert_eq!(store.spend(&[spent("a", 100, 3), spent("b", 100, 0), spent("a", 200, 1)], 1).unwrap(), [3, 0, 1]);
    assert_eq!(store.spend(&[spent("b", 100, 5), spent("a", 100, 4)], 1).unwrap(), [5, 7]);
    assert_eq!(store.spend(&[spent("a", 100, 0)], 1).unwrap(), [7], "who only asks changes nothing");
    assert_eq!(store.spend(&[spent("a", 200, 1), spent("a", 100, 0)], 100).unwrap(), [2, 0]);
}

/// A record of a request that cost 5 + 2 nano-units, the second part by an attempt that failed.
fn record<'a>(summary: &'a crate::usage::Summary<'a>) -> crate::usage::Record<'a> {
    use crate::price::Currency;
    use crate::usage::{Money, OtherAttempt, Record};
    let tokens = crate::chat::Usage { prompt: 10, completion: 3, cached: Some(4), ..Default::default() }.into();
    let other = OtherAttempt {
        provider: "spare",
        model: "dated-m",
        label: "m",
        class: "committed",
        tokens: Some(tokens),
        cost: None,
        reported_cost: Some(Money { nano: 2, currency: Currency::USD }),
        cost_unknown: None,
    };
    Record {
        label: Some("m"),
        tokens: Some(tokens),
        reported_cost: Some(Money { nano: 7, currency: Currency::USD }),
        answer_reported: Some(5),
        other_attempts: vec![other],
        ..Record::of(summary, Currency::USD)
    }
}

/// What requests used is summed up over writes, told by whatever is asked for, and forgotten in time.
fn sums_up_use(store: std::sync::Arc<Store>) {
    use crate::usage::{Sink, Summary, Taken};
    let day = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = crate::metrics::MoneyMetrics::new(&mut registry);
    let sink = UsageSink::new(std::sync::Arc::clone(&store), std::time::Duration::from_secs(1000 * 86_400), &metrics);
    let today = jiff::Timestamp::now().to_string();
    let yesterday = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24)).to_string();
    let long_ago = "1999-12-31T23:59:59Z";
    for (time, provider, client) in
        [(today.as_str(), "a", Some("ann")), (&today, "a", None), (&yesterday, "b", Some("ann")), (long_ago, "a", None)]
    {
        let summary = Summary { time, outcome: "complete", client, provider: Some(provider), ..Summary::default() };
        assert_eq!(sink.record(&record(&summary)), Taken::Yes);
        sink.finish();
    }
    let always = (day("1990-01-01"), day("2999-12-31"));
    let all = store.usage(&[], always, &UsageFilter::default(), 10).unwrap();
    let expected = Sums { requests: 4, prompt_tokens: 80, completion_tokens: 24, cached_tokens: 32, cost_nano: 28, ..Sums::default() };
    assert_eq!((all.len(), all[0].sums, all[0].currency.as_str()), (1, expected, "USD"));

    let by_provider =
        store.usage(&[UsageGroup::Provider, UsageGroup::Day], (day(&today[..10]), day(&today[..10])), &UsageFilter::default(), 10);
    let told = |row: &UsageRow| (row.day.clone(), row.provider.clone(), row.client.clone(), row.sums.requests, row.sums.cost_nano);
    let on = Some(today[..10].to_owned());
    assert_eq!(
        by_provider.unwrap().iter().map(told).collect::<Vec<_>>(),
        [(on.clone(), Some("a".into()), None, 2, 10), (on, Some("spare".into()), None, 0, 4)]
    );
    let nobody = UsageFilter { client: Some(String::new()), ..UsageFilter::default() };
    assert_eq!(store.usage(&[], always, &nobody, 10).unwrap()[0].sums.requests, 2);
    let other = UsageFilter { model: Some("' OR 1=1 --".into()), ..UsageFilter::default() };
    assert_eq!(store.usage(&[UsageGroup::Model], always, &other, 10).unwrap(), []);

    // A new process looks for what is too old.
    UsageSink::new(std::sync::Arc::clone(&store), std::time::Duration::from_secs(10 * 86_400), &metrics).finish();
    assert_eq!(store.usage(&[], always, &UsageFilter::default(), 10).unwrap()[0].sums.requests, 3);
}

#[test]
fn sqlite_sums_up_use_and_what_budgets_have_spent() {
    let (_folder, store) = sqlite();
    keeps_what_was_spent(&store);
    sums_up_use(std::sync::Arc::new(store));
}

#[test]
fn sqlite_keeps_its_promises_and_its_file_to_itself() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, store) = sqlite();
    keeps_its_promises(&store);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", file.path());
    }
    let again = Store::new(&config::Store::Sqlite { path: folder.path().join("store.db") }).unwrap().unwrap();
    assert_eq!(again.records().unwrap().0, 2);
}

#[test]
fn a_file_that_is_no_database_is_called_damaged() {
    let (folder, store) = sqlite();
    std::fs::write(folder.path().join("store.db"), "this is not a database, and longer than its header would be".repeat(20)).unwrap();
    assert!(matches!(store.records(), Err(StoreError::Corrupt(_))));
}

#[test]
fn postgres_keeps_its_promises_tells_other_replicas_and_comes_back() {
    let Some(mut server) = server::Server::start() else {
        eprintln!("not run: there is no PostgreSQL here; `scripts/setup postgres` installs it");
        return;
    };
    let settings = config::Store::Postgres { url: Secret::new(server.url()), ca_pem: None };
    keeps_what_was_spent(&Store::new(&settings).unwrap().unwrap());
    sums_up_use(std::sync::Arc::new(Store::new(&settings).unwrap().unwrap()));
    let [one, other] = [0, 1].map(|_| Store::new(&settings).unwrap().unwrap());
    keeps_its_promises(&one);

    let (heard, news) = std::sync::mpsc::channel();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let thread = other
        .watch(
            std::sync::Arc::clone(&stop),
            std::sync::Arc::new(move |there| {
                let _ = heard.send(there);
            }),
        )
        .unwrap();
    let wait = |expected: bool| while news.recv_timeout(std::time::Duration::from_secs(30)).unwrap() != expected {};
    wait(true);
    one.write(2, &[put("c", "{}")], &note("create")).unwrap();
    wait(true);
    assert_eq!(other.records().unwrap().0, 3);

    server.stop();
    assert!(matches!(one.records(), Err(StoreError::Unavailable(_))) && !one.is_reachable());
    wait(false);
    server.run();
    wait(true);
    assert_eq!((one.records().unwrap().0, one.is_reachable()), (3, true));
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    drop(server);
    thread.unwrap().join().unwrap();
}
