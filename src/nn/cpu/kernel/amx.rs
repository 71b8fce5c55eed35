//! Rows of bf16 by Intel's matrix unit (AMX), which multiplies whole tiles: 16 pixels by 32 values, times 32 values by 16
//! channels.
//!
//! Linux alone, where a program has to ask for the unit once. The unit is used only if a first product comes out right.

use std::sync::OnceLock;

use half::bf16;

use super::finish::Finish;
use super::lanes::{Four, Lanes};
use super::row::{Row, finish};

/// Pixels of a tile, at most.
const PIXELS: usize = 16;
/// Values that one multiplication takes of each pixel.
const VALUES: usize = 32;
/// Output channels of a row: two tiles.
const CHANNELS: usize = 32;

/// Sums of two tiles of pixels: pixel by pixel, channel by channel.
#[repr(C, align(64))]
struct Sums([[[f32; CHANNELS]; PIXELS]; 2]);

/// Whether the unit is there, may be used, and takes rows like this one.
pub(super) fn serves(row: &Row<'_, bf16>) -> bool {
    row.run.is_multiple_of(VALUES) && row.run > 0 && is_available()
}

/// Whether the unit is there, may be used, and multiplies rightly.
fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| is_x86_feature_detected!("avx512f") && unit::is_permitted() && unit_agrees())
}

/// Computes a row by the unit.
///
/// # Panics
/// Where there is none, or a slice is shorter than the description says.
pub(super) fn row(it: &mut Row<'_, bf16>) {
    assert!(serves(it) && is_x86_feature_detected!("avx512f"));
    let unit = unit::Unit::configure(pixels_of_a_tile(it.width));
    // SAFETY: the processor has the instructions, as was just asked.
    unsafe { x86::row_avx512(it, |tiles, sums| unit.multiply(tiles, sums)) };
}

/// What a multiplication of tiles is given: [`Row`]'s input from the first pixel of either tile on, its weights, and how
/// many pixels a tile has.
struct Tiles<'a> {
    inputs: [&'a [bf16]; 2],
    input_step: usize,
    runs: &'a [usize],
    run: usize,
    weights: &'a [bf16],
    pixels: usize,
}

/// Pixels of a tile, so that pairs of tiles cover a row of `width` with as little as can be done twice: the unit takes
/// the longer the more pixels a tile has.
fn pixels_of_a_tile(width: usize) -> usize {
    let pairs = width.div_ceil(2 * PIXELS);
    width.div_ceil(2 * pairs.max(1))
}

/// The row, two tiles of pixels at a time; the last ones may overlap those before. `multiply` is the unit or what stands
/// for it.
#[inline(always)]
fn rows_of_tiles<V: Lanes>(it: &mut Row<'_, bf16>, multiply: impl Fn(&Tiles<'_>, &mut Sums)) {
    it.check(CHANNELS);
    let pixels = pixels_of_a_tile(it.width);
    let last = it.width - pixels;
    let mut sums = Sums([[[0.0; CHANNELS]; PIXELS]; 2]);
    for first in (0..it.width.div_ceil(pixels)).step_by(2) {
        let begins = [first, first + 1].map(|tile| (tile * pixels).min(last));
        let inputs = begins.map(|begin| it.input.get(begin * it.input_step..).unwrap_or_default());
        let Row { input_step, runs, run, weights, .. } = *it;
        multiply(&Tiles { inputs, input_step, runs, run, weights, pixels }, &mut sums);
        for (begin, sums) in begins.into_iter().zip(&sums.0) {
            for (pixel, sums) in sums.iter().take(pixels).enumerate() {
                for channel in (0..CHANNELS).step_by(V::N) {
                    let place = (begin + pixel) * it.output_step + channel;
                    // SAFETY: bias and sums have as many channels, a multiple of the vector's, and `Row::check` has
                    // made sure of what pixels of the row write.
                    unsafe {
                        let sum = V::load(sums.as_ptr().add(channel)).add(V::load(it.bias.as_ptr().add(channel)));
                        finish(it, place, sum);
                    }
                }
            }
        }
    }
}

/// What the unit does, by plain arithmetic.
fn plain(it: &Tiles<'_>, sums: &mut Sums) {
    for (input, sums) in it.inputs.iter().zip(&mut sums.0) {
        for (pixel, sums) in sums.iter_mut().take(it.pixels).enumerate() {
            sums.fill(0.0);
            let values = it.runs.iter().flat_map(|run| &input[pixel * it.input_step + run..][..it.run]);
            let pairs = it.weights.chunks_exact(2 * CHANNELS);
            for ((even, odd), weights) in values.clone().step_by(2).zip(values.skip(1).step_by(2)).zip(pairs) {
                for (sum, weight) in sums.iter_mut().zip(weights.as_chunks::<2>().0) {
                    *sum += even.to_f32() * weight[0].to_f32() + odd.to_f32() * weight[1].to_f32();
                }
            }
        }
    }
}

