//! Embeddings: texts in, vectors out. Each format reads and writes both ways over one hub (`hub`), as chat's dialects do.
//! Where both ends speak the same format, the request is only edited for the model's name.

mod bedrock_cohere;
mod bedrock_titan;
mod cohere;
mod dashscope;
mod gemini;
mod hub;
mod ollama;
mod openai;
#[cfg(test)]
mod tests;
mod vector;
mod vertex;

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use super::side::{self, Answered, Asking, Sent};
use super::{To, View, estimate};
use crate::chat::{ApiError, Dropped};
pub use hub::{Answer, Encoding, Input, Part, Reply, Request, Task, Truncate};
pub use vector::Vector;

/// The formats, as the catalogue names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddingsId {
    /// `/embeddings`
    Openai,
    /// `:embedContent`, one input.
    Gemini,
    /// `:batchEmbedContents`
    GeminiBatch,
    /// Vertex AI's `:predict`
    VertexPredict,
    /// `/v2/embed`
    Cohere,
    /// `/api/embed`
    Ollama,
    /// `/api/embeddings`, the older one with one `prompt`.
    OllamaPrompt,
    /// `/services/embeddings/text-embedding/text-embedding`
    Dashscope,
    /// Amazon's models at Bedrock, one input.
    BedrockTitan,
    /// Cohere's models at Bedrock.
    BedrockCohere,
}

/// The format of an id.
pub fn embeddings(id: EmbeddingsId) -> &'static dyn Embeddings {
    match id {
        EmbeddingsId::Openai => &openai::Openai,
        EmbeddingsId::Gemini => &gemini::One,
        EmbeddingsId::GeminiBatch => &gemini::Batch,
        EmbeddingsId::VertexPredict => &vertex::Predict,
        EmbeddingsId::Cohere => &cohere::Cohere,
        EmbeddingsId::Ollama => &ollama::Embed,
        EmbeddingsId::OllamaPrompt => &ollama::Prompt,
        EmbeddingsId::Dashscope => &dashscope::Dashscope,
        EmbeddingsId::BedrockTitan => &bedrock_titan::Titan,
        EmbeddingsId::BedrockCohere => &bedrock_cohere::BedrockCohere,
    }
}

/// A wire format for embeddings, in both directions.
pub trait Embeddings: Send + Sync {
    // --- as a server ---------------------------------------------------------------------------------------------------

    /// Checks a request's outer shape and finds the model.
    fn view(&self, body: &[u8]) -> Result<View, ApiError> {
        side::view(body)
    }

    /// Reads a client's request.
    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError>;

