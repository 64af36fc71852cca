//! Floor 2: what keeps one upstream, or one client, from doing harm to the rest. Pure cores: the time, random numbers and
//! verdicts are arguments; nothing here sleeps, sends or logs.
//!
//! | module | holds |
//! |---|---|
//! | `ring` | counts over a sliding window, shared by the others |

mod ring;
