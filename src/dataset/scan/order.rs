//! The order of photos: `2.jpg` before `10.jpg`.

use std::cmp::Ordering;

/// Compares two paths with `/` as people number things: runs of digits by their value, everything else by its bytes,
/// folder by folder. Texts that differ never compare equal.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a.as_bytes(), b.as_bytes());
    loop {
        let order = match (x, y) {
            ([], []) => return a.cmp(b),
            ([], _) => Ordering::Less,
            (_, []) => Ordering::Greater,
            ([p, ..], [q, ..]) if p.is_ascii_digit() && q.is_ascii_digit() => {
                let (m, n) = (number(&mut x), number(&mut y));
                m.len().cmp(&n.len()).then_with(|| m.cmp(n))
            }
            ([p, x_rest @ ..], [q, y_rest @ ..]) => {
                (x, y) = (x_rest, y_rest);
                rank(*p).cmp(&rank(*q))
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Takes the digits at the front, and leaves out leading zeros.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    *text = rest;
    let zeros = number.iter().take_while(|b| **b == b'0').count();
    number.get(zeros..).unwrap_or_default()
}

/// `/` ranks first, so that the content of folder `a` is not torn apart by `a-b`.
fn rank(byte: u8) -> u8 {
    if byte == b'/' { 0 } else { byte }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count_by_value() {
        let sorted = [
            "1.jpg",
            "2.jpg",
            "02.jpg",
            "10.jpg",
            "a/9.jpg",
            "a/10/b.jpg",
            "a-b/1.jpg",
            "a1b2.jpg",
            "a1b10.jpg",
            "a01c.jpg",
        ];
        let mut shuffled = sorted;
        shuffled.reverse();
        shuffled.sort_by(|a, b| natural(a, b));
        // `02` and `2` are the same number; their bytes decide.
        assert_eq!(
            shuffled,
            [
                "1.jpg",
                "02.jpg",
                "2.jpg",
                "10.jpg",
                "a/9.jpg",
                "a/10/b.jpg",
                "a-b/1.jpg",
                "a1b2.jpg",
                "a1b10.jpg",
                "a01c.jpg"
            ]
        );
    }

    proptest! {
        #[test]
        fn it_is_a_total_order(a in "[0-2a/é.-]{0,6}", b in "[0-2a/é.-]{0,6}", c in "[0-2a/é.-]{0,6}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &b).is_eq(), a == b);
            if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
                prop_assert!(natural(&a, &c).is_le());
            }
        }
    }
}
