//! How the photos were looked at, and what the threshold means.

use std::collections::BTreeSet;
use std::iter;

use super::Particulars;
use super::document::{Block, Section, Table, Topic};
use super::sheet::Sheet;
use crate::export::figures::{figure, percent};
use crate::format;
use crate::inspect::evaluate::Figures;
use crate::inspect::heat::{self, CELL};
use crate::inspect::pass::scales_for;
use crate::inspect::{Join, Method, Settings, tiles};
use crate::train::run_dir;

pub(super) fn section(particulars: &Particulars<'_>, sheets: &[Sheet]) -> Section {
    let mut blocks = vec![
        Block::section("How the photos were looked at"),
        Block::Table(Table::of_facts(rows(particulars, sheets))),
        Block::part("The threshold, and what it means"),
    ];
    blocks.extend(threshold(particulars).map(Block::paragraph));
    blocks.extend(particulars.evaluation.into_iter().flat_map(|figures| evaluation(figures, sheets.len())));
    Section::new(Topic::Method, blocks)
}

fn rows<'a>(particulars: &Particulars<'_>, sheets: &[Sheet]) -> Vec<(&'a str, String)> {
    let settings = particulars.with.settings;
    let mut rows = vec![
        ("Program", format!("CrackScope {}", env!("CARGO_PKG_VERSION"))),
        (
            "Report made",
            humantime::format_rfc3339_seconds(particulars.made).to_string().replace('T', " ").replace('Z', " UTC"),
        ),
        ("Model", run_dir::name(particulars.with.model)),
    ];
    rows.extend(particulars.card.network.map(|network| ("Network", network.to_owned())));
    rows.extend(particulars.card.sha256.clone().map(|digest| ("SHA-256 of its file", digest)));
    rows.push(("Method", method(settings)));
    if settings.method == Method::Pass {
        rows.push(("Sizes", scales(settings, sheets)));
    }
    let left_out = |yes: bool| if yes { "left out" } else { "kept" }.to_owned();
    rows.push(("Finds along joints", left_out(settings.leave_out.joints)));
    rows.push(("Finds at rims of what is bright", left_out(settings.leave_out.rims)));
    rows.push((
        "Threshold",
        format!(
            "{}, {}",
            particulars.with.threshold,
            if particulars.with.stored { "stored with the model" } else { "as given for this inspection" }
        ),
    ));
    rows
}

fn method(settings: &Settings) -> String {
    match settings.method {
        Method::Pass => {
            let of = match settings.window {
                1 => {
                    let heat::Platt { slope, offset } = settings.platt();
                    format!(
                        "that of the cell itself: of its logit z, {slope} · z {} {} is taken, a line that was fitted to \
                         photos with masks",
                        if offset < 0.0 { '−' } else { '+' },
                        offset.abs(),
                    )
                }
                window => format!("that of the {0} × {0} pixels around it", window as u32 * CELL),
            };
            format!(
                "one pass of the network over each photo at its own resolution; the probability of a cell of {CELL} × {CELL} \
                 pixels is {of}"
            )
        }
        Method::Tiles => format!(
            "tiles of {side} × {side} pixels, one each {step} pixels, each looked at as a photo of its own",
            side = tiles::SIDE,
            step = settings.tile_step
        ),
    }
}

/// At which sizes the photos went through, as asked for or as suits each of them.
fn scales(settings: &Settings, sheets: &[Sheet]) -> String {
    let list = |scales: Vec<f32>| scales.iter().map(|scale| format!("{scale} ×")).collect::<Vec<_>>().join(", ");
    let sets: BTreeSet<String> = sheets.iter().map(|sheet| list(scales_for(sheet.size, &settings.scales))).collect();
    let sets = sets.into_iter().collect::<Vec<_>>().join("; of others ");
    let joined = match settings.join {
        Join::Mean => "their mean counts",
        Join::Max => "the highest counts",
    };
    if sets.contains(',') { format!("{sets}; {joined}") } else { sets }
}

/// What the number means, and what it did on photos whose truth is known.
fn threshold(particulars: &Particulars<'_>) -> impl Iterator<Item = String> {
    let at = particulars.with.threshold;
    let meaning = format!(
        "The model gives each cell of a photo a probability that a crack runs there. Cells of {at} or more count as \
         cracked; cells that touch are one crack. A lower threshold misses fewer cracks and marks more that are none; a \
         higher one the other way round. The probability is the model's own: at a place that is unlike the photos it \
         learned from, 0.9 need not be right nine times in ten."
    );
    let checked = particulars.card.at(at).map(|checked| {
        let [recall, precision] = [checked.recall, checked.precision].map(percent);
        let photos = format::photos(checked.photos);
        format!(
            "At this threshold, on the {photos} that were held back when the model was trained, it found {recall} of \
             those labelled cracked (recall), and {precision} of those that it called cracked were (precision). These were \
             small photos of the training folders, each judged as a whole: of cells of large photos, expect less."
        )
    });
    iter::once(meaning).chain(checked)
}

fn evaluation(figures: &Figures, photos: usize) -> [Block; 3] {
    let rows = [
        ("Average precision over cells", figure(figures.average_precision)),
        ("Of cells called cracked, the share that is", percent(figures.precision)),
        ("Of cracked cells, the share found", percent(figures.recall)),
        ("F1", figure(figures.f1)),
        ("Photos with a crack on which one was found", format!("{} of {}", figures.detected, figures.photos)),
        ("Cells called cracked away from any crack", format::count(figures.false_clear_cells)),
    ];
    [
        Block::part("Held against masks"),
        Block::paragraph(format!("Masks of the cracks were given for these {}:", format::photos(photos))),
        Block::Table(Table::of_facts(rows)),
    ]
}
