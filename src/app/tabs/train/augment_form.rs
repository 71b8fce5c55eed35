//! The part of the training form that says how training photos are augmented.

use egui::{Checkbox, CollapsingHeader, ComboBox, DragValue, Label, Slider, Ui};

use crate::app::theme;
use crate::app::widgets::form::{self, number, row};
use crate::photo::augment::{AMOUNTS, Amount, Augmentation};
use crate::train::augment::MOST_VARIANTS;
use crate::train::config::{TrainConfig, Tune};

const PRESETS: [(Augmentation, &str, &str); 3] = [
    (Augmentation::none(), "off", "Photos as they are"),
    (Augmentation::light(), "light", "What another visit to the same place would change"),
    (Augmentation::strong(), "strong", "What another place and another camera would change"),
];

/// Room for the number beside a slider.
const VALUE: f32 = 60.0;

/// The name of an amount and what it means.
fn words(amount: &Amount) -> (&'static str, &'static str) {
    match amount.word {
        "rotate" => ("Rotation", "The largest angle by which photos are turned besides right angles"),
        "scale" => (
            "Scale",
            "How far photos are zoomed, stretched and shifted. At least 90 % of each stays in view, since a crack may \
             run along its edge; beyond its edges a photo goes on as its mirror image",
        ),
        "brightness" => ("Brightness", "How much darker and brighter photos become"),
        "contrast" => ("Contrast", "How much weaker and stronger contrast becomes"),
        "colour" => ("Colour", "How much saturation and colour cast change"),
        "blur" => {
            ("Blur", "Standard deviation of the strongest blur, in pixels of the 224 × 224 that the network takes")
        }
        "noise" => ("Noise", "Standard deviation of the strongest noise, in levels of 255"),
        "jpeg" => ("JPEG", "Share of variants that are saved as JPEG of some quality and read back"),
        "shadows" => ("Shadows", "Share of variants onto which a shadow or uneven light falls"),
        "marks" => ("Marks", "Share of variants onto which a joint, a stain or a chalk line is drawn"),
        other => (other, ""),
    }
}

/// Shows the section, closed at first, with one line that says what is on.
pub(super) fn ui(ui: &mut Ui, config: &mut TrainConfig) {
    let header = CollapsingHeader::new("Augmentation").id_salt("augmentation settings");
    if !header.show_unindented(ui, |ui| settings_ui(ui, config)).fully_closed() {
        return;
    }
    let summary = summary(config);
    ui.horizontal(|ui| {
        // Below the header's word.
        ui.add_space(ui.spacing().indent - ui.spacing().item_spacing.x);
        ui.add(Label::new(theme::quiet(ui, &summary).size(theme::SMALL)).truncate()).on_hover_text(summary);
    });
}

/// What is on, for one line.
fn summary(config: &TrainConfig) -> String {
    if config.augment.is_off() {
        return "off: photos as they are".to_owned();
    }
    config.augment.describe(config.tune).replace(',', ", ").replace(",  ", ", ")
}

fn settings_ui(ui: &mut Ui, config: &mut TrainConfig) {
    let augment = &mut config.augment;
    row(ui, "Preset", "A choice of strengths to begin with", |ui| preset_ui(ui, &mut augment.variation));
    if config.tune != Tune::All {
        let hint =
            "Variants of each training photo, beside the photo itself; their features are computed once and kept";
        row(ui, "Variants", hint, |ui| {
            number(ui, DragValue::new(&mut augment.variants).range(1..=MOST_VARIANTS).speed(0.05));
        });
    }
    let settings = &mut augment.variation;
    for (name, on, hint) in [
        ("Flip across", &mut settings.horizontal_flip, "Mirror half of the variants left to right"),
        ("Flip down", &mut settings.vertical_flip, "Mirror half of the variants top to bottom"),
        ("Right angles", &mut settings.quarter_turns, "Turn variants by 0, 90, 180 or 270 degrees"),
    ] {
        row(ui, name, hint, |ui| ui.add(Checkbox::without_text(on)));
    }
    for amount in &AMOUNTS {
        let (name, hint) = words(amount);
        row(ui, name, hint, |ui| {
            ui.spacing_mut().interact_size.x = VALUE; // so that the numbers have one edge
            ui.spacing_mut().slider_width = (ui.available_width() - VALUE - ui.spacing().item_spacing.x).max(40.0);
            let slider = Slider::new((amount.of)(settings), 0.0..=amount.most);
            ui.add(slider.suffix(amount.unit).fixed_decimals(amount.decimals));
        });
    }
}

fn preset_ui(ui: &mut Ui, settings: &mut Augmentation) {
    let name = PRESETS.iter().find(|(preset, ..)| preset == settings).map_or("custom", |(_, name, _)| name);
    let list = ComboBox::from_id_salt("augmentation preset").selected_text(name).width(ui.available_width());
    form::combo(ui, list, |ui| {
        for (preset, name, hint) in PRESETS {
            ui.selectable_value(settings, preset, name).on_hover_text(hint);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_amount_has_words_of_its_own() {
        let names: BTreeSet<&str> = AMOUNTS.iter().map(|amount| words(amount).0).collect();
        assert_eq!(names.len(), AMOUNTS.len());
        assert!(AMOUNTS.iter().all(|amount| !words(amount).1.is_empty()));
    }

    #[test]
    fn one_line_says_what_is_on() {
        let mut config = TrainConfig::default();
        assert_eq!(summary(&config), "off: photos as they are");
        config.augment.variation = Augmentation::light();
        assert_eq!(summary(&config), "light, 4 variants of each training photo");
        config.augment.variation = "flips,rotate=5".parse().unwrap();
        assert_eq!(summary(&config), "flips, rotate=5, 4 variants of each training photo");
        config.tune = Tune::All;
        assert_eq!(summary(&config), "flips, rotate=5, drawn anew in every epoch");
    }
}
