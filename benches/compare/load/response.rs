//! Reads an HTTP/1.1 answer piece by piece.

use anyhow::bail;
use memchr::memmem;

/// An answer on its way.
#[derive(Default)]
pub struct Response {
    state: State,
    head: Vec<u8>,
    /// The server closes the connection after it.
    pub closes: bool,
}

#[derive(Default)]
enum State {
    #[default]
    Head,
    Fixed(usize),
    /// In the line that tells a chunk's size.
    Size(usize),
    Data(usize),
    /// Behind a chunk's data.
    DataEnd,
    /// Behind the last chunk; the length of the current line.
    Trailer(usize),
    Done,
}

impl Response {
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Takes the next bytes and gives those of the body to `body`.
    pub fn feed(&mut self, mut bytes: &[u8], mut body: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        while let Some((first, rest)) = bytes.split_first() {
            match &mut self.state {
                State::Head => {
                    let held = self.head.len();
                    self.head.extend_from_slice(bytes);
                    let Some(end) = memmem::find(&self.head, b"\r\n\r\n").map(|at| at + 4) else { return Ok(()) };
                    bytes = bytes.get(end - held..).unwrap_or_default();
                    self.head.truncate(end);
                    self.read_head()?;
                }
                State::Fixed(left) | State::Data(left) => {
                    let (data, after) = bytes.split_at(bytes.len().min(*left));
                    *left -= data.len();
                    let at_end = *left == 0;
                    body(data)?;
                    bytes = after;
                    if at_end {
                        self.state = if matches!(self.state, State::Data(_)) { State::DataEnd } else { State::Done };
                    }
                }
                State::Size(size) => {
                    bytes = rest;
                    match first {
                        b'\n' => self.state = if *size == 0 { State::Trailer(0) } else { State::Data(*size) },
                        b'\r' => {}
                        digit => match char::from(*digit).to_digit(16) {
                            Some(digit) => *size = *size * 16 + digit as usize,
                            None => bail!("not a chunk's size"),
                        },
                    }
                }
                State::DataEnd => {
                    bytes = rest;
                    match first {
                        b'\n' => self.state = State::Size(0),
                        b'\r' => {}
                        _ => bail!("a chunk is longer than its size"),
                    }
                }
                State::Trailer(line) => {
                    bytes = rest;
                    match first {
                        b'\n' if *line == 0 => self.state = State::Done,
                        b'\n' => *line = 0,
                        b'\r' => {}
                        _ => *line += 1,
                    }
                }
                State::Done => bail!("there is more than the answer"),
            }
        }
        Ok(())
    }

    fn read_head(&mut self) -> anyhow::Result<()> {
        let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") {
            bail!("answered {}", head.lines().next().unwrap_or_default());
        }
        let value = |name: &str| head.lines().filter_map(|line| line.split_once(':')).find(|(n, _)| *n == name).map(|(_, v)| v.trim());
        self.closes = value("connection") == Some("close");
        self.state = match (value("transfer-encoding"), value("content-length").and_then(|v| v.parse().ok())) {
            (Some("chunked"), _) => State::Size(0),
            (None, Some(0)) => State::Done,
            (None, Some(length)) => State::Fixed(length),
            _ => bail!("the answer's length is not told"),
        };
        Ok(())
    }
}
