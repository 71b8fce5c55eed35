//! What a training run is asked to do.

use serde::{Deserialize, Serialize};

use super::augment::AugmentConfig;
use super::grouping::GroupConfig;
use crate::dataset::split::SplitConfig;
use crate::error::{Error, Result};
pub use crate::nn::architecture::Backbone;
use crate::nn::architecture::Start;
use crate::nn::bundled;
pub use crate::nn::choice::{Compute, DeviceChoice, PrecisionChoice, WeightsSource};
use crate::nn::optimizer::OptimizerConfig;
pub use crate::nn::optimizer::OptimizerKind;
use crate::review::threshold::Choice;

/// All settings of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainConfig {
    /// The network.
    pub backbone: Backbone,
    /// Its initial weights.
    pub weights: WeightsSource,
    /// Which layers are trained.
    pub tune: Tune,
    /// Passes over the training photos.
    pub epochs: usize,
    /// Photos a step.
    pub batch_size: usize,
    /// The highest learning rate of the schedule.
    pub learning_rate: f64,
    /// The same for the layers before the last, where they are trained.
    pub backbone_learning_rate: f64,
    /// Epochs, or parts of one, over which the learning rate rises from nearly zero.
    pub warmup_epochs: f64,
    /// How the learning rate changes over the run.
    pub schedule: Schedule,
    /// How gradients become steps.
    pub optimizer: OptimizerKind,
    /// Decay of the weights: decoupled for AdamW, added to the gradient otherwise. Biases are spared.
    pub weight_decay: f64,
    /// Momentum of SGD.
    pub momentum: f64,
    /// The length to which the gradients of a step are shortened, together.
    pub clip_norm: Option<f64>,
    /// Whether batch norm in the trained layers goes by the statistics of each batch and learns the running ones.
    pub train_statistics: bool,
    /// Weigh the rarer class up in the loss so that both count alike.
    pub balance_classes: bool,
    /// How training photos are augmented.
    pub augment: AugmentConfig,
    /// Stop after this many epochs without a better validation loss.
    pub patience: Option<usize>,
    /// Seed of initial values and of the order of photos.
    pub seed: u64,
    /// How photos are divided into training and validation.
    pub split: SplitConfig,
    /// What keeps photos together where the split is by groups.
    pub groups: GroupConfig,
    /// Where to compute.
    pub device: DeviceChoice,
    /// What frozen layers multiply.
    pub precision: PrecisionChoice,
    /// How the threshold is chosen, on the validation photos.
    pub threshold: Choice,
    /// The share of photos that goes to a person.
    pub abstain: f64,
    /// Whether the logits are divided by the temperature that suits the validation photos best.
    pub calibrate: bool,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            backbone: Backbone::Resnet18,
            weights: WeightsSource::Bundled,
            tune: Tune::Head,
            epochs: 10,
            batch_size: 100,
            learning_rate: 1e-3,
            backbone_learning_rate: 1e-4,
            warmup_epochs: 0.0,
            schedule: Schedule::Constant,
            optimizer: OptimizerKind::Adam,
            weight_decay: 0.0,
            momentum: 0.9,
            clip_norm: None,
            train_statistics: false,
            balance_classes: false,
            augment: AugmentConfig::default(),
            patience: None,
            seed: 0,
            split: SplitConfig::default(),
            groups: GroupConfig::default(),
            device: DeviceChoice::Auto,
            precision: PrecisionChoice::Auto,
            threshold: Choice::default(),
            abstain: 0.0,
            calibrate: false,
        }
    }
}

impl TrainConfig {
    /// Sound settings for training these layers: the deeper, the costlier an epoch and the smaller its steps.
    pub fn for_tune(tune: Tune) -> Self {
        let head = Self { tune, ..Self::default() };
        match tune {
            Tune::Head => head,
            Tune::LastBlock | Tune::All => Self {
                epochs: if tune == Tune::All { 5 } else { 10 },
                batch_size: 32,
                schedule: Schedule::Cosine,
                warmup_epochs: 0.5,
                clip_norm: Some(5.0),
                ..head
            },
        }
    }

    /// How gradients become steps.
    pub fn optimizer(&self) -> OptimizerConfig {
        OptimizerConfig {
            kind: self.optimizer,
            weight_decay: self.weight_decay,
            momentum: self.momentum,
            clip_norm: self.clip_norm,
        }
    }

    /// Takes over another network; the weights that the one before begins with become those that this one begins with,
    /// and others that the user chose stay.
    pub fn change_backbone(&mut self, backbone: Backbone) {
        let begins_with = |backbone| match backbone {
            bundled::BACKBONE => WeightsSource::Bundled,
            _ => WeightsSource::Imagenet,
        };
        if self.weights == begins_with(self.backbone) {
            self.weights = begins_with(backbone);
        }
        self.backbone = backbone;
    }

