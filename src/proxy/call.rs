//! A client's chat request, read and routed.

use bytes::Bytes;
use http::HeaderMap;

use crate::chat::DialectId;
use crate::dialect::View;
use crate::runtime::Target;

/// A chat request as it came, and where it may go.
pub(super) struct Call {
    /// The client's dialect.
    pub dialect: DialectId,
    pub headers: HeaderMap,
    pub query: Option<String>,
    pub body: Bytes,
    pub view: View,
    /// In the order they are to be tried; never empty.
    pub targets: Vec<Target>,
}
