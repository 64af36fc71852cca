//! Floor 2: what answers cost. Amounts of money are integers of a billionth (nano) of a currency's unit, and prices are such
//! amounts for a million tokens; no number on the way from a count to a cost is a float.

mod book;
mod catalogue;
mod cost;
mod counts;
mod exchange;
mod money;
mod schedule;

pub use book::{Book, Layer, Prices};
pub use catalogue::{find as catalogue_price, has_provider};
pub use cost::Cost;
pub use counts::Counts;
pub use exchange::{Exchange, ExchangeRate};
pub use money::{Currency, NANO, Nano, parse_nano};
pub use schedule::{Rate, Rates, Schedule, When};
