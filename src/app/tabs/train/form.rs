//! The training form, and the buttons that start, hold and stop.

use egui::{
    Align, Checkbox, CollapsingHeader, ComboBox, DragValue, Frame, Label, Layout, Panel, Response, ScrollArea,
    TextEdit, Ui, vec2,
};

use super::augment_form;
use crate::app::bars;
use crate::app::command::Command;
use crate::app::scene::{Kind, Running, Scene};
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::form::{self, number, primary, row};
use crate::dataset::Class;
use crate::dataset::split::SplitKind;
use crate::format;
use crate::nn::bundled;
use crate::train::config::{Backbone, OptimizerKind, Schedule, TrainConfig, Tune, WeightsSource};

const SPLITS: [(SplitKind, &str, &str); 3] = [
    (SplitKind::Grouped, "keep groups together", "Photos that belong together fall on the same side"),
    (SplitKind::Random, "at random", "Each photo for itself; identical files stay together"),
    (SplitKind::ByFolder, "as the folders say", "Folders named train and val or test decide"),
];
const LAYERS: [(Tune, &str, &str); 3] = [
    (Tune::Head, Tune::Head.title(), "Seconds: each photo's features are computed once and kept in the cache"),
    (
        Tune::LastBlock,
        Tune::LastBlock.title(),
        "Minutes: the maps before it are computed once and kept, up to 100 KB a photo",
    ),
    (Tune::All, Tune::All.title(), "Long: every photo goes forward and backward through the network in every epoch"),
];
pub(super) const OPTIMIZERS: [(OptimizerKind, &str); 3] =
    [(OptimizerKind::Adam, "Adam"), (OptimizerKind::AdamW, "AdamW"), (OptimizerKind::Sgd, "SGD with momentum")];
const SCHEDULES: [(Schedule, &str); 3] =
    [(Schedule::Constant, "constant"), (Schedule::Cosine, "cosine"), (Schedule::OneCycle, "one cycle")];

/// Room for a switch and its word, so that the numbers after them have one edge.
const SWITCH: f32 = 68.0;
/// Height of the line and the button below the form.
const BUTTONS: f32 = 78.0;

/// Shows the form; locked while a run is under way.
pub(super) fn ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let margin = theme::panel_margin();
    let running = scene.job.filter(|job| job.kind == Kind::Train);
    let buttons = Panel::bottom("training buttons").frame(Frame::new().inner_margin(margin));
    buttons.exact_size(BUTTONS).resizable(false).show(ui, |ui| match running {
        Some(job) => running_ui(ui, job, scene.commands),
        None => start_ui(ui, scene),
    });
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        Frame::new().inner_margin(margin).show(ui, |ui| {
            ui.add_enabled_ui(running.is_none(), |ui| {
                ui.spacing_mut().item_spacing.y = space::XS;
                photos_ui(ui, scene);
                ui.add_space(space::M);
                weights_ui(ui, &mut scene.settings.train, scene.commands);
                ui.add_space(space::M);
                steps_ui(ui, &mut scene.settings.train);
                ui.add_space(space::S);
                augment_form::ui(ui, &mut scene.settings.train);
                CollapsingHeader::new("More").id_salt("more settings").show_unindented(ui, |ui| more_ui(ui, scene));
            });
        });
    });
}

fn photos_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.label(theme::section("Photos"));
    match &scene.session.dataset {
        Some(dataset) => {
            ui.add(Label::new(theme::strong(dataset.name())).truncate());
            ui.horizontal_wrapped(|ui| {
                // A count and its word stay on one line.
                let whole = |ui: &mut Ui, text: egui::RichText| ui.add(Label::new(text).extend());
                whole(ui, theme::quiet(ui, format::photos(dataset.samples.len())));
                for class in [Class::Positive, Class::Negative].into_iter().filter(|_| dataset.labelled() > 0) {
                    let count = format::count(dataset.count(class) as u64);
                    let text = format!("{} {count} {}", theme::mark(class), class.word());
                    whole(ui, egui::RichText::new(text).color(theme::palette(ui).class(class)));
                }
                let unlabelled = dataset.samples.len() - dataset.labelled();
                if unlabelled > 0 {
                    whole(ui, theme::quiet(ui, format!("{} unlabelled", format::count(unlabelled as u64))));
                }
            });
        }
        None => {
            ui.label(theme::quiet(ui, "None open"));
        }
    }
    let split = &mut scene.settings.train.split;
    row(ui, "Validation", "The share of the photos that is held back to judge each epoch", |ui| {
        let mut percent = (split.val_fraction * 100.0).round();
        let value = DragValue::new(&mut percent).range(5.0..=50.0).suffix(" %").speed(0.2).fixed_decimals(0);
        if number(ui, value).changed() {
            split.val_fraction = percent / 100.0;
        }
    });
    row(ui, "Split", "How photos are divided into training and validation; the same seed divides alike", |ui| {
        combo(ui, "split", &mut split.kind, SPLITS.map(|(kind, name, hint)| (kind, name, hint)).as_slice());
    });
    if split.kind == SplitKind::Grouped {
        groups_ui(ui, scene);
    }
}

