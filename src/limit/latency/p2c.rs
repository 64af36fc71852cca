//! The power of two choices: of two targets drawn at random take the cheaper. Nearly as good as the best of all, and unlike it
//! it does not send everybody to the same target at once. M. Mitzenmacher, *The Power of Two Choices in Randomized Load
//! Balancing* (1996).

/// An index below `n`, `None` where `n` is 0. `random` gives a number below its argument; of equal costs the first drawn wins.
pub fn choose(n: usize, mut random: impl FnMut(usize) -> usize, cost: impl Fn(usize) -> f64) -> Option<usize> {
    match n {
        0 => None,
        1 => Some(0),
        _ => {
            let first = random(n) % n;
            // Drawn from the others: the first is left out.
            let second = (first + 1 + random(n - 1) % (n - 1)) % n;
            Some(if cost(second) < cost(first) { second } else { first })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_choice_there_is_none() {
        assert_eq!(choose(0, |_| 0, |_| 0.0), None);
        assert_eq!(choose(1, |_| unreachable!("nothing to draw"), |_| 0.0), Some(0));
    }

    #[test]
    fn every_pair_is_drawn_equally_often_and_its_cheaper_one_taken() {
        let mut taken = [0; 4];
        for first in 0..4 {
            for second in 0..3 {
                let mut draws = [first, second].into_iter();
                let at = choose(4, |_| draws.next().expect("two draws"), |at| [3.0, 1.0, 2.0, 4.0][at]).unwrap();
                taken[at] += 1;
            }
        }
        // Of the twelve ordered pairs the cheapest wins its six, the dearest none.
        assert_eq!(taken, [2, 6, 4, 0]);
    }

    #[test]
    fn a_bad_source_or_cost_still_gives_an_index() {
        assert_eq!(choose(3, |_| usize::MAX, |_| f64::NAN), Some(usize::MAX % 3));
    }
}
