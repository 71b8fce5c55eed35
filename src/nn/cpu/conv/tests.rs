use proptest::prelude::*;

use super::super::map::{Layout, Map};
use super::*;
use crate::job::Flag;
use crate::nn::cpu::{Instructions, Precision};

/// A convolution with its maps, in the order of its definition.
#[derive(Clone, Debug)]
struct Case {
    shape: ConvShape,
    height: usize,
    width: usize,
    photos: usize,
    seed: u32,
}

fn cases(inputs: impl Strategy<Value = usize>) -> impl Strategy<Value = Case> {
    let sizes = (1usize..20, 1usize..40, 1usize..4);
    (sizes, inputs, 1usize..3, 0usize..4, 1usize..3, any::<u32>()).prop_map(
        |((height, width, photos), inputs, blocks, half, stride, seed)| Case {
            shape: ConvShape { inputs, outputs: CHANNELS * blocks, kernel: 2 * half + 1, stride, depthwise: false },
            height,
            width,
            photos,
            seed,
        },
    )
}

/// The same with each channel by itself.
fn depthwise_cases() -> impl Strategy<Value = Case> {
    cases(Just(CHANNELS)).prop_map(|case| {
        let shape = ConvShape { inputs: case.shape.outputs, kernel: 3, depthwise: true, ..case.shape };
        Case { shape, ..case }
    })
}

fn activations() -> impl Strategy<Value = Activation> {
    prop_oneof![Just(Activation::Linear), Just(Activation::Relu), Just(Activation::Relu6)]
}

/// What an activation makes of a value, by its definition.
fn activated(value: f64, activation: Activation) -> f64 {
    match activation {
        Activation::Linear => value,
        Activation::Relu => value.max(0.0),
        Activation::Relu6 => value.clamp(0.0, 6.0),
    }
}

/// Whether a gradient passes an activation that `value` came out of, as PyTorch has it.
fn passes(value: f32, activation: Activation) -> bool {
    match activation {
        Activation::Linear => true,
        Activation::Relu => value > 0.0,
        Activation::Relu6 => value > 0.0 && value < 6.0,
    }
}

impl Case {
    /// Values that are added up for one that comes out.
    fn terms(&self) -> usize {
        if self.shape.depthwise { 9 } else { self.shape.inputs * self.shape.kernel * self.shape.kernel }
    }

    /// Rows and columns of what comes out.
    fn out(&self) -> (usize, usize) {
        (self.shape.side(self.height), self.shape.side(self.width))
    }

    fn kernel(&self) -> Vec<f32> {
        values(self.shape.weights(), self.seed)
    }

    fn inputs(&self) -> Vec<Vec<f32>> {
        let count = self.shape.inputs * self.height * self.width;
        (0..self.photos as u32).map(|photo| values(count, self.seed ^ (0x100 + photo))).collect()
    }

    /// Gradients of what came out.
    fn gradients(&self) -> Vec<Vec<f32>> {
        let count = self.shape.outputs * self.out().0 * self.out().1;
        (0..self.photos as u32).map(|photo| values(count, self.seed ^ (0x200 + photo))).collect()
    }

    fn input_maps(&self) -> Vec<Map> {
        let border = self.shape.padding().max(1);
        let layout = Layout { height: self.height, width: self.width, channels: self.shape.inputs, border };
        maps(&self.inputs(), layout)
    }

    fn gradient_maps(&self) -> Vec<Map> {
        // Windows of the data gradient reach as far over the edge as those of the convolution do.
        let border = self.shape.padding().max(1);
        maps(
            &self.gradients(),
            Layout { height: self.out().0, width: self.out().1, channels: self.shape.outputs, border },
        )
    }

    /// Calls `visit` with the places of input, kernel and output value of each product that the definition adds up.
    fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let ConvShape { inputs, outputs, kernel, stride, depthwise } = self.shape;
        let (rows, columns) = self.out();
        let pixels = (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x)));
        for (y, x) in pixels {
            for (dy, dx) in (0..kernel).flat_map(|dy| (0..kernel).map(move |dx| (dy, dx))) {
                let row = (y * stride + dy).checked_sub(self.shape.padding()).filter(|row| *row < self.height);
                let column = (x * stride + dx).checked_sub(self.shape.padding()).filter(|column| *column < self.width);
                let (Some(row), Some(column)) = (row, column) else { continue };
                let together = |o: usize| if depthwise { o..o + 1 } else { 0..inputs };
                for (o, i) in (0..outputs).flat_map(|o| together(o).map(move |i| (o, i))) {
                    let window = if depthwise { o } else { o * inputs + i };
                    visit(
                        (i * self.height + row) * self.width + column,
                        (window * kernel + dy) * kernel + dx,
                        (o * rows + y) * columns + x,
                    );
                }
            }
        }
    }
}

