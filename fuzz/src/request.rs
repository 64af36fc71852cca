//! Requests: looked at, read, written for every dialect, and read again.

use bytes::Bytes;
use llm_sidecar::chat::{DialectId, Request};
use llm_sidecar::dialect::{Dialect, Quirks, To};

use super::input::{chosen, dialects};

/// The first byte names the client's dialect; the rest is the request's body.
pub fn request(data: &[u8]) {
    let Some((client, body)) = chosen(data) else { return };
    let quirks = Quirks::default();
    let to = To { model: "m", quirks: &quirks, want_usage: true };
    let view = client.view(body);
    let edited = client.edit_request(body, &to);
    if let Some(counter) = client.count_tokens() {
        let _ = (counter.count_view(body), counter.edit_count(body, &to));
    }
    let Ok(request) = client.read_request(body) else { return };
    let view = view.expect("what can be read can be looked at");
    assert!(request.model.is_empty() || request.model == view.model, "the model is another one");
    if let Ok(edited) = edited {
        client.view(&edited.body).expect("what was edited can be looked at");
    }
    for vendor in dialects() {
        let Ok(written) = vendor.write_request(&request, &to) else { continue };
        let once = again(vendor, &request, &written.body);
        // A name that Converse does not take is coded for it. Its own clients' names are never taken for codes, so they are coded anew.
        if vendor.id() == DialectId::BedrockConverse && text(&once).contains("_x") {
            continue;
        }
        let twice = again(vendor, &request, &once);
        assert_eq!(text(&once), text(&twice), "{:?} does not write what it has read", vendor.id());
    }
}

/// What a dialect writes for what it reads. Where the model and the stream are in the path, the body does not tell them.
fn again(dialect: &dyn Dialect, first: &Request, body: &[u8]) -> Bytes {
    let read =
        dialect.read_request(body).unwrap_or_else(|error| panic!("{:?} writes what it cannot read: {error}\n{}", dialect.id(), text(body)));
    let read = Request { stream: first.stream, ..read };
    let quirks = Quirks::default();
    let to = To { model: "m", quirks: &quirks, want_usage: true };
    dialect
        .write_request(&read, &to)
        .unwrap_or_else(|error| panic!("{:?} reads what it cannot write: {error}\n{}", dialect.id(), text(body)))
        .body
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}
