//! Floor 1: the metric families, registered once and passed in as values. Labels come from configured names and closed sets
//! only, and a route's handles are resolved when its snapshot is built, so that no label is looked up on the way of a request.

mod alerts;
mod cache;
mod classic;
mod families;
mod histogram;
mod labels;
mod money;
mod signatures;
mod spending;
mod target;
mod telemetry;

pub use alerts::AlertMetrics;
pub use cache::CacheMetrics;
pub use classic::to_classic;
pub use families::Metrics;
pub use histogram::{Histogram, HistogramFamily};
pub use labels::Labels;
pub use money::{CALL_BUCKETS, MoneyCounter, MoneyMetrics};
pub use spending::Spending;
pub use target::TargetMetrics;
pub use telemetry::TelemetryMetrics;

/// The label value for a model that is not configured and not in a learnt list.
pub const OTHER: &str = "other";
