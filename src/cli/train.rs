//! `crackscope train`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Outcome, Session, table};
use crate::dataset::split::SplitKind;
use crate::error::{Error, Result};
use crate::format;
use crate::photo::augment::Augmentation;
use crate::review::predictions;
use crate::review::threshold::Choice;
use crate::train::config::{Backbone, OptimizerKind, PrecisionChoice, Schedule, TrainConfig, Tune, WeightsSource};
use crate::train::grouping::{GroupConfig, GroupsRecord, Sources};
use crate::train::observer::FeatureReport;
use crate::train::run_dir::{self, RunRecord};
use crate::train::trainer::{self, TrainOutcome};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Folders of labelled photos
    #[arg(required_unless_present = "resume", value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// The run folder to write [default: a new one among the window's runs]
    #[arg(long, value_name = "RUN", required_if_eq("resume", "true"))]
    out: Option<PathBuf>,
    /// Go on with the interrupted run in --out
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    thresholds: Thresholds,
}

/// Settings of a run, for all commands that train. What is not given is the default, or with `--resume` what the run
/// began with.
#[derive(Args, Debug)]
pub(super) struct Settings {
    /// The network [default: resnet18]
    #[arg(long, value_enum)]
    backbone: Option<Backbone>,
    /// Initial weights: bundled, imagenet, random, or a .safetensors or .pth file [default: bundled,
    /// for mobilenet_v2 imagenet]
    #[arg(long, value_name = "WEIGHTS")]
    weights: Option<String>,
    /// Which layers are trained [default: head]
    #[arg(long, value_enum)]
    tune: Option<Tune>,
    /// Passes over the training photos [default: 10, for all layers 5]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Photos a step [default: 100, for deeper layers 32]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// The highest learning rate [default: 0.001]
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// The same for the layers before the last, where they are trained [default: 0.0001]
    #[arg(long, value_name = "RATE")]
    backbone_lr: Option<f64>,
    /// Epochs over which the learning rate rises at first [default: 0, for deeper layers 0.5]
    #[arg(long, value_name = "EPOCHS")]
    warmup: Option<f64>,
    /// How the learning rate changes over the run [default: constant, for deeper layers cosine]
    #[arg(long, value_enum)]
    schedule: Option<Schedule>,
    /// How gradients become steps [default: adam]
    #[arg(long, value_enum)]
    optimizer: Option<OptimizerKind>,
    /// Decay of the weights [default: 0]
    #[arg(long, value_name = "DECAY")]
    weight_decay: Option<f64>,
    /// Momentum of SGD [default: 0.9]
    #[arg(long, value_name = "MOMENTUM")]
    momentum: Option<f64>,
    /// Shorten the gradients of a step to this length; 0 for not at all [default: 0, for deeper layers 5]
    #[arg(long, value_name = "NORM")]
    clip: Option<f64>,
    /// Let batch norm in the trained layers go by each batch, and learn its statistics
    #[arg(long)]
    train_statistics: bool,
    /// Weigh the rarer class up so that both count alike
    #[arg(long)]
    balance_classes: bool,
    /// Vary the training photos: off, light, strong, or a list of flips, hflip, vflip, turns, rotate=DEGREES, scale=,
    /// brightness=, contrast=, colour=, blur=PIXELS, noise=LEVELS, jpeg=, shadows= and marks=, which may begin with light
    /// or strong [default: off]
    #[arg(long, value_name = "LIST", value_parser = variation)]
    augment: Option<Augmentation>,
    /// Augmented variants of each training photo, 1 to 16, beside the photo itself; where all layers are trained, every
    /// epoch varies every photo anew instead [default: 4]
    #[arg(long, value_name = "K")]
    variants: Option<usize>,
    /// Stop after N epochs without a better validation loss
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// How photos are divided; photos that belong together stay on one side if grouped [default: grouped]
    #[arg(long, value_enum)]
    split: Option<SplitKind>,
    /// Share of the photos to validate on [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    val_fraction: Option<f64>,
    #[command(flatten)]
    grouping: Grouping,
}

/// From which probability on the model calls a photo cracked.
#[derive(Args, Debug)]
struct Thresholds {
    /// From which probability on a photo counts as cracked, a number or fitted to the validation photos: cost=N for a
    /// missed crack that costs as much as N false alarms, recall=SHARE to find at least that share of the cracks, f1,
    /// balanced-accuracy [default: 0.5]
    #[arg(long, value_name = "CHOICE")]
    threshold: Option<Choice>,
    /// Leave this share of the photos, those nearest to the threshold, to a person [default: 0]
    #[arg(long, value_name = "SHARE")]
    abstain: Option<f64>,
    /// Divide the logits by the temperature that suits the validation photos best
    #[arg(long)]
    calibrate: bool,
}