    /// Takes over another choice of layers; settings that were sound for the one before become sound for this one, and
    /// those that the user chose stay.
    pub fn change_tune(&mut self, tune: Tune) {
        let (before, after) = (Self::for_tune(self.tune), Self::for_tune(tune));
        fn follow<T: PartialEq>(value: &mut T, before: T, after: T) {
            if *value == before {
                *value = after;
            }
        }
        follow(&mut self.epochs, before.epochs, after.epochs);
        follow(&mut self.batch_size, before.batch_size, after.batch_size);
        follow(&mut self.schedule, before.schedule, after.schedule);
        follow(&mut self.warmup_epochs, before.warmup_epochs, after.warmup_epochs);
        follow(&mut self.clip_norm, before.clip_norm, after.clip_norm);
        self.tune = tune;
    }

    /// Takes another rate; that of the layers before the last keeps its ratio to it.
    pub fn set_learning_rate(&mut self, rate: f64) {
        let ratio = self.backbone_learning_rate / self.learning_rate;
        self.learning_rate = rate;
        self.backbone_learning_rate = (rate * ratio).clamp(1e-7, 10.0);
    }

    /// What frozen layers multiply: where other layers are trained, the same as these.
    pub fn precision_of_features(&self) -> PrecisionChoice {
        match self.precision {
            PrecisionChoice::Auto if self.tune != Tune::Head => PrecisionChoice::F32,
            choice => choice,
        }
    }

    /// Where to compute, and in what.
    pub fn compute(&self) -> Compute {
        Compute { device: self.device, precision: self.precision }
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A usage error that names the first setting out of its range.
    pub fn validate(&self) -> Result<()> {
        let bad = |what: &str| Err(Error::usage(what.to_owned()));
        match self {
            c if c.epochs == 0 => bad("The number of epochs must be at least 1"),
            c if c.threshold.problem().is_some() => bad(c.threshold.problem().unwrap_or_default()),
            c if !(0.0..1.0).contains(&c.abstain) => {
                bad("The share of photos for a person must be at least 0 and below 1")
            }
            c if c.batch_size == 0 => bad("The batch size must be at least 1"),
            c if !(c.learning_rate > 0.0 && c.learning_rate <= 10.0) => {
                bad("The learning rate must be above 0 and at most 10")
            }
            c if !(c.backbone_learning_rate > 0.0 && c.backbone_learning_rate <= 10.0) => {
                bad("The backbone's learning rate must be above 0 and at most 10")
            }
            c if !(c.warmup_epochs >= 0.0 && c.warmup_epochs <= c.epochs as f64) => {
                bad("The warm-up must be at least 0 and at most as long as the training")
            }
            c if c.clip_norm.is_some_and(|norm| !(norm > 0.0 && norm.is_finite())) => {
                bad("The norm that gradients are clipped to must be above 0")
            }
            c if !(0.0..=1.0).contains(&c.weight_decay) => bad("The weight decay must lie between 0 and 1"),
            c if !(0.0..1.0).contains(&c.momentum) => bad("The momentum must be at least 0 and below 1"),
            c if c.precision == PrecisionChoice::Bf16 && c.tune != Tune::Head => {
                bad("Layers are trained in single precision: bf16 goes with a frozen backbone alone")
            }
            c if c.patience == Some(0) => bad("Early stopping needs a patience of at least one epoch"),
            _ => self.augment.validate().and_then(|()| self.split.validate()).and_then(|()| self.groups.validate()),
        }
    }
}

/// Which layers are trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Tune {
    /// The last layer alone; the backbone's features are computed once per photo.
    #[default]
    Head,
    /// The last group of blocks as well; the maps before it are computed once per photo.
    LastBlock,
    /// Every layer, from the photos on.
    All,
}

impl Tune {
    /// In words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Head => "last layer",
            Self::LastBlock => "last block",
            Self::All => "all layers",
        }
    }

    /// The first layer that is trained, if any but the last is.
    pub fn start(self) -> Option<Start> {
        match self {
            Self::Head => None,
            Self::LastBlock => Some(Start::LastBlock),
            Self::All => Some(Start::Photos),
        }
    }
}

/// How the learning rate changes over the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// The same throughout.
    #[default]
    Constant,
    /// Falls to zero along half a cosine (Loshchilov and Hutter 2017, without restarts).
    Cosine,
    /// Rises for three tenths of the run, then falls (Smith and Topin 2018).
    OneCycle,
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_follow_the_network_there_and_back() {
        let mut config = TrainConfig::default();
        config.change_backbone(Backbone::MobilenetV2);
        assert_eq!(config.weights, WeightsSource::Imagenet);
        config.change_backbone(Backbone::Resnet18);
        assert_eq!(config.weights, WeightsSource::Bundled, "nothing has to be fetched after a look at the other one");
        for chosen in [WeightsSource::Random, WeightsSource::File("w.pth".into())] {
            config.weights = chosen.clone();
            config.change_backbone(Backbone::MobilenetV2);
            config.change_backbone(Backbone::Resnet18);
            assert_eq!(config.weights, chosen);
        }
    }
}