fn many_channels_agree(height: usize, width: usize, seed: u32) -> Result<(), TestCaseError> {
    let shape = ConvShape { inputs: 256, outputs: CHANNELS, kernel: 3, stride: 1, depthwise: false };
    let case = Case { shape, height, width, photos: 2, seed };
    let (kernel, inputs) = (case.kernel(), case.inputs());
    for instructions in Instructions::available() {
        let mut convolution = Convolution::new(shape, instructions, Precision::F32);
        convolution.set(&kernel, &[1.0; CHANNELS], &[0.0; CHANNELS]);
        let mut results = vec![Map::default(); case.photos];
        convolution.run_all(&case.input_maps(), &mut results, None, Activation::Linear, &Flag::default());
        for (input, result) in inputs.iter().zip(&results) {
            let mut expected = vec![0.0; CHANNELS * height * width];
            case.products(|from, weight, to| expected[to] += f64::from(input[from]) * f64::from(kernel[weight]));
            assert_close(&result.to_planes(), &expected, 256 * 9)?;
        }
    }
    Ok(())
}

/// Where all channels were summed one after the other, a value of this case lay 8e-4 off.
#[test]
fn many_channels_are_summed_apart() {
    many_channels_agree(8, 6, 165_234_314).unwrap();
}

fn maps(planes: &[Vec<f32>], layout: Layout) -> Vec<Map> {
    let of_planes = |planes: &Vec<f32>| {
        let mut map = Map::default();
        map.fill_from_planes(planes, layout);
        map
    };
    planes.iter().map(of_planes).collect()
}

/// Multiples of 1/256, so that sums of products are exact in double precision and nearly so in single.
fn values(count: usize, seed: u32) -> Vec<f32> {
    let value = |n: u32| ((n.wrapping_mul(2_654_435_761) ^ seed).wrapping_mul(0x846c_a68b) >> 16) % 512;
    (0..count as u32).map(|n| value(n) as f32 / 256.0 - 1.0).collect()
}

