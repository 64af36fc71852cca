//! The load generator and the upstream of `benches/compare/run`. Both are far cheaper than any proxy: one thread, raw sockets,
//! answers made beforehand.
//!
//!     bench-load upstream listen=127.0.0.1:9000
//!     bench-load upstream listen=127.0.0.1:9000 tls=made-certificate.pem http2=true closes=20 counts=127.0.0.1:9001
//!     bench-load load to=127.0.0.1:8000 kind=plain|stream|translated model=m connections=32 bytes=1024 seconds=2
//!     bench-load load to=127.0.0.1:8000 kind=held model=m connections=1000 slow=100 chunks=64 seconds=2 ramp=1
//!
//! `load` prints one JSON object. `watch=PID,PID` adds the CPU time of those processes within the measured window.

mod answers;
mod cpu;
mod load {
    pub mod check;
    pub mod closed;
    pub mod held;
    pub mod request;
    pub mod response;
    pub mod tally;
}
mod upstream;

use std::collections::HashMap;
use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::task::LocalSet;

use load::request::Request;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let options = Options(arguments.filter_map(|a| a.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))).collect());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    match mode.as_str() {
        "upstream" => {
            let setup = upstream::Setup {
                listen: options.get("listen")?,
                tls: options.optional("tls")?,
                http2: options.or("http2", false)?,
                closes: options.or("closes", 0)?,
                counts: options.optional("counts")?,
            };
            tasks.block_on(&runtime, upstream::run(setup))
        }
        "load" => {
            let report = tasks.block_on(&runtime, drive(&options))?;
            Ok(writeln!(std::io::stdout(), "{report}")?)
        }
        _ => bail!("say `upstream` or `load`"),
    }
}

async fn drive(options: &Options) -> anyhow::Result<serde_json::Value> {
    let plan = Plan {
        to: options.get("to")?,
        connections: options.get("connections")?,
        warm_up: Duration::from_secs_f64(options.or("warm_up", 0.5)?),
        window: Duration::from_secs_f64(options.get("seconds")?),
        ramp: Duration::from_secs_f64(options.or("ramp", 1.0)?),
        watch: options.or("watch", String::new())?.split(',').filter_map(|pid| pid.parse().ok()).collect(),
    };
    let kind: String = options.get("kind")?;
    let request = Request {
        host: plan.to,
        model: options.get("model")?,
        bytes: options.or("bytes", 1024)?,
        stream: kind != "plain",
        chunks: options.or("chunks", 64)?,
        slow_ms: options.or("slow", 0)?,
    };
    match kind.as_str() {
        "plain" | "stream" | "translated" => load::closed::run(&plan, &request, kind == "translated").await,
        "held" => load::held::run(&plan, &request).await,
        _ => bail!("unknown kind"),
    }
}

/// How load is applied.
pub struct Plan {
    pub to: SocketAddr,
    pub connections: usize,
    /// Load before the window opens.
    pub warm_up: Duration,
    /// The measured time.
    pub window: Duration,
    /// The time over which streams are opened that stay open.
    pub ramp: Duration,
    /// The processes whose CPU time is taken.
    pub watch: Vec<u32>,
}

struct Options(HashMap<String, String>);

impl Options {
    fn get<T: FromStr<Err: Display>>(&self, name: &str) -> anyhow::Result<T> {
        let value = self.0.get(name).with_context(|| format!("{name}=... is missing"))?;
        value.parse().map_err(|error| anyhow::anyhow!("{name}={value}: {error}"))
    }

    fn optional<T: FromStr<Err: Display>>(&self, name: &str) -> anyhow::Result<Option<T>> {
        if self.0.contains_key(name) { self.get(name).map(Some) } else { Ok(None) }
    }

    fn or<T: FromStr<Err: Display>>(&self, name: &str, default: T) -> anyhow::Result<T> {
        Ok(self.optional(name)?.unwrap_or(default))
    }
}
