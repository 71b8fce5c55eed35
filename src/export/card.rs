//! The model card: what a model is, what it was made from, what was measured and what was not.
//!
//! After Mitchell et al. 2019, "Model Cards for Model Reporting". Every number comes from the run itself.

use std::fmt::Write;

use super::figures;
use crate::dataset::Class;
use crate::dataset::split::SplitKind;
use crate::format;
use crate::nn::bundled;
use crate::review::bootstrap::Intervals;
use crate::review::metrics::Metrics;
use crate::train::config::{OptimizerKind, Schedule, TrainConfig, Tune};
use crate::train::grouping::{GroupsRecord, SourceRecord};
use crate::train::observer::EpochRecord;
use crate::train::run_dir::{DataRecord, RunRecord, WeightsRecord};

/// What a card says.
#[derive(Clone, Copy, Debug)]
pub struct CardFacts<'a> {
    /// What was trained, on what, with what.
    pub record: &'a RunRecord,
    /// Figures of the best epoch, over the validation photos or, where there are none, the training photos.
    pub metrics: &'a Metrics,
    /// How far chance could have moved them, where that is known.
    pub intervals: Option<&'a Intervals>,
    /// The figures of each epoch.
    pub epochs: &'a [EpochRecord],
    /// The epoch whose weights were kept, from 1.
    pub best_epoch: usize,
}

impl<'a> CardFacts<'a> {
    /// The facts of one run.
    pub fn of(record: &'a RunRecord, metrics: &'a Metrics, epochs: &'a [EpochRecord], best_epoch: usize) -> Self {
        Self { record, metrics, intervals: None, epochs, best_epoch }
    }
}

/// The card in Markdown.
pub fn card(facts: &CardFacts<'_>) -> String {
    let record = facts.record;
    let sections = [
        introduction(record),
        figures_section(facts),
        data(&record.data),
        split(&record.train, &record.data),
        training(facts),
        limits(facts),
        licences(&record.weights),
    ];
    sections.join("\n")
}

fn introduction(record: &RunRecord) -> String {
    format!(
        "# Crack classifier: {network} on {data}\n\n\
         Says of a photo of concrete how probable it is that it shows a crack. {network} with a head of two outputs, \
         0 = {} ({}), 1 = {} ({}). Made by {program}, begun {created}.\n\n\
         Meant for sorting and screening photos like those it was trained on, with a person looking at the result. \
         Not meant to judge whether a structure is safe.\n",
        Class::Negative.name(),
        Class::Negative.word(),
        Class::Positive.name(),
        Class::Positive.word(),
        network = record.train.backbone.title(),
        data = folder_names(&record.data),
        program = plain(&record.program),
        created = plain(&record.created),
    )
}

fn figures_section(facts: &CardFacts<'_>) -> String {
    let metrics = facts.metrics;
    let validated = facts.record.data.validation > 0;
    let mut text = String::from("## Figures\n\n");
    let caveat = if validated {
        "The best epoch was chosen on these same photos, so the figures are slightly flattering."
    } else {
        "No photos were kept for validation: these figures say how well the model remembers, not how well it would do \
         on other photos."
    };
    let which = if validated { "validation" } else { "training" };
    let _ = writeln!(text, "Measured on {} {which} {}. {caveat}\n", format::count(metrics.photos), photo_word(metrics));
    figures_table(&mut text, facts);
    let confusion = &metrics.confusion;
    let [intact, cracked] = Class::ALL.map(Class::word);
    let _ = writeln!(text, "\n| label \\ predicted | {intact} | {cracked} |\n|---|---:|---:|");
    for truth in Class::ALL {
        let [a, b] = Class::ALL.map(|predicted| format::count(confusion.get(truth, predicted)));
        let _ = writeln!(text, "| {} | {a} | {b} |", truth.word());
    }
    let _ = writeln!(
        text,
        "\nThreshold: a photo counts as {cracked} from a probability of {} on ({}). It can be set lower to miss fewer \
         cracks at the price of more false alarms, or higher.",
        metrics.threshold,
        facts.record.train.threshold.words(),
    );
    if let Some(band) = metrics.unsure_band {
        let _ = writeln!(
            text,
            "\nPhotos of a probability from {} to {} go to a person: {} of these. They are counted neither as right nor \
             as wrong.",
            band.from,
            band.to,
            format::count(metrics.unsure),
        );
    }
    if facts.record.train.calibrate {
        text.push_str(
            "\nThe logits were divided by a temperature fitted to the validation photos, so the calibration error and the \
             loss above are of the photos that it was fitted to.\n",
        );
    }
    text + &plots(facts)
}

