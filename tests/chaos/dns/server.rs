//! A name server that answers as a test wants it to (RFC 1035).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

/// What is said of a name.
#[derive(Clone, Debug)]
pub enum Say {
    /// Those of the kind that is asked for, good for this moment only.
    Addresses(Vec<IpAddr>),
    NoSuchName,
    Failure,
    Nothing,
}

const A: u16 = 1;
const AAAA: u16 = 28;
/// A response, recursion desired and available.
const FLAGS: u16 = 0x8180;
/// Behind the head.
const QUESTION: usize = 12;

/// A server on 127.0.0.1:53. It ends with the test.
pub struct NameServer {
    names: Arc<Mutex<HashMap<String, Say>>>,
    task: AbortHandle,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl NameServer {
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:53").await.unwrap();
        let names: Arc<Mutex<HashMap<String, Say>>> = Arc::default();
        let known = Arc::clone(&names);
        let task = tokio::spawn(async move {
            let mut query = [0; 512];
            loop {
                let Ok((length, from)) = socket.recv_from(&mut query).await else { continue };
                let (name, kind, end) = question(&query[..length]);
                let say = known.lock().unwrap().get(&name).cloned().unwrap_or(Say::NoSuchName);
                if let Some(answer) = answer(&query[..end], kind, &say) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Self { names, task: task.abort_handle() }
    }

    pub fn set(&self, name: &str, say: Say) {
        self.names.lock().unwrap().insert(name.to_owned(), say);
    }
}

/// The name that is asked for, the kind of record, and where the question ends.
fn question(query: &[u8]) -> (String, u16, usize) {
    let mut labels = Vec::new();
    let mut at = QUESTION;
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..=at + length]).to_lowercase());
        at += length + 1;
    }
    (labels.join("."), u16::from_be_bytes([query[at + 1], query[at + 2]]), at + 5)
}

fn answer(query: &[u8], kind: u16, say: &Say) -> Option<Vec<u8>> {
    let (code, addresses) = match say {
        Say::Nothing => return None,
        Say::NoSuchName => (3, &[][..]),
        Say::Failure => (2, &[][..]),
        Say::Addresses(addresses) => (0, &addresses[..]),
    };
    let records: Vec<Vec<u8>> = addresses
        .iter()
        .filter_map(|address| match address {
            IpAddr::V4(address) if kind == A => Some(address.octets().to_vec()),
            IpAddr::V6(address) if kind == AAAA => Some(address.octets().to_vec()),
            _ => None,
        })
        .collect();
    let mut out = query[..2].to_vec();
    for number in [FLAGS | code, 1, records.len() as u16, 0, 0] {
        out.extend(number.to_be_bytes());
    }
    out.extend(&query[QUESTION..]);
    for data in records {
        // The question's name, the class of the internet, a time to live of nothing.
        out.extend([0xc0, QUESTION as u8]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 0]);
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    Some(out)
}