/// Whether the unit gives what plain arithmetic gives, on a small row with all that a row may have.
fn unit_agrees() -> bool {
    let value = |n: usize| bf16::from_f32((n * 7919 % 251) as f32 / 125.0 - 1.0);
    let input: Vec<bf16> = (0..40 * 64 + 64).map(value).collect();
    let weights: Vec<bf16> = (0..2 * 64 * CHANNELS).map(|n| value(n + 77)).collect();
    [5, 16, 20, 37].into_iter().all(|width| {
        let compute = |multiply: &dyn Fn(&Tiles<'_>, &mut Sums)| {
            let mut output = vec![0.0; width * CHANNELS];
            let mut row = Row {
                input: &input,
                input_step: 64,
                runs: &[0, 3],
                run: 64,
                apart: false,
                weights: &weights,
                bias: &[0.0; CHANNELS],
                finish: Finish::NOTHING,
                output: &mut output,
                output_step: CHANNELS,
                width,
            };
            rows_of_tiles::<Four>(&mut row, multiply);
            output
        };
        let unit = unit::Unit::configure(pixels_of_a_tile(width));
        let (fast, slow) = (compute(&|tiles, sums| unit.multiply(tiles, sums)), compute(&plain));
        fast.iter().zip(&slow).all(|(fast, slow)| (fast - slow).abs() <= 1e-3 * slow.abs().max(1.0))
    })
}

mod x86 {
    use half::bf16;

    use super::super::lanes::x86::Sixteen;
    use super::{Row, Sums, Tiles, rows_of_tiles};

    /// All but the multiplication by AVX-512.
    #[target_feature(enable = "avx512f")]
    pub(super) fn row_avx512(it: &mut Row<'_, bf16>, multiply: impl Fn(&Tiles<'_>, &mut Sums)) {
        rows_of_tiles::<Sixteen>(it, multiply);
    }
}

mod unit {
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;
    use std::ffi::c_long;
    use std::marker::PhantomData;

    use super::{PIXELS, Sums, Tiles, VALUES};

    /// What the tiles are: 0 to 3 sums, 4 and 5 pixels, 6 and 7 weights. Intel's manual, "Intel AMX Instruction Set
    /// Reference", `LDTILECFG`, palette 1.
    #[repr(C, align(64))]
    struct Configuration {
        palette: u8,
        start: u8,
        reserved: [u8; 14],
        bytes: [u16; 16],
        rows: [u8; 16],
    }

    /// Whether the processor has the unit and Linux lets this process use it.
    pub(super) fn is_permitted() -> bool {
        const BF16: u32 = 1 << 22;
        const TILE: u32 = 1 << 24;
        const ARCH_PRCTL: c_long = 158;
        const REQUEST_PERMISSION: c_long = 0x1023;
        const TILE_DATA: c_long = 18;
        unsafe extern "C" {
            fn syscall(number: c_long, ...) -> c_long;
        }
        let has = __cpuid_count(0, 0).eax >= 7 && __cpuid_count(7, 0).edx & (BF16 | TILE) == BF16 | TILE;
        // SAFETY: the call passes numbers alone; where Linux does not know it, it fails.
        has && unsafe { syscall(ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA) } == 0
    }

    /// The unit of this thread, set up for tiles of so many pixels.
    pub(super) struct Unit {
        pixels: usize,
        /// It stays in the thread that set it up.
        _thread: PhantomData<*const ()>,
    }