/// What is known of the groups that are kept together.
fn groups_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let text = match &scene.session.groups {
        Some(grouped) => {
            let sets = grouped.grouping.sets();
            let photos: usize = sets.iter().map(Vec::len).sum();
            format!("{} of {}", format::counted(sets.len(), "group", "groups"), format::photos(photos))
        }
        None => "Groups: found as it begins".to_owned(),
    };
    row(ui, "", "", |ui| ui.add(Label::new(theme::quiet(ui, text).size(theme::SMALL)).truncate()));
}

/// The program's own weights.
const BUNDLED: &str = "bundled (concrete)";

const BACKBONES: [(Backbone, &str, &str); 2] = [
    (Backbone::Resnet18, "ResNet18", "11.2 million parameters, 512 features a photo"),
    (Backbone::MobilenetV2, "MobileNetV2", "2.2 million parameters, 1,280 features a photo: smaller and faster"),
];

fn weights_ui(ui: &mut Ui, config: &mut TrainConfig, commands: &mut Vec<Command>) {
    ui.label(theme::section("Start from"));
    row(ui, "Network", "What looks at the photos; its last layer is swapped for two classes", |ui| {
        let mut backbone = config.backbone;
        combo(ui, "network", &mut backbone, &BACKBONES);
        if backbone != config.backbone {
            config.change_backbone(backbone);
        }
    });
    row(ui, "Weights", "What the network knows before it sees your photos", |ui| {
        let name = match &config.weights {
            WeightsSource::Bundled => BUNDLED,
            WeightsSource::Imagenet => "ImageNet",
            WeightsSource::Random => "random values",
            WeightsSource::File(_) => "a file",
        };
        form::combo(ui, ComboBox::from_id_salt("weights").selected_text(name).width(combo_width(ui)), |ui| {
            let mut choose = |ui: &mut Ui, source: WeightsSource, name: &str, hint: &str| {
                let same = std::mem::discriminant(&config.weights) == std::mem::discriminant(&source);
                if ui.selectable_label(same, name).on_hover_text(hint).clicked() && !same {
                    config.weights = source;
                }
            };
            if config.backbone == bundled::BACKBONE {
                let here = "As they come with the program, trained on photos of concrete; needs no network";
                choose(ui, WeightsSource::Bundled, BUNDLED, here);
            }
            let fetched = match config.backbone {
                Backbone::Resnet18 => "As torchvision trained them; fetched once from the Hugging Face hub, 47 MB",
                Backbone::MobilenetV2 => "As timm trained them; fetched once from the Hugging Face hub, 14 MB",
            };
            choose(ui, WeightsSource::Imagenet, "ImageNet", fetched);
            choose(ui, WeightsSource::Random, "random values", "Untrained features: good for a trial, no more");
            choose(ui, WeightsSource::File(Default::default()), "a file", ".safetensors or .pth, torchvision's names");
        });
    });
    if let WeightsSource::File(path) = &mut config.weights {
        row(ui, "File", ".safetensors or .pth with torchvision's names", |ui| {
            path_field(ui, path, commands, Command::WeightsDialog);
        });
    }
}

fn steps_ui(ui: &mut Ui, config: &mut TrainConfig) {
    ui.label(theme::section("Training"));
    row(ui, "Train", "Which layers learn; the last one is new and always does", |ui| {
        let mut tune = config.tune;
        combo(ui, "layers", &mut tune, &LAYERS);
        if tune != config.tune {
            config.change_tune(tune);
        }
    });
    row(ui, "Epochs", "Passes over all training photos", |ui| {
        number(ui, DragValue::new(&mut config.epochs).range(1..=10_000).speed(0.1));
    });
    row(ui, "Batch", "Photos a step", |ui| {
        number(ui, DragValue::new(&mut config.batch_size).range(1..=4096).speed(0.5));
    });
    row(ui, "Rate", "Learning rate: how far each step goes; the highest one of the schedule", |ui| {
        let speed = config.learning_rate * 0.02;
        let value = DragValue::new(&mut config.learning_rate).range(1e-6..=10.0).speed(speed).max_decimals(6);
        number(ui, short(value));
    });
    if config.tune != Tune::Head {
        let hint = "Learning rate of the layers before the last: smaller, since they know something already";
        row(ui, "Backbone rate", hint, |ui| {
            let speed = config.backbone_learning_rate * 0.02;
            let value = DragValue::new(&mut config.backbone_learning_rate).range(1e-7..=10.0).speed(speed);
            number(ui, short(value.max_decimals(7)));
        });
    }
}

