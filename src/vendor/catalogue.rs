use super::Layout;
use crate::chat::DialectId;
use crate::dialect::Quirks;
#[derive(Clone, Debug)]
pub enum Auth {
    Bearer,
    Header(String),
    None,
}
pub struct Vendor {
    pub id: String,
    pub dialect: DialectId,
    pub layout: Layout,
    pub auth: Auth,
    pub quirks: Quirks,
}
impl Vendor {
    pub fn version_header(&self) -> Option<(&'static str, &'static str)> {
        None
    }
}
pub fn vendor(_id: &str) -> Option<&'static Vendor> {
    None
}
pub fn ids() -> Vec<&'static str> {
    vec![]
}