    /// Writes an answer.
    fn write_answer(&self, answer: &Answer, reply: &Reply<'_>) -> Result<Vec<u8>, ApiError>;

    /// An answer tells the tokens, and so needs an estimate where the vendor does not.
    fn tells_tokens(&self) -> bool {
        true
    }

    // --- as a client ---------------------------------------------------------------------------------------------------

    /// Whether the vendor has this model in this format.
    fn serves(&self, _model: &str) -> bool {
        true
    }

    /// The path below the API's root.
    fn path(&self, model: &str) -> Cow<'static, str>;

    /// The most inputs of one request.
    fn most(&self, _request: &Request, _model: &str) -> usize {
        usize::MAX
    }

    /// Writes a request to a vendor. What it cannot say is in `dropped`.
    fn write_request(&self, request: &Request, to: &To<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, ApiError>;

    /// Reads an answer with a success status; a vendor error inside it is an `Err`.
    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError>;

    // --- both ends alike -----------------------------------------------------------------------------------------------

    /// Edits a client's request for a vendor of the same format.
    fn edit_request(&self, body: &Bytes, to: &To<'_>) -> Result<Bytes, ApiError> {
        side::with_model(body, to.model)
    }

    /// Checks a vendor's answer, edits it where it is not what the request asked for, and finds the tokens.
    fn edit_answer(&self, body: Bytes, request: &Bytes) -> Result<(Bytes, Option<u64>), ApiError>;
}

/// What to ask a vendor that has these formats, for a client of one of them or of another.
pub fn ask(client: EmbeddingsId, vendor: &[EmbeddingsId], body: &Bytes, to: &To<'_>) -> Result<Asking, ApiError> {
    if vendor.contains(&client) {
        return relay(embeddings(client), body, to);
    }
    let mut formats = vendor.iter().map(|id| embeddings(*id));
    let unknown = || side::cannot("model", "embeddings", to.model);
    translate(embeddings(client), formats.find(|format| format.serves(to.model)).ok_or_else(unknown)?, body, to)
}

fn relay(format: &'static dyn Embeddings, body: &Bytes, to: &To<'_>) -> Result<Asking, ApiError> {
    let sent = Sent { path: format.path(to.model), body: format.edit_request(body, to)? };
    let request = body.clone();
    let answer = move |bodies: Vec<Bytes>| {
        let body = bodies.into_iter().next().ok_or_else(side::malformed)?;
        let (body, tokens) = format.edit_answer(body, &request)?;
        Ok(Answered { body, usage: side::usage(tokens), is_estimated: false })
    };
    Ok(Asking { calls: vec![sent], dropped: Dropped::default(), answer: Box::new(answer) })
}

fn translate(client: &'static dyn Embeddings, vendor: &'static dyn Embeddings, body: &Bytes, to: &To<'_>) -> Result<Asking, ApiError> {
    let request = client.read_request(body)?;
    let mut dropped = Dropped::default();
    request.others.iter().for_each(|field| dropped.add(field.clone()));
    let parts = request.inputs.chunks(vendor.most(&request, to.model).max(1));
    let mut write = |inputs: &[Input]| {
        let body = vendor.write_request(&request.with(inputs), to, &mut dropped)?;
        Ok(Sent { path: vendor.path(to.model), body: body.into() })
    };
    let calls = parts.map(&mut write).collect::<Result<_, ApiError>>()?;
    let model = to.model.to_owned();
    let answer = move |bodies: Vec<Bytes>| {
        let mut answer = joined(vendor, &bodies)?;
        if answer.vectors.len() != request.inputs.len() {
            return Err(side::malformed());
        }
        let usage = side::usage(answer.tokens);
        let is_estimated = usage.is_none() && client.tells_tokens();
        if is_estimated {
            answer.tokens = Some(estimated(&request.inputs));
        }
        let body = client.write_answer(&answer, &Reply { model: &model, request: &request })?;
        Ok(Answered { body: body.into(), usage, is_estimated })
    };
    Ok(Asking { calls, dropped, answer: Box::new(answer) })
}

/// The answers to all parts of a request as one.
fn joined(vendor: &dyn Embeddings, bodies: &[Bytes]) -> Result<Answer, ApiError> {
    let mut whole = Answer { vectors: Vec::new(), tokens: Some(0) };
    for body in bodies {
        let part = vendor.read_answer(body)?;
        whole.vectors.extend(part.vectors);
        whole.tokens = whole.tokens.zip(part.tokens).map(|(before, more)| before.saturating_add(more));
    }
    Ok(whole)
}

/// About how many tokens the inputs are.
fn estimated(inputs: &[Input]) -> u64 {
    let part = |part: &Part| match part {
        Part::Text(text) => estimate::text_tokens(text),
        Part::Image(_) => estimate::MEDIA_TOKENS,
    };
    let each = |input: &Input| match input {
        Input::Text(text) => estimate::text_tokens(text),
        Input::Tokens(tokens) => tokens.len() as u64,
        Input::Parts(parts) => parts.iter().map(part).sum(),
    };
    inputs.iter().map(each).sum()
}

/// The inputs of a vendor that only takes texts.
fn texts<'a>(request: &'a Request, model: &str) -> Result<Vec<&'a str>, ApiError> {
    let text = |input: &'a Input| match input {
        Input::Text(text) => Ok(text.as_str()),
        Input::Tokens(_) => Err(side::cannot("input", "token numbers as input", model)),
        Input::Parts(_) => Err(side::cannot("input", "images as input", model)),
    };
    request.inputs.iter().map(text).collect()
}

/// Names those of the fields that the request has and a vendor has no word for.
fn unsaid(request: &Request, fields: &[&'static str], dropped: &mut Dropped) {
    for field in fields {
        let is_there = match *field {
            "dimensions" => request.dimensions.is_some(),
            "input_type" => request.task.is_some(),
            "title" => request.title.is_some(),
            "truncate" => request.truncate.is_some(),
            _ => false,
        };
        if is_there {
            dropped.add(*field);
        }
    }
}

/// A request has to have something to embed.
fn some(inputs: Vec<Input>, param: &str) -> Result<Vec<Input>, ApiError> {
    if inputs.is_empty() {
        return Err(ApiError::invalid("invalid_value", param, format!("`{param}` has to hold at least one input")));
    }
    Ok(inputs)
}
