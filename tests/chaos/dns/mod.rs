//! R38: what name servers do. The test runs itself once more in namespaces of its own (`unshare`), in which 127.0.0.1 is the
//! machine's only name server, and an IPv6 address exists that swallows everything.

mod server;

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use crate::ask::{Ask, many};
use crate::figures::{percentile, tell};
use crate::support::chat;
use crate::support::invariants::{self, CANARY, Told};
use crate::support::sidecar::{NO_BREAKER, Sidecar};
use crate::support::upstream::{Script, Upstream, Witness};
use crate::support::within;
use crate::turn;
use crate::volume::volume;
use server::{NameServer, Say};

/// Set inside the namespaces.
const INSIDE: &str = "CHAOS_INSIDE_NAMESPACES";
/// The providers' limit of a connection, its name included.
const CONNECT: Duration = Duration::from_millis(600);
/// For a busy machine.
const LATE: Duration = Duration::from_millis(400);
/// Packets to it go nowhere.
const HOLE: &str = "2001:db8::1";
const STALLED: usize = 700;

/// Run by root of the new namespaces. The end of the second link has no address, so nobody answers there.
const SETUP: &str = r#"
set -e
ip link set lo up
ip link add hole type veth peer name bottom
ip addr add 2001:db8::2/64 dev hole nodad
ip link set hole up
ip link set bottom up
ip -6 neigh add 2001:db8::1 lladdr 02:00:00:00:00:01 dev hole
printf 'nameserver 127.0.0.1\noptions timeout:5 attempts:2\n' > "$1/resolv.conf"
printf 'hosts: files dns\n' > "$1/nsswitch.conf"
printf '127.0.0.1 localhost\n' > "$1/hosts"
for file in resolv.conf nsswitch.conf hosts; do mount --bind "$1/$file" "/etc/$file"; done
exec "$0" --exact dns::r38_inside --ignored --nocapture --test-threads=1
"#;