fn more_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let config = &mut scene.settings.train;
    schedule_ui(ui, config);
    optimizer_ui(ui, config);
    row(ui, "Classes", "", |ui| {
        let balance = ui.add(Checkbox::new(&mut config.balance_classes, "balance"));
        balance.on_hover_text("Weigh the rarer class up in the loss so that both count alike");
    });
    stopping_ui(ui, config);
    row(ui, "Seed", "The same seed, photos and settings give the same run", |ui| {
        if number(ui, DragValue::new(&mut config.seed).speed(0.1)).changed() {
            config.split.seed = config.seed;
        }
    });
    runs_folder_ui(ui, scene);
}

fn schedule_ui(ui: &mut Ui, config: &mut TrainConfig) {
    row(ui, "Schedule", "How the learning rate changes over the run", |ui| {
        combo(ui, "schedule", &mut config.schedule, SCHEDULES.map(|(value, name)| (value, name, "")).as_slice());
    });
    row(ui, "Warm-up", "Epochs over which the learning rate rises at first; 0 for none", |ui| {
        let most = config.epochs as f64;
        let value = DragValue::new(&mut config.warmup_epochs).range(0.0..=most).speed(0.02).max_decimals(2);
        number(ui, short(value).suffix(" epochs"));
    });
}

/// How gradients become steps.
fn optimizer_ui(ui: &mut Ui, config: &mut TrainConfig) {
    row(ui, "Optimiser", "How gradients become steps", |ui| {
        combo(ui, "optimiser", &mut config.optimizer, OPTIMIZERS.map(|(value, name)| (value, name, "")).as_slice());
    });
    if config.optimizer == OptimizerKind::Sgd {
        row(ui, "Momentum", "How much of the step before is kept", |ui| {
            let value = DragValue::new(&mut config.momentum).range(0.0..=0.999).speed(0.005).max_decimals(3);
            number(ui, short(value));
        });
    }
    row(ui, "Weight decay", "Pulls weights towards zero; 0 for none", |ui| {
        let value = DragValue::new(&mut config.weight_decay).range(0.0..=1.0).speed(0.0005).max_decimals(5);
        number(ui, short(value));
    });
    row(ui, "Clipping", "", |ui| {
        let mut norm = config.clip_norm.unwrap_or(5.0);
        let value = DragValue::new(&mut norm).range(0.01..=1000.0).speed(0.05).max_decimals(2);
        let hint = "Shorten the gradients of a step where together they are longer than this";
        if let Some(on) = switched(ui, config.clip_norm.is_some(), "above", hint, short(value)) {
            config.clip_norm = on.then_some(norm);
        }
    });
    if config.tune != Tune::Head {
        row(ui, "Batch norm", "", |ui| {
            let learn = ui.add(Checkbox::new(&mut config.train_statistics, "learns statistics"));
            learn.on_hover_text(
                "Normalise by each batch and learn its statistics; off, those of the first weights are kept, which is \
                 safer with few photos",
            );
        });
    }
}

fn stopping_ui(ui: &mut Ui, config: &mut TrainConfig) {
    row(ui, "Early stop", "", |ui| {
        let mut patience = config.patience.unwrap_or(3);
        let value = DragValue::new(&mut patience).range(1..=1000).speed(0.05).suffix(" epochs");
        let hint = "Stop when the validation loss has not become better for some epochs";
        if let Some(on) = switched(ui, config.patience.is_some(), "after", hint, value) {
            config.patience = on.then_some(patience);
        }
    });
}

fn runs_folder_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    row(ui, "Runs in", "The folder that runs are kept in", |ui| {
        let mut folder = scene.runs_folder.to_owned();
        let field = path_field(ui, &mut folder, scene.commands, Command::RunsFolderDialog);
        if field.changed() {
            scene.settings.runs_folder = Some(folder);
        }
        if field.lost_focus() {
            scene.commands.push(Command::ListRuns);
        }
    });
}

