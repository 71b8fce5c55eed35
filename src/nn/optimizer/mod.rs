//! Adam, AdamW and SGD with momentum, with state that can be saved.
//!
//! candle's own lack momentum, saved state and separate treatment of biases.

mod fused;

use candle_core::{DType, Result as CandleResult, Tensor, Var};

use self::fused::{Moment, Move};
use super::failed;
use super::head::{Head, Slope};
use super::state_dict::StateDict;
use crate::error::{Error, Result};
use crate::train::config::{OptimizerKind, TrainConfig};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;
const STEPS: &str = "optimizer.steps";

/// Turns gradients into steps.
pub struct Optimizer {
    kind: OptimizerKind,
    weight_decay: f64,
    momentum: f64,
    clip_norm: Option<f64>,
    steps: usize,
    slots: Vec<Slot>,
}

/// One variable with what the optimiser remembers of it.
struct Slot {
    variable: Var,
    /// Multiplies the learning rate.
    rate_factor: f64,
    first_moment: Tensor,
    second_moment: Tensor,
}

impl Optimizer {
    /// An optimiser for these variables, each with a factor of the learning rate. Weight decay spares vectors, which
    /// are biases and batch norms.
    ///
    /// # Errors
    /// Where the device has no room for its state.
    pub fn new(variables: &[(&Var, f64)], config: &TrainConfig) -> Result<Self> {
        let slots = variables
            .iter()
            .map(|&(variable, rate_factor)| {
                let zeros = || variable.zeros_like();
                Ok(Slot { variable: variable.clone(), rate_factor, first_moment: zeros()?, second_moment: zeros()? })
            })
            .collect::<CandleResult<_>>()
            .map_err(failed("set up the optimiser"))?;
        Ok(Self {
            kind: config.optimizer,
            weight_decay: config.weight_decay,
            momentum: config.momentum,
            clip_norm: config.clip_norm,
            steps: 0,
            slots,
        })
    }

    /// Takes one step along the gradients, shortened where together they are longer than the norm they are clipped to.
    /// Variables without a gradient stay.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn step<'a>(&mut self, gradient_of: impl Fn(&Var) -> Option<&'a Tensor>, learning_rate: f64) -> Result<()> {
        self.steps += 1;
        let gradient_scale = match self.clip_norm {
            Some(most) => (most / self.norm(&gradient_of)?.max(1e-12)).min(1.0),
            None => 1.0,
        };
        for slot in &mut self.slots {
            let Some(gradient) = gradient_of(&slot.variable) else { continue };
            let rule = Rule {
                kind: self.kind,
                learning_rate: learning_rate * slot.rate_factor,
                momentum: self.momentum,
                weight_decay: if slot.variable.rank() > 1 { self.weight_decay } else { 0.0 },
                gradient_scale,
                first_correction: 1.0 - BETA1.powi(self.steps as i32),
                second_correction: 1.0 - BETA2.powi(self.steps as i32),
            };
            slot.step(&gradient.detach(), rule).map_err(failed("take a training step"))?;
        }
        Ok(())
    }

    /// Takes one step of a head's two variables.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn step_head(&mut self, head: &Head, slope: &Slope, learning_rate: f64) -> Result<()> {
        let [weight, _] = head.variables();
        let [of_weight, of_bias] = slope.tensors();
        self.step(|variable| Some(if variable.id() == weight.id() { of_weight } else { of_bias }), learning_rate)
    }

    /// The length of all gradients together.
    fn norm<'a>(&self, gradient_of: impl Fn(&Var) -> Option<&'a Tensor>) -> Result<f64> {
        let square = |gradient: &Tensor| gradient.sqr()?.sum_all()?.to_dtype(DType::F32)?.to_scalar::<f32>();
        let found = self.slots.iter().filter_map(|slot| gradient_of(&slot.variable));
        let squares = found.map(square).collect::<CandleResult<Vec<_>>>().map_err(failed("measure the gradients"))?;
        Ok(squares.into_iter().map(f64::from).sum::<f64>().sqrt())
    }

    /// Stores what the next step depends on, by number of variable.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn store(&self, state: &mut StateDict) -> Result<()> {
        for (index, slot) in self.slots.iter().enumerate() {
            state.insert(format!("optimizer.{index}.first_moment"), slot.first_moment.clone());
            state.insert(format!("optimizer.{index}.second_moment"), slot.second_moment.clone());
        }
        state.metadata.insert(STEPS.into(), self.steps.to_string());
        Ok(())
    }

    /// Takes up what [`Optimizer::store`] stored.
    ///
    /// # Errors
    /// Where it was not stored, or by an optimiser of other variables.
    pub fn restore(&mut self, state: &StateDict) -> Result<()> {
        let steps = state.metadata.get(STEPS).and_then(|steps| steps.parse().ok());
        self.steps = steps.ok_or_else(|| Error::new("The file holds no optimiser state"))?;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            slot.first_moment = state.get(&format!("optimizer.{index}.first_moment"))?.clone();
            slot.second_moment = state.get(&format!("optimizer.{index}.second_moment"))?.clone();
        }
        Ok(())
    }
}

/// How one variable moves in one step.
#[derive(Clone, Copy)]
struct Rule {
    kind: OptimizerKind,
    learning_rate: f64,
    momentum: f64,
    weight_decay: f64,
    /// What gradients are multiplied by before all else.
    gradient_scale: f64,
    first_correction: f64,
    second_correction: f64,
}