/// Every figure with its interval, and what calling all photos alike would come to.
fn figures_table(text: &mut String, facts: &CardFacts<'_>) {
    let metrics = facts.metrics;
    text.push_str("| Figure | Value | 95 % interval | Meaning |\n|---|---:|---:|---|\n");
    for ((name, value, meaning), key) in figures::rows(metrics).into_iter().zip(figures::KEYS) {
        let interval = facts.intervals.and_then(|all| all.get(key)).map(figures::interval).unwrap_or_default();
        let _ = writeln!(text, "| {name} | {value} | {interval} | {meaning} |");
    }
    if let Some(intervals) = facts.intervals {
        let _ = writeln!(text, "\n{}", intervals.about());
    }
    let floor = |class| metrics.confusion.floor(class);
    let [never, always] = Class::ALL.map(floor);
    let _ = writeln!(
        text,
        "\nFloors: calling every photo {} has an accuracy of {} and an F1 of {}; calling every photo {} an accuracy of {}.",
        Class::Positive.word(),
        figures::figure(always.accuracy()),
        figures::figure(always.f1()),
        Class::Negative.word(),
        figures::figure(never.accuracy()),
    );
}

/// Where the plots are, and why one is not.
fn plots(facts: &CardFacts<'_>) -> String {
    let files = "\nPlots, as SVG and as PNG: loss and accuracy in `curves`, these counts in `confusion`";
    let [intact, cracked] = Class::ALL.map(|class| facts.metrics.confusion.with_label(class));
    match (facts.record.data.validation, intact, cracked) {
        (0, ..) => format!("{files}. There is no ROC curve, because no photos were kept for validation.\n"),
        (_, 0, _) | (_, _, 0) => {
            let only = if intact == 0 { Class::Positive } else { Class::Negative }.word();
            format!("{files}. There is no ROC curve, because all validation photos are {only}.\n")
        }
        _ => format!("{files}, the ROC curve of these photos in `roc`.\n"),
    }
}

fn photo_word(metrics: &Metrics) -> &'static str {
    if metrics.photos == 1 { "photo" } else { "photos" }
}

fn data(data: &DataRecord) -> String {
    let unlabelled = data.photos.saturating_sub(data.positive + data.negative);
    let mut text = format!(
        "## Data\n\n| | |\n|---|---:|\n| Folder | {} |\n| Labels from | {} |\n| Photos | {} |\n| {} | {} |\n| {} | {} |\n",
        folder_names(data),
        data.layout.title(),
        format::count(data.photos),
        capital(Class::Positive.word()),
        format::count(data.positive),
        capital(Class::Negative.word()),
        format::count(data.negative),
    );
    for (name, count) in [("Unlabelled, not used", unlabelled), ("Unreadable, not used", data.unreadable)] {
        if count > 0 {
            let _ = writeln!(text, "| {name} | {} |", format::count(count));
        }
    }
    let labels = match data.corrected {
        0 => "Labels were taken as they are.".to_owned(),
        1 => "1 label was corrected by hand.".to_owned(),
        n => format!("{} labels were corrected by hand.", format::count(n)),
    };
    let _ = writeln!(text, "\nDigest of names, labels and contents: {}. {labels}", code(&data.digest));
    text
}

fn split(config: &TrainConfig, data: &DataRecord) -> String {
    let how = match config.split.kind {
        SplitKind::Grouped => {
            "Stratified by class; photos that belong together are kept on one side: files of the same content, and what \
             is named here. Photos that merely look alike may still be on both sides."
        }
        SplitKind::Random => {
            "At random, stratified by class; files of the same content are kept on one side. Photos of the same place \
             may be on both sides, which makes the figures flattering."
        }
        SplitKind::ByFolder => "As the folders say; files of the same content are kept on one side.",
    };
    format!(
        "## Split\n\nTraining {}, validation {}; seed {}. {how}\n{}",
        format::count(data.train),
        format::count(data.validation),
        config.split.seed,
        data.groups.as_ref().map(groups).unwrap_or_default(),
    )
}

/// What was kept together, as a list; nothing where no two photos were.
fn groups(record: &GroupsRecord) -> String {
    if record.groups == 0 {
        return String::new();
    }
    let line = |source: &SourceRecord| {
        format!("- {}: {} photos in {} groups\n", source.by, format::count(source.photos), format::count(source.groups))
    };
    let [groups, photos, largest] = [record.groups, record.photos, record.largest].map(format::count);
    format!(
        "\nTogether {photos} photos in {groups} groups, the largest of {largest}:\n\n{}",
        record.sources.iter().map(line).collect::<String>()
    )
}

