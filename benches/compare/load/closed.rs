//! A closed loop: each connection sends its next request when the answer to the last one is whole.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::ensure;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::check::Check;
use super::request::Request;
use super::response::Response;
use super::tally::Tally;
use crate::Plan;
use crate::answers::{Format, Script};

/// A buffer that all connections read into, one after the other.
type Buffer = Rc<RefCell<Vec<u8>>>;

pub async fn run(plan: &Plan, request: &Request, translated: bool) -> anyhow::Result<serde_json::Value> {
    let tally = Rc::new(Tally::new(&plan.watch));
    let buffer: Buffer = Rc::new(RefCell::new(vec![0; 64 << 10]));
    let script = Rc::new(Script::new(Format::OpenAi, 64, false));
    let translation = Rc::new(Script::new(Format::Anthropic, 64, false));
    let bytes: Rc<[u8]> = request.encode().into();
    let (to, stream) = (plan.to, request.stream);
    let connections: Vec<_> = (0..plan.connections)
        .map(|_| {
            let (tally, buffer, script, translation, bytes) =
                (Rc::clone(&tally), Rc::clone(&buffer), Rc::clone(&script), Rc::clone(&translation), Rc::clone(&bytes));
            tokio::task::spawn_local(async move {
                let mut connection = None;
                while !tally.is_closed() {
                    let check = match (stream, translated) {
                        (false, _) => Check::Whole(Vec::new()),
                        (true, false) => Check::exact(&script),
                        (true, true) => Check::Translated(Rc::clone(&translation), Vec::new()),
                    };
                    let begin = Instant::now();
                    match exchange(&mut connection, to, &bytes, &buffer, check, &mut |_| {}).await {
                        Ok(()) => tally.count(begin.elapsed()),
                        Err(error) => {
                            tally.fail(&error);
                            connection = None;
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        }
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep(plan.warm_up).await;
    tally.measure(plan.window).await;
    for connection in connections {
        // Answers under way are still checked.
        tokio::time::timeout(Duration::from_secs(10), connection).await??;
    }
    Ok(tally.report())
}

/// Sends a request over the connection, a new one if there is none, and checks the answer.
pub async fn exchange(
    connection: &mut Option<TcpStream>,
    to: std::net::SocketAddr,
    request: &[u8],
    buffer: &RefCell<Vec<u8>>,
    mut check: Check,
    lag: &mut impl FnMut(Duration),
) -> anyhow::Result<()> {
    if connection.is_none() {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        *connection = Some(stream);
    }
    let Some(stream) = connection else { return Ok(()) };
    stream.write_all(request).await?;
    let mut response = Response::default();
    while !response.is_done() {
        stream.readable().await?;
        let mut buffer = buffer.borrow_mut();
        let read = match stream.try_read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error.into()),
        };
        ensure!(read > 0, "the connection ended inside the answer");
        response.feed(buffer.get(..read).unwrap_or_default(), |body| check.feed(body, lag))?;
    }
    if response.closes {
        *connection = None;
    }
    check.finish()
}