/// What photos are grouped by, for all commands that group them.
#[derive(Args, Debug)]
pub(super) struct Grouping {
    /// What tells which photos belong together, besides identical files: none, or a list of sdnet, folders, time,
    /// near-copies and numbers [default: all of them]
    #[arg(long, value_name = "LIST", value_parser = sources)]
    group_by: Option<Sources>,
    /// The longest time between two photos taken in a row [default: 30]
    #[arg(long, value_name = "SECONDS")]
    time_gap: Option<f64>,
    /// Groups by hand: a table with the columns file and group. It holds for the photos that it names; an empty group is
    /// one of its own
    #[arg(long, value_name = "FILE")]
    groups: Option<PathBuf>,
}

impl Grouping {
    /// These settings over those of `before`.
    pub(super) fn over(&self, mut before: GroupConfig) -> GroupConfig {
        if let Some(Sources(by)) = &self.group_by {
            before.by.clone_from(by);
        }
        before.time_gap = self.time_gap.unwrap_or(before.time_gap);
        if let Some(file) = &self.groups {
            // A run names it, and may be repeated from elsewhere.
            before.file = Some(std::path::absolute(file).unwrap_or_else(|_| file.clone()));
        }
        before
    }
}

/// Reads `--group-by`; what is wrong with it, in one line.
fn sources(list: &str) -> std::result::Result<Sources, String> {
    list.parse().map_err(in_one_line)
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let (before, recorded) = match &options.out {
        Some(out) if options.resume => {
            let record = RunRecord::read(out).map_err(|error| match run_dir::RunDir::check_free(out) {
                Ok(()) => error.hint("it has not begun: leave --resume out, and what is known of the photos is used"),
                Err(_) => error,
            })?;
            (record.train, record.data.folders)
        }
        _ => (TrainConfig::default(), Vec::new()),
    };
    let folders = if options.folders.is_empty() { &recorded } else { &options.folders };
    let config = options.over(before, session);
    config.validate()?;
    if options.settings.variants.is_some() && config.augment.is_off() {
        return Err(Error::usage("--variants needs an augmentation").hint("add --augment light"));
    }
    let dataset = super::labelled_photos(folders, session)?;
    let out = match &options.out {
        Some(out) => out.clone(),
        None => run_dir::free_name(&super::runs::usual_folder(session), &dataset.name()),
    };
    let outcome = trainer::train(&dataset, &config, &session.places, &out, options.resume, &session.terminal)?;
    Ok(Outcome { text: text(&outcome), json: json(&outcome), interrupted: outcome.stopped })
}

impl Options {
    /// The settings that are given over those of `before`.
    fn over(&self, before: TrainConfig, session: &Session) -> TrainConfig {
        let mut config = self.settings.over(before, session);
        let Thresholds { threshold, abstain, calibrate } = self.thresholds;
        config.threshold = threshold.unwrap_or(config.threshold);
        config.abstain = abstain.unwrap_or(config.abstain);
        config.calibrate |= calibrate;
        config
    }
}

impl Settings {
    /// These settings over those of `before`.
    pub(super) fn over(&self, mut before: TrainConfig, session: &Session) -> TrainConfig {
        fn set<T: Clone>(setting: &mut T, given: &Option<T>) {
            if let Some(given) = given {
                *setting = given.clone();
            }
        }
        if let Some(backbone) = self.backbone {
            before.change_backbone(backbone);
        }
        set(&mut before.weights, &self.weights.clone().map(WeightsSource::from));
        if let Some(tune) = self.tune {
            before.change_tune(tune);
        }
        set(&mut before.epochs, &self.epochs);
        set(&mut before.batch_size, &self.batch_size);
        set(&mut before.learning_rate, &self.lr);
        set(&mut before.backbone_learning_rate, &self.backbone_lr);
        set(&mut before.warmup_epochs, &self.warmup);
        set(&mut before.schedule, &self.schedule);
        set(&mut before.optimizer, &self.optimizer);
        set(&mut before.weight_decay, &self.weight_decay);
        set(&mut before.momentum, &self.momentum);
        set(&mut before.clip_norm, &self.clip.map(|norm| (norm > 0.0).then_some(norm)));
        before.train_statistics |= self.train_statistics;
        before.balance_classes |= self.balance_classes;
        set(&mut before.augment.variation, &self.augment);
        set(&mut before.augment.variants, &self.variants);
        set(&mut before.patience, &self.patience.map(Some));
        set(&mut before.split.kind, &self.split);
        set(&mut before.split.val_fraction, &self.val_fraction);
        before.groups = self.grouping.over(before.groups);
        set(&mut before.seed, &session.shared.seed);
        set(&mut before.split.seed, &session.shared.seed);
        set(&mut before.device, &session.shared.device);
        set(&mut before.precision, &session.shared.precision.filter(|precision| *precision != PrecisionChoice::Auto));
        before
    }
}

/// Reads `--augment`; what is wrong with it, in one line.
fn variation(list: &str) -> std::result::Result<Augmentation, String> {
    list.parse().map_err(in_one_line)
}

fn in_one_line(error: Error) -> String {
    match error.advice() {
        Some(advice) => format!("{}; {advice}", error.one_line()),
        None => error.one_line(),
    }
}