#[tokio::test]
async fn r38_names_that_fail_stall_lead_nowhere_or_change() {
    let _turn = turn::alone().await;
    let possible = |flags: &str| Command::new("unshare").args([flags, "true"]).output().is_ok_and(|output| output.status.success());
    let Some(flags) = ["-rmn", "-mn"].into_iter().find(|flags| possible(flags)) else {
        assert!(std::env::var_os("CI").is_none(), "this machine does not allow namespaces");
        eprintln!("not run: this machine does not allow namespaces");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let this = std::env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    let output = command.args([flags, "sh", "-c", SETUP]).arg(this).arg(folder.path()).env(INSIDE, "1").output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    text.lines().filter(|line| line.starts_with("figure")).for_each(|line| eprintln!("{line}"));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "needs the namespaces that the test above makes"]
async fn r38_inside() {
    assert!(std::env::var_os(INSIDE).is_some());
    let names = NameServer::start().await;
    names_that_give_nothing(&names).await;
    an_address_that_swallows_everything(&names).await;
    an_answer_that_changes(&names).await;
    stalled_names_hold_up_no_others(&names).await;
}

fn provider(name: &str, host: &str, upstream: &Upstream) -> String {
    format!(
        "  {name}: {{type: openai_compatible, base_url: \"http://{host}:{}/v1\", api_key: {CANARY}, models: [m], {NO_BREAKER}, \
         timeout: {{connect: 600ms, first_token: 5s, idle: 5s, total: 20s}}, retry: {{attempts: 2, backoff: 1ms..2ms, budget: 100%}}}}\n",
        upstream.address.port()
    )
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

async fn vendor() -> Upstream {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    upstream
}

/// NXDOMAIN, SERVFAIL and no answer: nothing was sent, and the fallback answers.
async fn names_that_give_nothing(names: &NameServer) {
    let upstream = vendor().await;
    let faults = [
        ("absent", Say::NoSuchName, Duration::ZERO, "upstream_dns"),
        ("failing", Say::Failure, Duration::ZERO, "upstream_dns"),
        ("stalled", Say::Nothing, CONNECT, "upstream_connect_failed"),
    ];
    let mut yaml = format!("providers:\n{}", provider("good", "127.0.0.1", &upstream));
    let mut models = "models:\n".to_owned();
    for (name, say, ..) in &faults {
        names.set(&format!("{name}.test"), say.clone());
        yaml += &provider(name, &format!("{name}.test"), &upstream);
        models += &format!("  to-{name}: {{targets: [{{provider: {name}, model: m}}], fallback: [{{provider: good, model: m}}]}}\n");
    }
    let sidecar = Sidecar::start(&(yaml + &models)).await;
    let mut told = Vec::new();
    for (name, _, takes, code) in faults {
        let one = Ask::new(format!("{name} with a fallback"), false).model(&format!("to-{name}")).says("hello").of(&sidecar).await;
        assert_eq!(one.status(), 200, "{one:?}");
        assert_eq!(one.answer.as_ref().unwrap().head.header("x-llm-provider"), Some("good"));
        tell("R38", format_args!("{name}: the fallback answered after {:?}", one.took));
        assert!((takes..takes + LATE).contains(&one.took), "{one:?}");
        sidecar.wait_metric(&format!("llm_upstream_attempts_total{{provider=\"{name}\",class=\"not_sent\"}}"), 1.0).await;
        told.push(one);
        // Without one the client is told why, after both attempts.
        let one = Ask::new(format!("{name} alone"), false).model(&format!("{name}/m")).of(&sidecar).await;
        one.answer.as_ref().unwrap().assert_error(502, "upstream_error", code);
        assert!(one.took < takes * 2 + LATE, "{one:?}");
        told.push(one);
    }
    assert_eq!(upstream.count(), 3);
    lookups_end(names, &sidecar, &[&upstream]).await;
    invariants::check(&sidecar, &[&upstream], &told).await;
}

/// Lets lookups that hang come to their end: the system's resolver asks again after five seconds.
async fn lookups_end(names: &NameServer, sidecar: &Sidecar, upstreams: &[&dyn Witness]) {
    names.set("stalled.test", Say::NoSuchName);
    within("hanging lookups to end", async {
        let kept = || upstreams.iter().map(|upstream| upstream.watch().borrow().open).sum::<usize>();
        while sidecar.descriptors() > sidecar.descriptors_at_start + kept() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// An IPv6 address that swallows every packet: the IPv4 one is used soon; without one the limit of a connection ends it.
async fn an_address_that_swallows_everything(names: &NameServer) {
    let upstream = vendor().await;
    names.set("half.test", Say::Addresses(vec![address(HOLE), address("127.0.0.1")]));
    names.set("hole.test", Say::Addresses(vec![address(HOLE)]));
    let yaml = format!("providers:\n{}{}", provider("half", "half.test", &upstream), provider("hole", "hole.test", &upstream));
    let sidecar = Sidecar::start(&yaml).await;
    let half = Ask::new("half", false).model("half/m").says("hello").of(&sidecar).await;
    assert_eq!(half.status(), 200, "{half:?}");
    tell("R38", format_args!("IPv6 leads nowhere: IPv4 answered after {:?}", half.took));
    assert!(half.took < CONNECT, "{half:?}");
    let hole = Ask::new("hole", false).model("hole/m").of(&sidecar).await;
    hole.answer.as_ref().unwrap().assert_error(502, "upstream_error", "upstream_connect_failed");
    assert!(hole.took > CONNECT && hole.took < CONNECT * 2 + LATE, "{hole:?}");
    sidecar.wait_metric("llm_upstream_attempts_total{provider=\"hole\",class=\"not_sent\"}", 2.0).await;
    invariants::check(&sidecar, &[&upstream], &[half, hole]).await;
}

/// A name that moves: no connection is opened to the old address any more.
async fn an_answer_that_changes(names: &NameServer) {
    let first = Upstream::start_at("127.0.0.2:0").await;
    let second = Upstream::start_at(("127.0.0.3", first.address.port())).await;
    // The old one is going away: it closes its connections after their answers.
    first.always(Script::json(200, &chat::completion("first")).fin());
    second.always(Script::json(200, &chat::completion("second")));
    names.set("moving.test", Say::Addresses(vec![address("127.0.0.2")]));
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("moving", "moving.test", &first))).await;
    let mut told = vec![Ask::new("before", false).model("moving/m").says("first").of(&sidecar).await];
    names.set("moving.test", Say::Addresses(vec![address("127.0.0.3")]));
    let changed = Instant::now();
    while second.count() == 0 {
        told.push(Ask::new(format!("{}", told.len()), false).model("moving/m").says("first").says("second").of(&sidecar).await);
        assert!(changed.elapsed() < Duration::from_secs(1), "{told:?}");
    }
    tell("R38", format_args!("a new address was used after {:?}", changed.elapsed()));
    invariants::check(&sidecar, &[&first, &second], &told).await;
}

/// Lookups that hang are one for each name, however many requests wait for it: those of other names go on.
async fn stalled_names_hold_up_no_others(names: &NameServer) {
    let upstream = vendor().await;
    names.set("stalled.test", Say::Nothing);
    names.set("good.test", Say::Addresses(vec![address("127.0.0.1")]));
    let yaml = format!(
        "providers:\n{}{}server: {{workers: 1}}\n",
        provider("stalled", "stalled.test", &upstream),
        provider("good", "good.test", &upstream)
    );
    let sidecar = Sidecar::start(&yaml).await;
    let stalled = async |round: usize| Ask::new(format!("stalled {round}"), false).model("stalled/m").of(&sidecar).await;
    let mut told: Vec<Told> = many(volume(STALLED), 100, stalled).await;
    assert!(told.iter().all(|told| told.status() == 502));
    let threads = sidecar.threads();
    let good = Ask::new("good", false).model("good/m").says("hello").of(&sidecar).await;
    assert_eq!(good.status(), 200, "{good:?}");
    let times: Vec<Duration> = told.iter().map(|told| told.took).collect();
    tell(
        "R38",
        format_args!(
            "{} requests for a stalled name ended within {:?}, {threads} threads; another name took {:?}",
            told.len(),
            percentile(&times, 100),
            good.took
        ),
    );
    assert!(good.took < LATE && threads < 16, "{threads} threads, {good:?}");
    // And once its server answers, the stalled name itself works again.
    names.set("stalled.test", Say::Addresses(vec![address("127.0.0.1")]));
    told.push(good);
    let recovered = Instant::now();
    loop {
        let one = Ask::new(format!("recovering {}", told.len()), false).model("stalled/m").says("hello").of(&sidecar).await;
        let status = one.status();
        told.push(one);
        if status == 200 {
            break;
        }
        assert!(recovered.elapsed() < Duration::from_secs(12), "{told:?}");
    }
    tell("R38", format_args!("the stalled name worked again after {:?}", recovered.elapsed()));
    lookups_end(names, &sidecar, &[&upstream]).await;
    invariants::check(&sidecar, &[&upstream], &told).await;
}
