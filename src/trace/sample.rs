//! Which requests are traced.

use super::context::Context;

/// Whether a request is traced: as its caller has decided, if there is one and `follow_parent` says to follow it; else so that
/// `ratio` (0 to 1) of all traces are, each in the same way at every place that goes by its id.
pub fn is_sampled(parent: Option<&Context>, follow_parent: bool, trace: u128, ratio: f64) -> bool {
    match parent {
        Some(parent) if follow_parent => parent.sampled,
        // The low 53 bits, which a floating-point number holds exactly.
        _ => ((trace & ((1 << 53) - 1)) as f64) < ratio * (1_u64 << 53) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_kept_and_the_parent_followed() {
        let mut random = fastrand::Rng::with_seed(7);
        let sampled = (0..10_000).filter(|_| is_sampled(None, true, random.u128(..), 0.25)).count();
        assert!((2_300..2_700).contains(&sampled), "{sampled}");
        assert!(is_sampled(None, true, u128::MAX, 1.0));
        assert!(!is_sampled(None, true, 0, 0.0));
        let parent = |sampled| Context { trace: 1, span: 1, sampled };
        assert!(is_sampled(Some(&parent(true)), true, 1, 0.0));
        assert!(!is_sampled(Some(&parent(false)), true, 1, 1.0));
        assert!(is_sampled(Some(&parent(false)), false, 1, 1.0));
    }
}
