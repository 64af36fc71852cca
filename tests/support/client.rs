//! An HTTP/1.1 client that hides nothing: it sends the bytes it is given and tells the pieces in which an answer came and how
//! its connection ended.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By its own framing.
    Clean,
    /// By a FIN before that.
    Cut,
    /// By a RST before that.
    Reset,
}

/// An answer's head.
#[derive(Clone, Debug)]
pub struct Head {
    pub status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
    }
}

/// A whole answer.
#[derive(Clone)]
pub struct Answer {
    pub head: Head,
    pub body: Vec<u8>,
    pub end: End,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("head", &self.head).field("body", &self.text()).field("end", &self.end).finish()
    }
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head.status
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// The `data:` lines of an event stream, in order.
    pub fn events(&self) -> Vec<String> {
        let text = self.text().replace('\r', "\n");
        text.lines().filter_map(|line| line.strip_prefix("data:")).map(|data| data.trim_start().to_owned()).collect()
    }

    /// Demands an error in OpenAI's shape: all four keys, the request's id, this status, type and code.
    #[track_caller]
    pub fn assert_error(&self, status: u16, kind: &str, code: &str) {
        assert_eq!(self.status(), status, "{}", self.text());
        assert_eq!(self.head.header("content-type"), Some("application/json"), "{self:?}");
        assert!(self.head.header("x-request-id").is_some_and(|id| !id.is_empty()), "{:?}", self.head);
        assert_error_object(&self.json(), Some(kind), code);
    }

    /// Demands that the stream ended with an in-band error of this code, uncleanly, and with nothing that says it is whole.
    #[track_caller]
    pub fn assert_broken(&self, code: &str) {
        assert_eq!(self.status(), 200, "{}", self.text());
        assert_ne!(self.end, End::Clean, "a broken stream ended cleanly: {}", self.text());
        let events = self.events();
        let last: Value = events.last().and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default();
        assert_error_object(&last, None, code);
        assert!(!self.text().contains("[DONE]"), "{}", self.text());
        for event in &events {
            let event: Value = serde_json::from_str(event).unwrap_or_default();
            assert!(event["choices"][0]["finish_reason"].is_null(), "{event}");
        }
    }

    /// Demands a stream that says it is whole.
    #[track_caller]
    pub fn assert_whole(&self) {
        assert_eq!(self.status(), 200, "{}", self.text());
        assert_eq!(self.end, End::Clean, "{}", self.text());
        assert_eq!(self.events().last().map(String::as_str), Some("[DONE]"), "{}", self.text());
    }

    /// The text of a chat completion's stream.
    pub fn streamed_text(&self) -> String {
        let chunks = self.events().into_iter().filter_map(|data| serde_json::from_str::<Value>(&data).ok());
        chunks.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
    }
}

