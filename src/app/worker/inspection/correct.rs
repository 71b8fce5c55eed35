//! Trains the last layer on what a person painted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::{Desk, InspectOrder, ModelOf};
use crate::dataset::Class;
use crate::error::{Error, Result};
use crate::inspect::corrections::{self, MOST_REST, Row};
use crate::inspect::heat::Platt;
use crate::inspect::{Contrast, HeatMap, Method, Settings, retrain};
use crate::job::Watch;
use crate::nn::head::Head;
use crate::places::Places;
use crate::train::config::Compute;

/// A few cells say little: weights that nothing speaks for are to stay small.
const DECAY: f64 = 1e-3;

/// What a person painted, and over what.
#[derive(Clone, Debug)]
pub struct Correction {
    /// Photos with the cells that were painted.
    pub photos: Vec<(PathBuf, Vec<(usize, Class)>)>,
    /// The model; training begins from its own head, so that the same corrections give the same head.
    pub model: ModelOf,
    /// Where to compute, and in what.
    pub compute: Compute,
    /// How photos are looked at.
    pub settings: Settings,
}

/// A head that was trained on corrections.
#[derive(Clone, Debug)]
pub struct Corrected {
    /// The model with it.
    pub model: ModelOf,
    /// Cells that were painted.
    pub cells: usize,
    /// Photos that they are on.
    pub photos: usize,
    /// Samples that they make: where there are several scales, a cell is one at each.
    pub samples: usize,
    /// Samples that the model's own head had right.
    pub right_before: usize,
    /// The same of the trained head.
    pub right_after: usize,
    /// Photos of the run that it was trained on as well; 0 where there are none, and cells that the model is sure of stand
    /// for them.
    pub of_run: usize,
    /// The maps that follow, without a new pass.
    pub maps: Vec<(PathBuf, Arc<HeatMap>)>,
    /// Time for all of it, in seconds.
    pub seconds: f64,
}

pub(super) fn train(desk: &mut Desk, correction: &Correction, places: &Places, watch: &dyn Watch) -> Result<Corrected> {
    let begun = Instant::now();
    if correction.settings.method != Method::Pass {
        return Err(
            Error::usage("Corrections need the features of the one pass").hint("choose One pass under Settings")
        );
    }
    let base = ModelOf { path: correction.model.path.clone(), head: None };
    let Correction { compute, settings, .. } = correction;
    let mut order = InspectOrder {
        photos: Vec::new(),
        model: base,
        compute: *compute,
        settings: settings.clone(),
        threshold: None,
    };
    let network = desk.model(&order.model, *compute)?.inspector.model().network.clone();
    let own = corrections::of_run(&order.model.path, &network, places, MOST_REST, watch)?;
    let (painted, sure) = rows(desk, correction, &order, own.is_empty(), watch)?;
    let head = desk.model(&order.model, *compute)?.inspector.model().head.snapshot()?;
    let trained = trained(&head, &painted, (&own, &sure), settings, watch)?;
    let (right_before, right_after) = (right(&head, &painted, settings)?, right(&trained, &painted, settings)?);
    order.model.head = Some(desk.add_head(trained));
    let maps = desk.maps(&order)?;
    Ok(Corrected {
        model: order.model,
        cells: correction.photos.iter().map(|(_, cells)| cells.len()).sum(),
        photos: correction.photos.len(),
        samples: painted.len(),
        right_before,
        right_after,
        of_run: own.len(),
        maps,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

/// Trains on what was painted, beside photos of the run, or cells that the model is sure of where there are none.
fn trained(
    head: &Head,
    painted: &[Row],
    (own, sure): (&[Row], &[Row]),
    settings: &Settings,
    watch: &dyn Watch,
) -> Result<Head> {
    let as_cells = settings.platt() != Platt::NONE;
    match (own.is_empty(), as_cells) {
        (true, true) => retrain::retrain_cells(head, &[], &corrections::together(painted, sure), DECAY, watch),
        (false, true) => {
            let (own, painted) = (corrections::together(&[], own), corrections::together(painted, &[]));
            retrain::retrain_cells(head, &own, &painted, DECAY, watch)
        }
        (_, false) => {
            let rest = if own.is_empty() { sure } else { own };
            retrain::retrain(head, &corrections::together(painted, rest), DECAY, watch)
        }
    }
}

/// How many rows a head calls what they are, as the map reads them.
fn right(head: &Head, rows: &[Row], settings: &Settings) -> Result<usize> {
    let contrast = Contrast::of(head)?;
    let cracked = |features: &[f32]| settings.platt().logit(contrast.share(features) + contrast.bias) >= 0.0;
    Ok(rows.iter().filter(|(features, class)| cracked(features) == (*class == Class::Positive.index())).count())
}

/// The rows that were painted, and, where they are wanted, those that the model is sure of.
fn rows(
    desk: &mut Desk,
    correction: &Correction,
    order: &InspectOrder,
    wanted: bool,
    watch: &dyn Watch,
) -> Result<(Vec<Row>, Vec<Row>)> {
    let (mut painted, mut sure) = (Vec::new(), Vec::new());
    let window = order.settings.window;
    let most = MOST_REST.div_ceil(correction.photos.len().max(1));
    for (path, cells) in &correction.photos {
        desk.with_features(path, order, watch)?;
        let bias = desk.model(&order.model, order.compute)?.inspector.contrast().bias;
        let look = desk.with_features(path, order, watch)?;
        let cells: Vec<(usize, Class)> = cells.iter().copied().filter(|(cell, _)| *cell < look.grid.len()).collect();
        let none = || Error::new("The features of a photo were not kept").hint("inspect the photo again");
        painted.extend(corrections::painted(look, &cells, window).ok_or_else(none)?);
        if wanted {
            let map = HeatMap::of(look, bias, &order.settings);
            sure.extend(corrections::sure(look, &map, &cells, (window, most)).ok_or_else(none)?);
        }
    }
    Ok((painted, sure))
}
