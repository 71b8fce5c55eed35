//! What the report does not say: its own page, because whoever reads figures should read their limits.

use super::document::{Block, Section, Topic};
use super::sheet::Sheet;
use super::{With, metric};
use crate::inspect::measure::LIMITS;

pub(super) fn section(with: &With<'_>, sheets: &[Sheet]) -> Section {
    Section::new(Topic::Limits, vec![Block::section("Limits"), Block::list(points(with, sheets))])
}

fn points(with: &With<'_>, sheets: &[Sheet]) -> Vec<String> {
    let mut points = vec![
        "A program marked these cracks. It misses some and marks some that are none; neither is said of any one photo. \
         The report does not judge whether a structure is safe: that takes a person who knows it."
            .to_owned(),
        "It says nothing of a crack's width, depth, age, cause or movement, nor of damage that is no crack: spalling, \
         rust, moisture, hollow places."
            .to_owned(),
        "Joints, edges of formwork, road markings, wires, roots, shadows, stains and scratches are the usual false alarms."
            .to_owned(),
    ];
    points.extend(LIMITS.map(str::to_owned));
    points.push(finest(sheets));
    let [joints, rims] = [0, 1].map(|kind| sheets.iter().map(|sheet| sheet.left_out[kind]).sum::<usize>());
    points.push(if with.settings.leave_out.joints {
        format!(
            "Finds along what is straight and goes on so were left out as joints, {joints} in all: a crack as straight as \
             a joint is left out with them."
        )
    } else {
        "Finds along straight lines were kept: some may be joints or edges of formwork.".to_owned()
    });
    points.push(if with.settings.leave_out.rims {
        format!(
            "Finds that are dark against one side only were left out as rims of markings or edges of shadows, {rims} in all."
        )
    } else {
        "Finds that are dark against one side only were kept: some may be rims of markings or edges of shadows.".to_owned()
    });
    points.push(
        "Only what the photos show was inspected. Where photos overlap, a crack counts on each, and so does its length in \
         sums."
            .to_owned(),
    );
    points.push(
        "Times are those of the cameras' clocks, places those of their receivers: both as the files say, unchecked."
            .to_owned(),
    );
    points.push(
        "Pictures in this report are reduced: a fine crack may be seen on the original only. The originals are unchanged."
            .to_owned(),
    );
    points
}

/// The finest crack that photos of this scale can show.
fn finest(sheets: &[Sheet]) -> String {
    let text = "A crack narrower than a pixel or two of the photo is not seen.";
    let coarsest = sheets.iter().filter_map(|sheet| sheet.scale).map(|scale| scale.mm(1.0)).max_by(f64::total_cmp);
    match coarsest {
        Some(mm) if mm < 0.1 => format!("{text} A pixel is {mm:.2} mm or less here."),
        Some(mm) => format!("{text} A pixel is up to {} here.", metric(mm)),
        None => text.to_owned(),
    }
}