fn training(facts: &CardFacts<'_>) -> String {
    let (record, config) = (facts.record, &facts.record.train);
    let weights = match &record.weights {
        weights if weights.source == "random" => "random values, untrained".to_owned(),
        weights => match &weights.sha256 {
            Some(sha256) => format!("{}, SHA-256 {}", code(base_name(&weights.source)), code(sha256)),
            None => code(base_name(&weights.source)),
        },
    };
    let mut rows = vec![
        ("Initial weights", weights),
        ("Trained layers", tuned(config.tune).to_owned()),
        ("Epochs", epochs(facts)),
        ("Batch size", format::count(config.batch_size)),
        ("Optimiser", optimizer(config)),
        ("Learning rate", learning_rate(config)),
        ("Batch norm", batch_norm(config).to_owned()),
        ("Classes weighted", if config.balance_classes { "by rarity" } else { "alike" }.to_owned()),
        ("Augmentation", config.augment.describe(config.tune)),
        ("Seed", config.seed.to_string()),
        ("Device", plain(&record.device)),
    ];
    if let Some(last) = facts.epochs.last() {
        rows.push(("Time in epochs", format!("{:.1} s", last.seconds)));
    }
    let mut text = String::from("## Training\n\n| | |\n|---|---|\n");
    for (name, value) in rows {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    text.push_str(
        "\nInput: 224 × 224 pixels, RGB, resized with an antialiased bilinear filter, normalised with ImageNet's mean \
         and standard deviation.\n",
    );
    text
}

fn epochs(facts: &CardFacts<'_>) -> String {
    let asked = facts.record.train.epochs;
    let done = facts.epochs.len();
    let early = if done < asked { format!(" of {}", format::count(asked)) } else { String::new() };
    format!("{}{early}; the weights are those of epoch {}", format::count(done), format::count(facts.best_epoch))
}

fn optimizer(config: &TrainConfig) -> String {
    let name = match config.optimizer {
        OptimizerKind::Adam => "Adam".to_owned(),
        OptimizerKind::AdamW => "AdamW".to_owned(),
        OptimizerKind::Sgd => format!("SGD with momentum {}", config.momentum),
    };
    let decay =
        if config.weight_decay > 0.0 { format!(", weight decay {}", config.weight_decay) } else { String::new() };
    let clipping = config.clip_norm.map_or_else(String::new, |norm| format!(", gradients clipped to a norm of {norm}"));
    name + &decay + &clipping
}

fn learning_rate(config: &TrainConfig) -> String {
    let mut text = config.learning_rate.to_string();
    if config.tune != Tune::Head {
        text += &format!(", {} before the last layer", config.backbone_learning_rate);
    }
    if config.warmup_epochs > 0.0 {
        text += &format!(", rising over {} epochs", config.warmup_epochs);
    }
    text + ", " + schedule(config.schedule)
}

fn batch_norm(config: &TrainConfig) -> &'static str {
    if config.tune != Tune::Head && config.train_statistics {
        "by each batch while training; statistics learned in the trained layers"
    } else {
        "by fixed statistics"
    }
}

fn schedule(schedule: Schedule) -> &'static str {
    match schedule {
        Schedule::Constant => "constant",
        Schedule::Cosine => "falling along half a cosine",
        Schedule::OneCycle => "one cycle",
    }
}

fn tuned(tune: Tune) -> &'static str {
    match tune {
        Tune::Head => "the last one; all others as loaded",
        Tune::LastBlock => "the last block and the last one; all others as loaded",
        Tune::All => "all",
    }
}

fn limits(facts: &CardFacts<'_>) -> String {
    let mut points = vec![
        "Measured on photos from the same folders as the training photos. On another structure, surface, camera or \
         light it may do much worse; label some photos of your own and evaluate it on them."
            .to_owned(),
        "It sees the whole photo at 224 × 224 pixels: a hairline crack in a large photo may vanish.".to_owned(),
        "It says nothing of a crack's width, depth, cause or danger. Joints, edges, stains and shadows may pass for \
         cracks."
            .to_owned(),
        "Labels were not checked: an error in them is learnt, and counted as an error of the model or hides one."
            .to_owned(),
    ];
    if facts.record.weights.source == "random" {
        points.insert(0, "The backbone is untrained: its features are random, so expect little of it.".to_owned());
    }
    if facts.record.weights.source == bundled::NAME {
        points.push(
            "The backbone had learned from photos of the METU set, among others: measured on such photos, figures \
             flatter."
                .to_owned(),
        );
    }
    let [negative, positive] = Class::ALL.map(|class| facts.metrics.confusion.with_label(class));
    if negative.min(positive) < 100 {
        points.push(format!(
            "Few photos were measured ({} {}, {} {}): with so few, chance moves the figures noticeably.",
            format::count(positive),
            Class::Positive.word(),
            format::count(negative),
            Class::Negative.word()
        ));
    }
    let mut text = String::from("## Limits\n\n");
    for point in points {
        let _ = writeln!(text, "- {point}");
    }
    text
}

