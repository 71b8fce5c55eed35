//! Numbers as people read them.

use std::time::Duration;

/// `7,146`.
pub fn count(n: impl TryInto<u64>) -> String {
    let digits = n.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 photo`, `7,146 photos`.
pub fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(n as u64), if n == 1 { one } else { many })
}

/// `7,146 photos`.
pub fn photos(n: usize) -> String {
    counted(n, "photo", "photos")
}

/// A length of time as a person says it: `under a second`, `5 s`, `2 min 10 s`, `1 h 5 min`.
pub fn duration(time: Duration) -> String {
    let seconds = (time.as_secs_f64()).round() as u64;
    match seconds {
        0 => "under a second".to_owned(),
        1..60 => format!("{seconds} s"),
        60..600 if !seconds.is_multiple_of(60) => format!("{} min {} s", seconds / 60, seconds % 60),
        60..3600 => format!("{} min", (seconds + 30) / 60),
        3600..86_400 => match (seconds % 3600) / 60 {
            0 => format!("{} h", seconds / 3600),
            minutes => format!("{} h {minutes} min", seconds / 3600),
        },
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `412/s`, `3.4/s`.
pub fn rate(per_second: f64) -> String {
    if per_second >= 10.0 { format!("{}/s", count(per_second.round() as u64)) } else { format!("{per_second:.1}/s") }
}

/// A learning rate as people write it: `0.001`, `1e-4`, `2.5e-5`.
pub fn learning_rate(rate: f64) -> String {
    if rate >= 1e-3 || rate == 0.0 {
        let text = format!("{rate:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{rate:.1e}").replace(".0e", "e")
    }
}

/// `12.3 MB`, in powers of ten.
pub fn bytes(n: u64) -> String {
    let size = n as f64;
    match n {
        0..1_000 => counted(n as usize, "byte", "bytes"),
        1_000..1_000_000 => format!("{:.0} kB", size / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", size / 1e6),
        _ => format!("{:.1} GB", size / 1e9),
    }
}

/// `12.3 megapixels`, or `0.05 megapixels` of the smallest photos.
pub fn megapixels(pixels: u64) -> String {
    let megapixels = pixels as f64 / 1e6;
    if megapixels < 1.0 { format!("{megapixels:.2} megapixels") } else { format!("{megapixels:.1} megapixels") }
}

/// A share with three decimals, or a dash where it has no meaning. What falls short of 1 never reads 1: it is rounded
/// down.
pub fn share(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value > 0.9995 && value < 1.0 => "0.999".to_owned(),
        Some(value) => format!("{value:.3}"),
    }
}

/// A figure with four decimals, or a dash where it has no meaning. What falls short of 1 never reads 1.
pub fn figure(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value > 0.99995 && value < 1.0 => ">0.9999".to_owned(),
        Some(value) => format!("{value:.4}"),
    }
}

/// The least of 1, 2 and 5 times a power of ten that is no less than `least`; 1 where that is no positive number.
pub fn round_step(least: f64) -> f64 {
    if !(least > 0.0 && least.is_finite()) {
        return 1.0;
    }
    let power = 10.0_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= least).unwrap_or(least)
}

/// As many decimals, 9 at the most, as tell numbers `step` apart from each other.
pub fn decimals_for(step: f64) -> usize {
    // A power of ten may fall short of itself by the last bit.
    (-(step.log10() + 1e-9).floor()).clamp(0.0, 9.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0_u64, 999, 1000, 7146, 1_234_567].map(count), ["0", "999", "1,000", "7,146", "1,234,567"]);
        assert_eq!([1, 2].map(photos), ["1 photo", "2 photos"]);
        assert_eq!([3.4, 412.4, 12_000.0].map(rate), ["3.4/s", "412/s", "12,000/s"]);
        assert_eq!([1, 51_300, 12_345_678].map(bytes), ["1 byte", "51 kB", "12.3 MB"]);
        assert_eq!([Some(0.9962), Some(0.9998), Some(1.0), None].map(share), ["0.996", "0.999", "1.000", "–"]);
        assert_eq!([Some(0.9962), Some(0.99998), Some(1.0), None].map(figure), ["0.9962", ">0.9999", "1.0000", "–"]);
    }

    #[test]
    fn steps_are_round() {
        assert_eq!([0.9, 1.0, 1.1, 3.0, 7.0].map(round_step), [1.0, 1.0, 2.0, 5.0, 10.0]);
        assert!((round_step(0.031) - 0.05).abs() < 1e-12);
        assert_eq!([0.0, f64::NAN].map(round_step), [1.0, 1.0]);
    }

    #[test]
    fn marks_that_are_apart_read_apart() {
        for step in [0.0005, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0] {
            let decimals = decimals_for(step);
            let marks: std::collections::BTreeSet<String> =
                (0..20).map(|n| format!("{:.decimals$}", f64::from(n) * step)).collect();
            assert_eq!(marks.len(), 20, "{step}: {marks:?}");
        }
        assert_eq!([1000.0, 1.0, 0.5, 0.1, 0.001].map(decimals_for), [0, 0, 1, 1, 3]);
    }

    #[test]
    fn rates_are_short() {
        assert_eq!([0.001, 0.01, 1.0, 0.0, 1e-4].map(learning_rate), ["0.001", "0.01", "1", "0", "1e-4"]);
        assert_eq!([2.5e-5, 0.0005].map(learning_rate), ["2.5e-5", "5e-4"]);
    }

    #[test]
    fn durations_are_said_as_people_say_them() {
        let said = [0.2, 5.0, 59.6, 130.0, 1800.0, 3900.0, 7200.0].map(|s| duration(Duration::from_secs_f64(s)));
        assert_eq!(said, ["under a second", "5 s", "1 min", "2 min 10 s", "30 min", "1 h 5 min", "2 h"]);
    }
}
