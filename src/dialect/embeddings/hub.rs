//! What all formats for embeddings read into and write from.

use super::vector::Vector;

/// A request for vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    pub inputs: Vec<Input>,
    /// The length the vectors are to have.
    pub dimensions: Option<u64>,
    pub encoding: Encoding,
    /// What the vectors are for.
    pub task: Option<Task>,
    /// Of the document that is embedded.
    pub title: Option<String>,
    /// What becomes of an input that is too long.
    pub truncate: Option<Truncate>,
    /// Fields that only their own format has.
    pub others: Vec<String>,
}

/// What one vector stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    Text(String),
    /// Numbers of the model's own vocabulary.
    Tokens(Vec<u64>),
    /// Something with images.
    Parts(Vec<Part>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Text(String),
    /// A `data:` URL, or that of a page.
    Image(String),
}

/// How a client wants the numbers of a vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    #[default]
    Numbers,
    /// Little-endian `f32`s.
    Base64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncate {
    /// Refuse the input.
    Never,
    Start,
    End,
}

/// What vectors are for. Models that know make others of it for a question than for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Query,
    Document,
    Similarity,
    Classification,
    Clustering,
    QuestionAnswering,
    FactVerification,
    CodeQuery,
}

/// Vectors, one for each input, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub vectors: Vec<Vector>,
    /// Of all inputs.
    pub tokens: Option<u64>,
}

/// What an answer repeats of its request.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The model as the vendor calls it.
    pub model: &'a str,
    pub request: &'a Request,
}

impl Task {
    /// The word of another format for the same, as clients write it where their own format has none.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "search_query" | "retrieval_query" | "retrieval.query" | "query" => Self::Query,
            "search_document" | "retrieval_document" | "retrieval.passage" | "document" | "passage" => Self::Document,
            "semantic_similarity" | "text-matching" => Self::Similarity,
            "classification" => Self::Classification,
            "clustering" | "separation" => Self::Clustering,
            "question_answering" => Self::QuestionAnswering,
            "fact_verification" => Self::FactVerification,
            "code_retrieval_query" => Self::CodeQuery,
            _ => return None,
        })
    }

    /// Whether it is a kind of question that documents are searched for.
    pub fn is_query(self) -> bool {
        matches!(self, Self::Query | Self::QuestionAnswering | Self::FactVerification | Self::CodeQuery)
    }
}

impl Request {
    /// The same for some of the inputs.
    pub fn with(&self, inputs: &[Input]) -> Self {
        Self { inputs: inputs.to_vec(), others: Vec::new(), title: self.title.clone(), ..*self }
    }
}