fn licences(weights: &WeightsRecord) -> String {
    let initial = match weights.source.as_str() {
        "imagenet" => {
            "Initial weights: torchvision's, published under BSD-3-Clause and trained on ImageNet, whose photos are \
             offered for non-commercial research; whether that binds the weights is not settled."
        }
        bundled::NAME => {
            "Initial weights: those of the program, trained by it on photos of concrete, among them Özgenel 2018, \
             Mendeley Data, doi:10.17632/5y9wdsg2zt, CC BY 4.0."
        }
        "random" => "Initial weights: none, they were drawn at random.",
        _ => "Initial weights: from your file; their licence is not known to the program.",
    };
    format!(
        "## Licences\n\n- {initial}\n- Photos: their licence is not known to the program; whoever passes this model on \
         should add it.\n- The program: MIT or Apache-2.0. It claims nothing on the model.\n"
    )
}

/// The names of the folders, without the way to them, which concerns nobody else.
fn folder_names(data: &DataRecord) -> String {
    let names = data.folders.iter().map(|folder| code(base_name(&folder.to_string_lossy())));
    names.collect::<Vec<_>>().join(", ")
}

fn base_name(path: &str) -> &str {
    path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or(path)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Text that came from outside, in a code span that it cannot leave, fit for a cell of a table.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Text that came from outside, with nothing in it that Markdown or HTML would act on.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>|#&".contains(c) {
            plain.push('\\');
        }
        plain.push(if c.is_control() { ' ' } else { c });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::fixture;

    #[test]
    fn says_what_was_measured_and_where() {
        let run = fixture::run();
        let metrics = fixture::validation_metrics(&run);
        let text = card(&CardFacts::of(&run.record, &metrics, &run.epochs, 2));
        for part in [
            "# Crack classifier: ResNet18 on `metu`",
            "Measured on 4 validation photos",
            "| Accuracy | 0.5000 |  |",
            "| Photos | 7,146 |",
            "Training 5,717, validation 1,429; seed 7",
            "| Epochs | 3 of 10; the weights are those of epoch 2 |",
            "from a probability of 0.5 on",
            "Few photos were measured (2 cracked, 2 intact)",
            "BSD-3-Clause",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
        assert!(!text.contains("/home/"), "the way to the folder is nobody's business");
    }

    #[test]
    fn says_why_there_is_no_roc_curve() {
        let mut run = fixture::run();
        let text = |run: &crate::train::run_dir::Run, metrics: &Metrics| {
            card(&CardFacts::of(&run.record, metrics, &run.epochs, 2))
        };
        assert!(text(&run, &fixture::validation_metrics(&run)).contains("the ROC curve of these photos in `roc`"));
        let intact = Metrics::of(&run.predictions[..2], 0.5);
        assert!(text(&run, &intact).contains("no ROC curve, because all validation photos are intact"));
        run.record.data.validation = 0;
        assert!(text(&run, &intact).contains("no ROC curve, because no photos were kept for validation"));
    }

    #[test]
    fn is_honest_about_training_figures_and_random_weights() {
        let mut run = fixture::run();
        run.record.data.validation = 0;
        run.record.weights.source = "random".into();
        let metrics = fixture::validation_metrics(&run);
        let text = card(&CardFacts::of(&run.record, &metrics, &run.epochs, 2));
        assert!(text.contains("No photos were kept for validation") && text.contains("4 training photos"));
        assert!(text.contains("The backbone is untrained") && !text.contains("BSD-3-Clause"));
    }

    #[test]
    fn figures_without_meaning_are_dashes() {
        let run = fixture::run();
        let metrics = Metrics::of([], 0.5);
        let text = card(&CardFacts::of(&run.record, &metrics, &run.epochs, 2));
        assert!(text.contains("| Recall | – |") && !text.contains("NaN"), "{text}");
    }

    #[test]
    fn names_cannot_break_the_page() {
        assert_eq!(code("a|b`c\n"), "`` a\\|b`c  ``");
        assert_eq!(plain("<b>|x_"), "\\<b\\>\\|x\\_");
        assert_eq!((base_name("/a/b/"), base_name("C:\\x\\y"), base_name("/")), ("b", "y", "/"));
    }
}