/// What a finished run came to.
pub(super) fn text(outcome: &TrainOutcome) -> String {
    let judged = predictions::judged(&outcome.predictions).len();
    let wrong = outcome.metrics.confusion.wrong();
    let stopped = if outcome.stopped { "Stopped early. " } else { "" };
    format!(
        "{stopped}Best epoch: {} of {}. {} of {} misclassified at threshold {}.\n{}{}\n{}\nRun: {}\n",
        outcome.best_epoch,
        outcome.epochs.len(),
        format::count(wrong as u64),
        judged_on(&outcome.predictions, judged),
        outcome.threshold.at,
        table::unsure(outcome.metrics.unsure, outcome.metrics.photos, outcome.threshold.unsure),
        kept_together(&outcome.groups),
        table::metrics(&outcome.metrics),
        outcome.run.display()
    )
}

/// `Kept together: 3,784 photos in 153 groups.` on a line; nothing where no two were.
fn kept_together(groups: &GroupsRecord) -> String {
    if groups.groups == 0 {
        return String::new();
    }
    let count = format::counted(groups.groups, "group", "groups");
    format!("Kept together on one side: {} in {count}.\n", format::photos(groups.photos))
}

fn judged_on(all: &[predictions::Prediction], judged: usize) -> String {
    let validation = all.iter().any(|p| p.part == Some(crate::dataset::split::Part::Validation));
    let side = if validation { "validation" } else { "training" };
    format!("{} {side} {}", format::count(judged as u64), if judged == 1 { "photo" } else { "photos" })
}

/// The same for programs.
pub(super) fn json(outcome: &TrainOutcome) -> Value {
    let computed = |report: &FeatureReport| {
        json!({
            "computed": report.computed,
            "cached": report.cached,
            "copies": report.copies,
            "seconds": report.seconds,
        })
    };
    let file = |name: &str| -> Value { json!(Path::join(&outcome.run, name)) };
    json!({
        "run": outcome.run,
        "model": file(run_dir::MODEL),
        "stopped": outcome.stopped,
        "best_epoch": outcome.best_epoch,
        "epochs": outcome.epochs,
        "threshold": outcome.threshold.at,
        "unsure_band": outcome.threshold.unsure,
        "validation": outcome.metrics,
        "features": computed(&outcome.features),
        "variants": outcome.variants.as_ref().map(computed),
        "groups": outcome.groups,
        "unreadable": outcome.features.unreadable,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser as _;

    use super::*;
    use crate::cli::Arguments;
    use crate::train::augment::AugmentConfig;
    use crate::train::config::DeviceChoice;
    use crate::train::grouping::Source;
    use crate::train::repeat;
    use crate::train::run_list::tests::record;

    /// The settings that a command line comes to.
    fn settings_of(command: &str) -> TrainConfig {
        let Arguments { shared, command, .. } = Arguments::try_parse_from(command.split(' ')).unwrap();
        let Some(crate::cli::Command::Train(options)) = command else { unreachable!() };
        assert_eq!(options.folders, [Path::new("/photos/bridge")]);
        let places = crate::places::Places::below("nowhere");
        let session = Session {
            terminal: super::super::Terminal::new(true),
            places,
            compute: Default::default(),
            shared,
            corrected: Default::default(),
        };
        options.over(TrainConfig::default(), &session)
    }

    #[test]
    fn the_command_line_of_a_run_comes_to_its_settings() {
        let mut others = TrainConfig {
            weights: WeightsSource::Random,
            epochs: 3,
            batch_size: 7,
            learning_rate: 2.5e-5,
            backbone_learning_rate: 1e-7,
            warmup_epochs: 1.5,
            schedule: Schedule::OneCycle,
            optimizer: OptimizerKind::Sgd,
            weight_decay: 0.01,
            momentum: 0.5,
            clip_norm: None,
            train_statistics: true,
            balance_classes: true,
            patience: Some(2),
            seed: 9,
            device: DeviceChoice::Cpu,
            precision: PrecisionChoice::F32,
            threshold: Choice::Cost(2.5),
            abstain: 0.05,
            calibrate: true,
            ..TrainConfig::for_tune(Tune::All)
        };
        others.augment = AugmentConfig { variation: Augmentation::strong(), variants: 7 };
        others.split.kind = SplitKind::Random;
        others.split.val_fraction = 0.3;
        others.split.seed = 9;
        others.groups.by = [Source::Time, Source::Numbers].into();
        others.groups.time_gap = 12.5;
        others.groups.file = Some("/photos/groups.csv".into());
        let head = TrainConfig::default();
        for config in [head, TrainConfig::for_tune(Tune::LastBlock), TrainConfig::for_tune(Tune::All), others] {
            let command = repeat::command_line(&record("2026-01-01T00:00:00Z", config.clone())).unwrap();
            assert_eq!(settings_of(&command), config, "{command}");
        }
    }

    #[test]
    fn a_wrong_list_is_told_with_what_it_may_hold() {
        assert_eq!(variation("light"), Ok(Augmentation::light()));
        let said = variation("flip").unwrap_err();
        assert!(said.contains("no augmentation “flip”") && said.contains("rotate=DEGREES"), "{said}");
        assert_eq!(variation("rotate=90").unwrap_err(), "The augmentation “rotate” must lie between 0 and 45");
    }
}
