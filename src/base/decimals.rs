//! Decimal places of a fixed-point number.

/// The `N` decimal places that `part` has of one, in ASCII and without zeros at the end: `part` = 40 of 1000 is `04`. Empty where it
/// is 0; `digits` is where they are written.
pub fn decimals<const N: usize>(part: u64, digits: &mut [u8; N]) -> &[u8] {
    let mut rest = part;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    let end = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    digits.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_stand_before_but_not_behind() {
        let of = |part| String::from_utf8(decimals(part, &mut [0; 3]).to_vec()).unwrap();
        assert_eq!([of(0), of(1), of(40), of(500), of(999)], ["", "001", "04", "5", "999"]);
    }
}