fn assert_close(got: &[f32], expected: &[f64], terms: usize) -> Result<(), TestCaseError> {
    prop_assert_eq!(got.len(), expected.len());
    // Tiles of 4×4 lose about one digit.
    let room = 4e-6 * (terms as f64).sqrt().max(1.0);
    for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
        let far = (f64::from(*got) - expected).abs();
        prop_assert!(far <= room * expected.abs().max(4.0), "value {} is {} instead of {}", place, got, expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn forward_agrees_with_the_definition(
        case in prop_oneof![3 => cases(prop_oneof![1usize..7, Just(32), Just(64)]), 1 => depthwise_cases()],
        activation in activations(),
        with_residual: bool,
    ) {
        let (shape, kernel, inputs) = (case.shape, case.kernel(), case.inputs());
        let (scale, bias) = (values(shape.outputs, 5), values(shape.outputs, 6));
        let residuals = case.gradients();
        let (rows, columns) = case.out();
        let layout = Layout { height: rows, width: columns, channels: shape.outputs, border: 1 };
        for instructions in Instructions::available() {
            let mut convolution = Convolution::new(shape, instructions, Precision::F32);
            convolution.set(&kernel, &scale, &bias);
            let residual_maps = maps(&residuals, layout);
            let residual_maps = with_residual.then_some(&residual_maps[..]);
            let mut results = vec![Map::default(); case.photos];
            convolution.run_all(&case.input_maps(), &mut results, residual_maps, activation, &Flag::default());
            let mut alone = Map::default();
            convolution.run_in_bands(&case.input_maps()[0], &mut alone, residual_maps.map(|maps| &maps[0]), activation);
            prop_assert_eq!(alone.values(), results[0].values(), "in bands");
            for (photo, result) in results.iter().enumerate() {
                let mut expected = vec![0.0; shape.outputs * rows * columns];
                case.products(|input, weight, output| {
                    let scale = scale[output / (rows * columns)];
                    expected[output] += f64::from(inputs[photo][input]) * f64::from(kernel[weight]) * f64::from(scale);
                });
                for (place, expected) in expected.iter_mut().enumerate() {
                    *expected += f64::from(bias[place / (rows * columns)]);
                    *expected += if with_residual { f64::from(residuals[photo][place]) } else { 0.0 };
                    *expected = activated(*expected, activation);
                }
                assert_close(&result.to_planes(), &expected, case.terms())?;
            }
        }
    }

    /// Factors lose 16 bits of 24, sums none.
    #[test]
    fn bf16_comes_close_to_the_definition(case in cases(prop_oneof![1usize..7, Just(32), Just(64)])) {
        let (shape, kernel, inputs) = (case.shape, case.kernel(), case.inputs());
        let (rows, columns) = case.out();
        let plain = [Instructions::Portable];
        let fast = Instructions::available().into_iter().filter(|instructions| instructions.multiply_bf16());
        for instructions in fast.chain(plain) {
            let mut convolution = Convolution::new(shape, instructions, Precision::Bf16);
            convolution.set(&kernel, &vec![1.0; shape.outputs], &vec![0.0; shape.outputs]);
            let mut results = vec![Map::default(); case.photos];
            convolution.run_all(&case.input_maps(), &mut results, None, Activation::Linear, &Flag::default());
            let mut alone = Map::default();
            convolution.run_in_bands(&case.input_maps()[0], &mut alone, None, Activation::Linear);
            prop_assert_eq!(alone.values(), results[0].values(), "in bands");
            for (input, result) in inputs.iter().zip(&results) {
                let mut expected = vec![0.0; shape.outputs * rows * columns];
                let mut size = expected.clone();
                case.products(|from, weight, to| {
                    let product = f64::from(input[from]) * f64::from(kernel[weight]);
                    expected[to] += product;
                    size[to] += product * product;
                });
                let apart = result.to_planes().iter().zip(&expected).map(|(got, it)| (f64::from(*got) - it).powi(2)).sum::<f64>();
                let size = size.iter().sum::<f64>();
                // Each factor is rounded by up to 2⁻⁹ of itself; the domain of tiles of 4×4 makes much more of that
                // where, as here, neighbours have nothing in common.
                let room = if shape.has_tiles() { 0.08 } else { 0.004 };
                prop_assert!((apart / size).sqrt() <= room, "{}: {}", instructions, (apart / size).sqrt());
            }
        }
    }

    #[test]
    fn bf16_by_instruction_agrees_with_plain_arithmetic(case in cases(prop_oneof![1usize..7, Just(32), Just(64)])) {
        let run = |instructions| {
            let mut convolution = Convolution::new(case.shape, instructions, Precision::Bf16);
            convolution.set(&case.kernel(), &vec![1.0; case.shape.outputs], &values(case.shape.outputs, 6));
            let mut results = vec![Map::default(); case.photos];
            convolution.run_all(&case.input_maps(), &mut results, None, Activation::Relu, &Flag::default());
            results
        };
        let plain = run(Instructions::Portable);
        for instructions in Instructions::available().into_iter().filter(|it| it.multiply_bf16()) {
            for (got, plain) in run(instructions).iter().zip(&plain) {
                for (got, plain) in got.values().iter().zip(plain.values()) {
                    // Tiles are taken to their domain by other steps, so that some round to the neighbouring value.
                    let room = if case.shape.has_tiles() { 2e-2 } else { 1e-5 } * plain.abs().max(4.0);
                    prop_assert!((got - plain).abs() <= room, "{}: {} instead of {}", instructions, got, plain);
                }
            }
        }
    }

    #[test]
    fn forward_with_many_channels_agrees(height in 1usize..9, width in 1usize..9, seed: u32) {
        many_channels_agree(height, width, seed)?;
    }

    #[test]
    fn the_data_gradient_agrees_with_the_definition(
        case in prop_oneof![3 => cases(Just(CHANNELS)), 1 => depthwise_cases()],
        with_residual: bool,
        activation in activations(),
    ) {
        let (shape, kernel, inputs, gradients) = (case.shape, case.kernel(), case.inputs(), case.gradients());
        let scale = values(shape.outputs, 5);
        let (rows, columns) = case.out();
        let residuals: Vec<Vec<f32>> = inputs.iter().map(|input| values(input.len(), case.seed ^ 9)).collect();
        let layout = case.input_maps()[0].layout();
        for instructions in Instructions::available() {
            let mut gradient = DataGradient::new(shape, instructions);
            gradient.set(&kernel, &scale);
            let mut results = case.input_maps(); // for their layout
            let residual_maps = maps(&residuals, layout);
            let came_out: Vec<Vec<f32>> = inputs.iter().map(|input| input.iter().map(|v| 8.0 * v).collect()).collect();
            let gates = maps(&came_out, layout);
            gradient.run_all(
                &case.gradient_maps(),
                &mut results,
                with_residual.then_some(&residual_maps),
                Some((&gates, activation)),
                &Flag::default(),
            );
            for (photo, result) in results.iter().enumerate() {
                let mut expected = vec![0.0; inputs[photo].len()];
                case.products(|input, weight, output| {
                    let product = f64::from(kernel[weight]) * f64::from(gradients[photo][output]);
                    expected[input] += product * f64::from(scale[output / (rows * columns)]);
                });
                for (place, expected) in expected.iter_mut().enumerate() {
                    *expected += if with_residual { f64::from(residuals[photo][place]) } else { 0.0 };
                    *expected = if passes(came_out[photo][place], activation) { *expected } else { 0.0 };
                }
                assert_close(&result.to_planes(), &expected, case.terms().max(shape.outputs))?;
            }
        }
    }

    #[test]
    fn the_weight_gradient_agrees_with_the_definition(
        case in prop_oneof![3 => cases(1usize..40), 1 => depthwise_cases()],
    ) {
        let (inputs, gradients) = (case.inputs(), case.gradients());
        let mut expected = vec![0.0; case.shape.weights()];
        for photo in 0..case.photos {
            case.products(|input, weight, output| {
                expected[weight] += f64::from(inputs[photo][input]) * f64::from(gradients[photo][output]);
            });
        }
        for instructions in Instructions::available() {
            let mut kernel = vec![f32::NAN; case.shape.weights()];
            let mut gradient = WeightGradient::new(case.shape, instructions);
            for _ in 0..2 { // nothing is left over from the first time
                gradient.run(&case.input_maps(), &case.gradient_maps(), &mut kernel, &Flag::default());
            }
            assert_close(&kernel, &expected, case.photos * case.out().0 * case.out().1)?;
        }
        let sums = channel_sums(&case.gradient_maps());
        let plane = case.out().0 * case.out().1;
        let total = |c: usize| gradients.iter().flat_map(|g| &g[c * plane..(c + 1) * plane]).map(|v| f64::from(*v)).sum();
        let expected: Vec<f64> = (0..case.shape.outputs).map(total).collect();
        assert_close(&sums, &expected, case.photos * plane)?;
    }

    /// A kernel of fewer channels than the maps have gives what it gives alone, and zeros in the rest.
    #[test]
    fn channels_are_filled_up_with_zeros(inputs in 1usize..40, outputs in 1usize..40, side in 1usize..9, seed: u32) {
        let spec = ConvSpec {
            conv: String::new(),
            norm: String::new(),
            inputs,
            outputs,
            kernel: 1,
            stride: 1,
            depthwise: false,
            activation: Activation::Linear,
        };
        let shape = ConvShape::of(&spec);
        let kernel = values(inputs * outputs, seed);
        let (planes, layout) = (values(inputs * side * side, seed ^ 1), |channels| Layout { height: side, width: side, channels, border: 1 });
        let mut wide = planes.clone();
        wide.resize(inputs.next_multiple_of(CHANNELS) * side * side, 7.0); // what lies there is not looked at
        for instructions in Instructions::available() {
            let mut convolution = Convolution::new(shape, instructions, Precision::F32).with_border(0);
            let (scale, bias) = (vec![1.0; shape.outputs], vec![0.0; shape.outputs]);
            convolution.set(&shape.fill_up(&kernel, &spec), &scale, &bias);
            let run = |planes: &Vec<f32>, channels| {
                let mut results = [Map::default()];
                convolution.run(&maps(std::slice::from_ref(planes), layout(channels)), &mut results, None, Activation::Linear);
                results[0].to_planes()
            };
            let (narrow, wide) = (run(&planes, inputs), run(&wide, inputs.next_multiple_of(CHANNELS)));
            prop_assert_eq!(&narrow, &wide);
            let pixels = side * side;
            let expected = |place: usize| (0..inputs)
                .map(|i| f64::from(kernel[place / pixels * inputs + i]) * f64::from(planes[i * pixels + place % pixels])).sum();
            let expected: Vec<f64> = (0..outputs * pixels).map(expected).collect();
            assert_close(&narrow[..outputs * pixels], &expected, inputs)?;
            prop_assert!(narrow[outputs * pixels..].iter().all(|value| *value == 0.0));
        }
        let trained = ConvShape::of_trained(&spec);
        prop_assert_eq!(trained.cut(trained.fill_up(&kernel, &spec).into_owned(), &spec), kernel);
    }
}
