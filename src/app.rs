//! Floor 10: the only file that knows everyone. A configuration becomes a runtime, listeners and threads; a signal ends them
//! in good order.

mod sinks;
mod spending;
pub mod store;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::admin::{LogLevel, SetLevel};
use crate::base::secret::Secret;
use crate::config::{self, Config, LogFormat, Overrides, SealedValues, Source};
use crate::control::{Control as ControlPlane, watch_rollouts};
use crate::kms::Keys;
use crate::proxy::{AccessLog, Drain, Mirrored, Worker};
use crate::runtime::watch::Watch;
use crate::runtime::{Load, LoadFailure, ReloadStatus, Runtime};
use crate::server::{self, Phase};
use crate::store::Store;
use crate::upstream::{Connections, Pool, Turn};
use crate::{admin, alerts, listen, otlp, simulate, vendor, webhook};

/// How long aborted streams have to tell their clients.
const PARTING: Duration = Duration::from_millis(500);

/// Runs the sidecar until it is told to stop.
pub fn serve(given: Option<PathBuf>, overrides: Overrides) -> anyhow::Result<()> {
    let source = Source::find(given, &env);
    let keys = Keys::default();
    let store = store::open(&source)?;
    let (stored, away) = store.as_ref().map(|store| store::read(store)).transpose()?.unwrap_or_default();
    let load = loader(source, overrides, keys.clone());
    let config = load(&stored.document).map_err(|failure| anyhow::anyhow!("{}", failure.errors.join("\n\n")))?;
    let log_level = start_log(&config.log);
    if let Some(error) = away {
        tracing::error!(error, "the store cannot be reached; until it can, only what the file says is served");
    }
    for warning in &config.warnings {
        tracing::warn!(warning, "configuration");
    }
    let tls = config.tls.as_ref().map(server::acceptor).transpose().map_err(anyhow::Error::msg)?;
    let admin_tls = config.admin.tls.as_ref().map(admin_tls).transpose().map_err(anyhow::Error::msg)?;
    let control_runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Before anyone can be told that the sidecar listens: a signal that comes then shall be heard.
    let signals = control_runtime.block_on(async { Signals::new() })?;
    let data = bind(&config.listen, "data")?;
    let admin = bind(&config.admin.listen, "admin")?;
    let workers = config.server.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
    let runtime = Arc::new(Runtime::new(config, stored, load).map_err(anyhow::Error::msg)?);
    runtime.ledger.open(sinks::of(&runtime, store.as_ref())?);
    let ledger = Arc::clone(&runtime.ledger);
    let keeper = spending::keeper(store.as_ref(), &runtime);
    if let Some(keeper) = &keeper {
        spending::keep(&runtime, &**keeper);
        control_runtime.spawn(spending::run(Arc::clone(&runtime), Arc::clone(keeper)));
    }
    let drain = Arc::new(Drain::default());
    let access_log = Arc::new(AccessLog::default());
    let capacity = Arc::new(server::Capacity::default());
    let (phase, phases) = watch::channel(Phase::Running);
    let threads = (0..workers)
        .map(|number| {
            let turn = turn(&runtime);
            let worker = Worker {
                runtime: Arc::clone(&runtime),
                pool: Pool::in_turns(Arc::clone(&turn)),
                turn,
                access_log: Arc::clone(&access_log),
                drain: Arc::clone(&drain),
                mirrored: Mirrored::default(),
            };
            let listeners = data.iter().map(TcpListener::try_clone).collect::<Result<_, _>>()?;
            start_worker(number, worker, listeners, tls.clone(), Arc::clone(&capacity), phases.clone())
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    drop(data);
    control_runtime.block_on(control(Control {
        runtime: Arc::clone(&runtime),
        drain,
        log_level,
        capacity,
        phase,
        admin,
        admin_tls,
        threads,
        signals,
        store: store.clone(),
        keys,
        access_log: Arc::clone(&access_log),
    }))?;
    access_log.flush();
    ledger.finish();
    if let Some(keeper) = keeper {
        spending::keep(&runtime, &*keeper);
    }
    if let Some(store) = store {
        store.close();
    }
    Ok(())
}

/// Reads the configuration anew each time it is called.
fn loader(source: Source, overrides: Overrides, keys: Keys) -> Load {
    let facts = vendor::facts();
    Box::new(move |stored| {
        let mut config = source.load_over(&facts, &env, &|secrets| keys.sealer(secrets), stored).map_err(|failed| {
            let errors = failed.diagnostics.iter().filter(|d| d.severity == config::Severity::Error);
            let errors = errors.map(ToString::to_string).collect();
            LoadFailure { errors, diagnostics: failed.diagnostics, files: failed.files, hash: failed.hash }
        })?;
        overrides.apply(&mut config).map_err(|error| LoadFailure {
            errors: vec![error],
            diagnostics: Vec::new(),
            files: config.files.clone(),
            hash: config.hash.clone(),
        })?;
        Ok(config)
    })
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn admin_tls(tls: &config::ServerTls) -> Result<admin::AdminTls, String> {
    Ok(admin::AdminTls { acceptor: server::admin_acceptor(tls)?, needs_certificate: tls.client_ca_pem.is_some() })
}

fn bind(addresses: &[std::net::SocketAddr], name: &'static str) -> anyhow::Result<Vec<TcpListener>> {
    addresses
        .iter()
        .map(|address| {
            let listener =
                listen::bind(*address).with_context(|| format!("cannot listen on {address} ({name}); is something else using it?"))?;
            let address = listener.local_addr()?;
            tracing::info!(listener = name, %address, "listening");
            Ok(listener)
        })
        .collect()
}

fn start_worker(
    number: usize,
    worker: Worker,
    listeners: Vec<TcpListener>,
    tls: Option<tokio_rustls::TlsAcceptor>,
    capacity: Arc<server::Capacity>,
    phases: watch::Receiver<Phase>,
) -> anyhow::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name(format!("worker-{number}"));
    Ok(thread.spawn(move || runtime.block_on(server::run(Arc::new(worker), listeners, tls, capacity, phases)))?)
}

struct Control {
    runtime: Arc<Runtime>,
    drain: Arc<Drain>,
    log_level: LogLevel,
    capacity: Arc<server::Capacity>,
    phase: watch::Sender<Phase>,
    admin: Vec<TcpListener>,
    admin_tls: Option<admin::AdminTls>,
    threads: Vec<JoinHandle<()>>,
    signals: Signals,
    store: Option<Arc<Store>>,
    keys: Keys,
    access_log: Arc<AccessLog>,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// Admin listener, file watcher and signals, on the main thread.
async fn control(control: Control) -> anyhow::Result<()> {
    let Control { runtime, drain, log_level, capacity, phase, admin: listeners, admin_tls, threads, mut signals, store, keys, access_log } =
        control;
    let status = runtime.status();
    let (watch, mut changes) = Watch::start(status.files, status.files_hash)?;
    let reloaded = Box::new(move |status: &ReloadStatus| watch.set_files(status.files.clone(), status.files_hash.clone()));
    let control = store.map(|store| Arc::new(ControlPlane::new(Arc::clone(&runtime), store, keys)));
    let measured = Arc::clone(&runtime);
    let spare = Arc::clone(&capacity.spare);
    tokio::spawn(async move { capacity.watch(&measured).await });
    tokio::spawn(otlp::run(Arc::clone(&runtime)));
    tokio::spawn(alerts::run(Arc::clone(&runtime)));
    let worker = Arc::new(Worker {
        runtime: Arc::clone(&runtime),
        pool: Pool::default(),
        turn: turn(&runtime),
        access_log,
        drain: Arc::clone(&drain),
        mirrored: Mirrored::default(),
    });
    let admin = Arc::new(admin::Admin {
        worker,
        runtime: Arc::clone(&runtime),
        drain: Arc::clone(&drain),
        log_level,
        auth: admin::Authenticator::default(),
        tls: admin_tls,
        spare,
        reloaded,
        control: control.clone(),
    });
    tokio::spawn(watch_rollouts(Arc::clone(&runtime), control.clone()));
    let mut news = control.map(store::listen).transpose()?;
    for listener in listeners {
        let admin = Arc::clone(&admin);
        tokio::spawn(async move {
            if let Err(error) = admin::run(listener, admin).await {
                tracing::error!(%error, "the admin listener failed");
            }
        });
    }
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.hangup.recv() => { admin.reload().await; }
            Some(()) = changes.recv() => admin.reload_changed().await,
            () = store::heard(&mut news) => { admin.follow().await; }
        }
    }
    tracing::info!("stopping");
    tokio::select! {
        () = stop(&runtime, &drain, &phase, threads) => {
            otlp::finish(&runtime).await;
            Ok(())
        }
        () = either(&mut signals.terminate, &mut signals.interrupt) => bail!("stopped at once by a second signal"),
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// Not ready; then no new connections; then, when time is up, an error for what is still open.
async fn stop(runtime: &Runtime, drain: &Drain, phase: &watch::Sender<Phase>, threads: Vec<JoinHandle<()>>) {
    let server = runtime.snapshot().config.server;
    drain.begin();
    tokio::time::sleep(server.drain_delay).await;
    phase.send_replace(Phase::Closing);
    let (done, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let waiter = std::thread::spawn(move || {
        for thread in threads {
            // A worker that panicked has ended, too.
            let _ = thread.join();
        }
        let _ = done.send(());
    });
    if tokio::time::timeout(server.drain_timeout, ended.recv()).await.is_err() {
        tracing::warn!("requests are still under way at the end of server.drain_timeout; they are ended with an error");
        drain.abort();
        phase.send_replace(Phase::Aborting);
        let _ = tokio::time::timeout(PARTING, ended.recv()).await;
    } else {
        let _ = waiter.join();
    }
}

/// Operational log on standard error, JSON or text. The level can be changed later.
fn start_log(log: &config::Log) -> LogLevel {
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    // A line that cannot be written is lost, as on a full disk; telling of that on standard error would be a panic.
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    let set: SetLevel = match log.format {
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_current_span(false).with_span_list(false).with_filter_reloading();
            let handle = builder.reload_handle();
            builder.init();
            Box::new(move |level| EnvFilter::try_new(level).is_ok_and(|filter| handle.reload(filter).is_ok()))
        }
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            builder.init();
            Box::new(move |level| EnvFilter::try_new(level).is_ok_and(|filter| handle.reload(filter).is_ok()))
        }
    };
    LogLevel::new(&log.level, set)
}

/// Turns in which writes are put off while there are several requests.
fn turn(runtime: &Arc<Runtime>) -> Arc<Turn> {
    let metrics = Arc::clone(&runtime.metrics);
    Turn::new(move || metrics.active.get() > 1)
}

/// Runs the admission webhook until it is told to stop.
pub fn webhook(options: &webhook::Options) -> anyhow::Result<()> {
    start_log(&config::Log::default());
    webhook::run(options)
}

/// Makes or renews the admission webhook's certificate.
pub fn certify(options: &webhook::CertifyOptions) -> anyhow::Result<()> {
    start_log(&config::Log::default());
    webhook::certify(options)
}

/// Runs the vendor simulator until it is killed.
pub fn simulate(options: simulate::Options) -> anyhow::Result<()> {
    start_log(&config::Log::default());
    let address = options.listen;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(simulate::run(options))
        .with_context(|| format!("the simulator cannot listen on {address}; is something else using it?"))
}

/// The encrypted values of the configuration's files, and what makes sealers of its keys. The path is where it was found.
pub fn sealed_values(given: Option<PathBuf>) -> anyhow::Result<(PathBuf, SealedValues, Keys)> {
    let path = Source::find(given, &env).path.context("there is no configuration file; name it by --config FILE")?;
    let found = config::sealed_values(&path, &vendor::facts(), &env).map_err(|failed| anyhow::anyhow!("{failed}"))?;
    Ok((path, found, Keys::default()))
}

/// The status that an admin listener with TLS answers `/readyz` with.
pub fn ask_health_tls(admin: &str, ca: &Path, server_name: Option<String>) -> anyhow::Result<u16> {
    const LIMIT: Duration = Duration::from_secs(2);
    let ca_pem = std::fs::read(ca).with_context(|| format!("{} cannot be read", ca.display()))?;
    let trust = config::ClientTls { ca_pem: Some(ca_pem), server_name, ..config::ClientTls::default() };
    let ask =
        vendor::auth::Ask { method: http::Method::GET, url: format!("https://{admin}/readyz"), headers: Vec::new(), body: Secret::new("") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = runtime.block_on(async { tokio::time::timeout(LIMIT, Connections::new(&trust).ask(ask)).await });
    match asked {
        Ok(Ok((status, _))) => Ok(status.as_u16()),
        Ok(Err(_)) => bail!("the admin listener at {admin} does not answer, or has no certificate of these authorities"),
        Err(_) => bail!("the admin listener at {admin} does not answer in time"),
    }
}

/// Checks the configuration. The path is where it was found.
pub fn check(given: Option<PathBuf>) -> (Option<PathBuf>, Result<Config, config::LoadError>) {
    let source = Source::find(given, &env);
    let checked = source.load(&vendor::facts(), &env, &|secrets| Keys::default().sealer(secrets));
    (source.path, checked)
}