#[track_caller]
fn assert_error_object(body: &Value, kind: Option<&str>, code: &str) {
    let error = body["error"].as_object().unwrap_or_else(|| panic!("no error object in {body}"));
    for key in ["message", "type", "param", "code"] {
        assert!(error.contains_key(key), "`{key}` is missing in {body}");
    }
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    if let Some(kind) = kind {
        assert_eq!(error["type"], kind, "{body}");
    }
    assert_eq!(error["code"], code, "{body}");
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    held: Vec<u8>,
    framing: Framing,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, held: Vec::new(), framing: Framing::UntilClose }
    }

    /// Sends bytes as they are. A peer that has closed already is no error: its answer may still be read.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within("the peer to take bytes", self.stream.write_all(bytes.as_ref())).await;
    }

    /// Sends a request with a JSON body.
    pub async fn post(&mut self, path: &str, body: &Value) {
        self.post_with(path, &[], body).await;
    }

    pub async fn post_with(&mut self, path: &str, headers: &[(&str, &str)], body: &Value) {
        let body = body.to_string();
        let mut text = format!("POST {path} HTTP/1.1\r\nhost: sidecar\r\ncontent-type: application/json\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        self.send(text).await;
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: sidecar\r\n\r\n")).await;
        self.answer().await
    }

    /// Says that nothing more will be sent, and goes on reading.
    pub async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Closes with a RST instead of a FIN.
    pub fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Makes the socket take little, so that an unread answer is soon felt by the peer.
    pub fn take_little(&self) {
        socket2::SockRef::from(&self.stream).set_recv_buffer_size(8 << 10).unwrap();
    }

    /// The next answer's head; `None` when the connection ends without one.
    pub async fn try_head(&mut self) -> Option<Head> {
        loop {
            if let Some(end) = self.held.windows(4).position(|w| w == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&self.held[..end]).into_owned();
                self.held.drain(..end + 4);
                let head = parse_head(&text);
                if head.status != 100 {
                    self.framing = framing(&head);
                    return Some(head);
                }
                continue;
            }
            if self.read().await.is_err() {
                return None;
            }
        }
    }

    pub async fn head(&mut self) -> Head {
        self.try_head().await.expect("the connection ended without an answer")
    }

    /// The next piece of the body: a chunk of a chunked one, whatever has come of another.
    pub async fn piece(&mut self) -> Result<Vec<u8>, End> {
        loop {
            if let Some(piece) = self.take_piece() {
                return piece;
            }
            if let Err(end) = self.read().await {
                return Err(if matches!((self.framing, end), (Framing::UntilClose, End::Cut)) { End::Clean } else { end });
            }
        }
    }

    /// The rest of the body.
    pub async fn rest(&mut self) -> (Vec<u8>, End) {
        let mut body = Vec::new();
        loop {
            match self.piece().await {
                Ok(piece) => body.extend_from_slice(&piece),
                Err(end) => return (body, end),
            }
        }
    }

    pub async fn answer(&mut self) -> Answer {
        self.try_answer().await.expect("the connection ended without an answer")
    }

    /// The next answer; `None` when the connection ends without one.
    pub async fn try_answer(&mut self) -> Option<Answer> {
        let head = self.try_head().await?;
        let (body, end) = self.rest().await;
        Some(Answer { head, body, end })
    }

    /// Waits until the peer closes, and tells what it sent until then.
    pub async fn until_closed(&mut self) -> Vec<u8> {
        while self.read().await.is_ok() {}
        std::mem::take(&mut self.held)
    }

    fn take_piece(&mut self) -> Option<Result<Vec<u8>, End>> {
        match &mut self.framing {
            Framing::Length(0) => Some(Err(End::Clean)),
            Framing::Length(left) if !self.held.is_empty() => {
                let count = self.held.len().min(*left);
                *left -= count;
                Some(Ok(self.held.drain(..count).collect()))
            }
            Framing::UntilClose if !self.held.is_empty() => Some(Ok(std::mem::take(&mut self.held))),
            Framing::Length(_) | Framing::UntilClose => None,
            Framing::Chunked => {
                let line = self.held.windows(2).position(|w| w == b"\r\n")?;
                let size = String::from_utf8_lossy(&self.held[..line]).into_owned();
                let size = usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("a chunk of size {size:?}"));
                if self.held.len() < line + 2 + size + 2 {
                    return None;
                }
                let chunk = self.held[line + 2..line + 2 + size].to_vec();
                self.held.drain(..line + 2 + size + 2);
                if size == 0 {
                    self.framing = Framing::Length(0);
                    return Some(Err(End::Clean));
                }
                Some(Ok(chunk))
            }
        }
    }

    async fn read(&mut self) -> Result<(), End> {
        match within("the peer to answer or close", self.stream.read_buf(&mut self.held)).await {
            Ok(0) => Err(End::Cut),
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => Err(End::Reset),
            Err(error) => panic!("{error}"),
        }
    }
}

fn parse_head(text: &str) -> Head {
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Head { status: status.unwrap_or_else(|| panic!("no status in {text:?}")), headers }
}

fn framing(head: &Head) -> Framing {
    if head.header("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        return Framing::Chunked;
    }
    match head.header("content-length") {
        Some(length) => Framing::Length(length.parse().unwrap()),
        None if matches!(head.status, 204 | 304) => Framing::Length(0),
        None => Framing::UntilClose,
    }
}