impl Slot {
    fn step(&mut self, gradient: &Tensor, rule: Rule) -> CandleResult<()> {
        let fused = self.variable.device().is_cpu() && gradient.is_contiguous();
        if fused { self.step_in_place(gradient, rule) } else { self.step_by_tensors(gradient, rule) }
    }

    fn step_in_place(&mut self, gradient: &Tensor, rule: Rule) -> CandleResult<()> {
        self.first_moment.inplace_op3(gradient, &self.variable, &Moment::First(rule))?;
        if rule.kind != OptimizerKind::Sgd {
            self.second_moment.inplace_op3(gradient, &self.variable, &Moment::Second(rule))?;
        }
        self.variable.inplace_op3(&self.first_moment, &self.second_moment, &Move(rule))
    }

    fn step_by_tensors(&mut self, gradient: &Tensor, rule: Rule) -> CandleResult<()> {
        let value = self.variable.as_detached_tensor();
        let (decay, decoupled) = (rule.weight_decay, rule.kind == OptimizerKind::AdamW);
        let gradient = (gradient * rule.gradient_scale)?;
        let gradient = if decay > 0.0 && !decoupled { (gradient + (&value * decay)?)? } else { gradient };
        let value = if decoupled { (value * (1.0 - rule.learning_rate * decay))? } else { value };
        let change = match rule.kind {
            OptimizerKind::Adam | OptimizerKind::AdamW => self.adam(&gradient, rule)?,
            OptimizerKind::Sgd => {
                self.first_moment = ((&self.first_moment * rule.momentum)? + gradient)?;
                (&self.first_moment * rule.learning_rate)?
            }
        };
        self.variable.set(&(value - change)?)
    }

    /// The step of Kingma and Ba (2015), algorithm 1.
    fn adam(&mut self, gradient: &Tensor, rule: Rule) -> CandleResult<Tensor> {
        self.first_moment = ((&self.first_moment * BETA1)? + (gradient * (1.0 - BETA1))?)?;
        self.second_moment = ((&self.second_moment * BETA2)? + (gradient.sqr()? * (1.0 - BETA2))?)?;
        let mean = (&self.first_moment / rule.first_correction)?;
        let deviation = (&self.second_moment / rule.second_correction)?.sqrt()?;
        (mean / (deviation + EPSILON)?)? * rule.learning_rate
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// Three steps on Σ w³ from (1, −2, 0.5), rate 0.1, weight decay 0.01, momentum 0.9. The weight is a matrix here
    /// since vectors are spared the decay.
    fn three_steps(kind: OptimizerKind, in_place: bool) -> Vec<f32> {
        let start = Tensor::new(&[[1f32, -2.0, 0.5]], &Device::Cpu).unwrap();
        let w = Var::from_tensor(&start).unwrap();
        let config = TrainConfig { optimizer: kind, weight_decay: 0.01, ..TrainConfig::default() };
        let mut optimizer = Optimizer::new(&[(&w, 1.0)], &config).unwrap();
        for _ in 0..3 {
            let loss = w.as_tensor().powf(3.0).unwrap().sum_all().unwrap();
            let mut gradients = loss.backward().unwrap();
            if !in_place {
                // A gradient that does not lie one value after the other, as a transposed one.
                let gradient = gradients.remove(&w).unwrap();
                let twice = Tensor::cat(&[&gradient, &gradient], 0).unwrap().t().unwrap().contiguous().unwrap();
                gradients.insert(&w, twice.narrow(1, 0, 1).unwrap().t().unwrap());
            }
            optimizer.step(|variable| gradients.get(variable), 0.1).unwrap();
        }
        w.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        let far = found.iter().zip(expected).find(|(a, b)| (**a - **b).abs() > 2e-5 * b.abs().max(1.0));
        assert!(found.len() == expected.len() && far.is_none(), "{found:?} instead of {expected:?}");
    }

    // torch.optim.Adam(p, lr=.1, weight_decay=.01), AdamW(the same), SGD(the same, momentum=.9)
    const ADAM: [f32; 3] = [0.704_142_87, -2.300_494, 0.213_145_35];
    const ADAMW: [f32; 3] = [0.701_519_67, -2.294_198, 0.212_125_93];
    const SGD: [f32; 3] = [-0.119_479_54, -27.230_473, 0.164_199_19];

    #[test]
    fn steps_agree_with_pytorch() {
        for in_place in [true, false] {
            assert_close(&three_steps(OptimizerKind::Adam, in_place), &ADAM);
            assert_close(&three_steps(OptimizerKind::AdamW, in_place), &ADAMW);
            assert_close(&three_steps(OptimizerKind::Sgd, in_place), &SGD);
        }
    }

    #[test]
    fn a_long_gradient_is_shortened_to_the_norm_and_a_short_one_left_alone() {
        let moved = |clip_norm| {
            let w = Var::from_tensor(&Tensor::new(&[3f32, 4.0], &Device::Cpu).unwrap()).unwrap();
            let config = TrainConfig { optimizer: OptimizerKind::Sgd, clip_norm, ..TrainConfig::default() };
            let mut optimizer = Optimizer::new(&[(&w, 0.5)], &config).unwrap();
            let loss = (w.as_tensor().sqr().unwrap().sum_all().unwrap() / 2.0).unwrap(); // the gradient is w
            let gradients = loss.backward().unwrap();
            optimizer.step(|variable| gradients.get(variable), 1.0).unwrap();
            w.to_vec1::<f32>().unwrap()
        };
        assert_close(&moved(None), &[1.5, 2.0]);
        assert_close(&moved(Some(6.0)), &[1.5, 2.0]);
        assert_close(&moved(Some(2.5)), &[2.25, 3.0]);
    }
}