/// A number that is switched on and off; gives whether it is on, where switch or number have changed.
fn switched(ui: &mut Ui, on: bool, word: &str, hint: &str, value: DragValue<'_>) -> Option<bool> {
    let mut now = on;
    let layout = Layout::left_to_right(Align::Center);
    let switch = ui.allocate_ui_with_layout(vec2(SWITCH, theme::ROW), layout, |ui| {
        ui.set_min_width(SWITCH);
        ui.add(Checkbox::new(&mut now, word))
    });
    let switched = switch.inner.on_hover_text(hint).changed();
    let changed = ui.add_enabled_ui(now, |ui| number(ui, value).changed()).inner;
    (switched || changed).then_some(now)
}

/// A number without zeros that say nothing.
fn short(value: DragValue<'_>) -> DragValue<'_> {
    value.custom_formatter(|number, _| super::epochs::rate(number))
}

/// A path to be typed or chosen; returns the field.
fn path_field(ui: &mut Ui, path: &mut std::path::PathBuf, commands: &mut Vec<Command>, choose: Command) -> Response {
    let mut text = path.display().to_string();
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if form::icon_button(ui, icons::ICON_FOLDER_OPEN, "Choose…").clicked() {
            commands.push(choose);
        }
        let field = ui.add(TextEdit::singleline(&mut text).desired_width(f32::INFINITY));
        let field = field.on_hover_text(text.clone());
        if field.changed() {
            *path = text.into();
        }
        field
    })
    .inner
}

fn combo<T: PartialEq + Copy>(ui: &mut Ui, id: &str, chosen: &mut T, choices: &[(T, &str, &str)]) {
    let name = choices.iter().find(|choice| choice.0 == *chosen).map_or("", |choice| choice.1);
    form::combo(ui, ComboBox::from_id_salt(id).selected_text(name).width(combo_width(ui)), |ui| {
        for (value, name, hint) in choices {
            let choice = ui.selectable_value(chosen, *value, *name);
            if !hint.is_empty() {
                choice.on_hover_text(*hint);
            }
        }
    });
}

fn combo_width(ui: &Ui) -> f32 {
    ui.available_width()
}

fn start_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let reason = super::obstacle(scene);
    let plan = || {
        let dataset = scene.session.dataset.as_ref()?;
        let epochs = format::counted(scene.settings.train.epochs, "epoch", "epochs");
        let train = &scene.settings.train;
        let variants = match train.augment.computed_ahead(train.tune) as usize {
            0 => String::new(),
            count => format!(", {} each", format::counted(count, "variant", "variants")),
        };
        Some(format!("{epochs} on {}{variants}", format::photos(dataset.labelled())))
    };
    let line = reason.clone().or_else(plan).unwrap_or_default();
    ui.add(Label::new(theme::quiet(ui, line)).truncate());
    ui.vertical_centered_justified(|ui| {
        let start = primary(ui, reason.is_none(), &theme::icon_text(icons::ICON_PLAY_CIRCLE, "Start training"));
        if start.on_hover_text(shortcuts::key(ui.ctx(), Place::Anywhere, Act::Train)).clicked() {
            scene.commands.push(Command::StartTraining);
        }
    });
}

fn running_ui(ui: &mut Ui, job: &Running, commands: &mut Vec<Command>) {
    let stopping = job.controls.cancel.get();
    let line = job.progress.map_or("Preparing".to_owned(), |p| bars::progress_text(&p, job.is_paused()));
    ui.add(Label::new(theme::quiet(ui, line)).truncate());
    ui.columns_const(|[left, right]| {
        left.vertical_centered_justified(|ui| {
            let (text, pause) = match job.is_paused() {
                true => (theme::icon_text(icons::ICON_PLAY_CIRCLE, "Go on"), false),
                false => (theme::icon_text(icons::ICON_PAUSE_CIRCLE, "Pause"), true),
            };
            let why_not = job.why_no_pause();
            let button = ui.add_enabled(!stopping && why_not.is_none(), egui::Button::new(text));
            let button = match why_not {
                Some(reason) => button.on_disabled_hover_text(reason),
                None => button,
            };
            if button.clicked() {
                commands.push(Command::PauseTraining(pause));
            }
        });
        right.vertical_centered_justified(|ui| {
            let text =
                if stopping { "Stopping…".to_owned() } else { theme::icon_text(icons::ICON_STOP_CIRCLE, "Stop") };
            let finishing = job.is_finishing();
            let stop = ui.add_enabled(!stopping && !finishing, egui::Button::new(text));
            let means = job.stopping_means();
            let stop = if finishing { stop.on_disabled_hover_text(means) } else { stop.on_hover_text(means) };
            if stop.clicked() {
                commands.push(Command::StopTraining);
            }
        });
    });
}