    impl Unit {
        /// Sets it up. There must be no other in this thread.
        ///
        /// # Panics
        /// Where the number is none that a tile can have.
        pub(super) fn configure(pixels: usize) -> Self {
            assert!((1..=PIXELS).contains(&pixels));
            let (all, weights) = (pixels as u8, 16);
            let rows = [all, all, all, all, all, all, weights, weights, 0, 0, 0, 0, 0, 0, 0, 0];
            let bytes = std::array::from_fn(|tile| if tile < 8 { 64 } else { 0 });
            let configuration = Configuration { palette: 1, start: 0, reserved: [0; 14], bytes, rows };
            // SAFETY: the unit may be used, as `is_permitted` has found before any is set up, and the 64 bytes are
            // what the manual asks for.
            unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly)) };
            Self { pixels, _thread: PhantomData }
        }

        /// Multiplies two tiles of pixels with the weights of a row.
        ///
        /// # Panics
        /// Where the slices are shorter than the description says, or the tiles are not those it is set up for.
        pub(super) fn multiply(&self, it: &Tiles<'_>, sums: &mut Sums) {
            assert!(it.pixels == self.pixels && it.run.is_multiple_of(VALUES) && it.run > 0 && !it.runs.is_empty());
            let reach = it.runs.iter().max().map_or(0, |run| run + (it.pixels - 1) * it.input_step + it.run);
            assert!(it.inputs.iter().all(|input| input.len() >= reach));
            assert_eq!(it.weights.len(), it.runs.len() * it.run * super::CHANNELS);
            // SAFETY: a tile of pixels reads `VALUES` values from each of its pixels, for each run as many times as fit
            // into it; that is within `inputs`, as was just made sure of. The weights are taken in order, 16 rows of 128
            // bytes at a time, from first to last. The sums are 32 rows of 128 bytes.
            unsafe {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "2:",
                    "mov {offset}, [{runs}]",
                    "lea {x}, [{a} + {offset}*2]",
                    "lea {y}, [{b} + {offset}*2]",
                    "mov {offset}, {steps}",
                    "3:",
                    "tileloadd tmm6, [{weights} + {line}*1]",
                    "tileloadd tmm4, [{x} + {pixel}*1]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm7, [{weights} + {line}*1 + 64]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tileloadd tmm5, [{y} + {pixel}*1]",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "add {weights}, 2048",
                    "add {x}, 64",
                    "add {y}, 64",
                    "dec {offset}",
                    "jnz 3b",
                    "add {runs}, 8",
                    "cmp {runs}, {end}",
                    "jne 2b",
                    "tilestored [{sums} + {line}*1], tmm0",
                    "tilestored [{sums} + {line}*1 + 64], tmm1",
                    "tilestored [{sums} + {line}*1 + 2048], tmm2",
                    "tilestored [{sums} + {line}*1 + 2112], tmm3",
                    a = in(reg) it.inputs[0].as_ptr(),
                    b = in(reg) it.inputs[1].as_ptr(),
                    pixel = in(reg) it.input_step * 2,
                    runs = inout(reg) it.runs.as_ptr() => _,
                    end = in(reg) it.runs.as_ptr_range().end,
                    steps = in(reg) it.run / VALUES,
                    weights = inout(reg) it.weights.as_ptr() => _,
                    line = in(reg) 128usize,
                    sums = in(reg) &raw mut *sums,
                    offset = out(reg) _,
                    x = out(reg) _,
                    y = out(reg) _,
                    out("tmm0") _,
                    out("tmm1") _,
                    out("tmm2") _,
                    out("tmm3") _,
                    out("tmm4") _,
                    out("tmm5") _,
                    out("tmm6") _,
                    out("tmm7") _,
                    options(nostack),
                );
            }
        }
    }

    impl Drop for Unit {
        fn drop(&mut self) {
            // SAFETY: the unit is set up; afterwards it is as it was before.
            unsafe { asm!("tilerelease", options(nostack, nomem)) };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::super::architecture::Activation;

    #[test]
    fn the_unit_where_there_is_one_multiplies_rightly() {
        if unit::is_permitted() {
            assert!(unit_agrees());
        } else {
            eprintln!("skipped: this processor or system has no AMX");
        }
    }

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The division of a row into tiles, with plain arithmetic in place of the unit.
        #[test]
        fn tiles_cover_a_row(width in 1usize..70, steps in 1usize..4, stride in 1usize..3, relu: bool, extra: bool) {
            let value = |n: usize| (n * 7919 % 256) as f32 / 128.0 - 1.0;
            let (inputs, run) = (32, 32 * steps);
            let runs = [0, 96, 7];
            let input: Vec<bf16> = (0..width * stride * inputs + 96 + run).map(|n| bf16::from_f32(value(n))).collect();
            let weights: Vec<bf16> = (0..3 * run * CHANNELS).map(|n| bf16::from_f32(value(n + 5))).collect();
            let bias: Vec<f32> = (0..CHANNELS).map(value).collect();
            let others: Vec<f32> = (0..width * 40).map(|n| value(n + 9)).collect();
            let compute = |by: &dyn Fn(&mut Row<'_, bf16>)| {
                let mut output = vec![0.0; width * 40];
                by(&mut Row {
                    input: &input,
                    input_step: stride * inputs,
                    runs: &runs,
                    run,
                    apart: false,
                    weights: &weights,
                    bias: &bias,
                    finish: Finish {
                        residual: extra.then_some(&others),
                        activation: if relu { Activation::Relu } else { Activation::Linear },
                        gate: (!extra).then_some((&others, Activation::Relu)),
                    },
                    output: &mut output,
                    output_step: 40,
                    width,
                });
                output
            };
            let tiled = compute(&|row| rows_of_tiles::<Four>(row, plain));
            let by_definition = compute(&|row| {
                for (x, channel) in (0..width).flat_map(|x| (0..CHANNELS).map(move |channel| (x, channel))) {
                    let value = |r: usize, i: usize| row.input[runs[r] + x * row.input_step + i].to_f32();
                    let weight = |r: usize, i: usize| {
                        row.weights[((r * run + i) / 2 * CHANNELS + channel) * 2 + i % 2].to_f32()
                    };
                    let places = (0..3).flat_map(|r| (0..run).map(move |i| (r, i)));
                    let place = x * 40 + channel;
                    let sum: f32 = places.map(|(r, i)| value(r, i) * weight(r, i)).sum();
                    let sum = sum + bias[channel] + row.finish.residual.map_or(0.0, |residual| residual[place]);
                    let sum = if relu { sum.max(0.0) } else { sum };
                    row.output[place] = if row.finish.gate.is_none_or(|(gate, _)| gate[place] > 0.0) { sum } else { 0.0 };
                }
            });
            for (got, expected) in tiled.iter().zip(&by_definition) {
                prop_assert!((got - expected).abs() <= 1e-4 * expected.abs().max(4.0), "{} {}", got, expected);
            }
        }
    }
}
