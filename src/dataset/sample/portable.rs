//! Functions whose every bit is the same on all machines.
//!
//! IEEE 754 settles what `+ - * /`, square roots and rounding give, but not what the standard library's `sin`, `exp` and
//! their like do: those come from the platform and differ in the last bit, which a random walk would make visible.

/// Sine and cosine of an angle in radians.
pub(super) fn sin_cos(angle: f32) -> (f32, f32) {
    libm::sincosf(angle)
}

/// e to the power `x`.
pub(super) fn exp(x: f32) -> f32 {
    libm::expf(x)
}

/// Direction of the vector (`x`, `y`) in radians.
pub(super) fn direction(x: f32, y: f32) -> f32 {
    libm::atan2f(y, x)
}

/// Length of the vector (`x`, `y`), which is nowhere near overflow here.
pub(super) fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// `x` times itself.
pub(super) fn square(x: f32) -> f32 {
    x * x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_the_known_ones() {
        let bits: Vec<u32> = (-40..40)
            .map(|i| i as f32 * 0.37)
            .flat_map(|x| {
                let (sine, cosine) = sin_cos(x);
                [sine, cosine, exp(x), direction(x, 1.3), length(x, 1.3)]
            })
            .map(f32::to_bits)
            .collect();
        let hash = bits.iter().fold(0x811C_9DC5_u32, |hash, bits| (hash ^ bits).wrapping_mul(0x0100_0193));
        assert_eq!(hash, 0x0D5E_E2B8);
    }

    #[test]
    fn they_mean_what_their_names_say() {
        let (sine, cosine) = sin_cos(std::f32::consts::FRAC_PI_6);
        assert!((sine - 0.5).abs() < 1e-6 && (cosine - 0.866_025_4).abs() < 1e-6);
        assert!((exp(1.0) - std::f32::consts::E).abs() < 1e-6);
        assert!((direction(-1.0, 0.0) - std::f32::consts::PI).abs() < 1e-6);
        assert_eq!((length(3.0, -4.0), square(-3.0)), (5.0, 9.0));
    }
}
