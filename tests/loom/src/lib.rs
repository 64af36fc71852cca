//! The project's files under the checker's `base::sync`.

pub mod base {
    pub mod sync;
}

#[path = "../../../src/upstream/gate.rs"]
pub mod gate;
#[path = "../../../src/limit/keyed.rs"]
pub mod keyed;
#[path = "../../../src/limit/permits.rs"]
pub mod permits;
