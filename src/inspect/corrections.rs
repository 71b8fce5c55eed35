//! What a person painted over cells, as rows to train on, beside rows that keep the head from forgetting all else.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::heat::HeatMap;
use super::pass::Look;
use super::regions;
use crate::dataset::group::content_keys;
use crate::dataset::split::Part;
use crate::dataset::{Class, labels, scan};
use crate::error::Result;
use crate::job::Watch;
use crate::nn::head::Labelled;
use crate::nn::network::Network;
use crate::places::Places;
use crate::train::features;
use crate::train::run_dir::{self, Run};

/// Features and the class that they stand for.
pub type Row = (Vec<f32>, usize);

/// Rows of each class that stand for all that was not painted, at most.
pub const MOST_REST: usize = 400;
/// How sure a map must be of a cell for the cell to stand for what the head knows: logits of so much, p of 0.82.
const SURE: f32 = 1.5;
/// What was painted weighs at least this share of the rest, however few cells it is.
const LEAST_SHARE: f32 = 0.5;

/// The painted cells of a photo as rows; none where its features were not kept.
pub fn painted(look: &Look, cells: &[(usize, Class)], window: usize) -> Option<Vec<Row>> {
    let places: Vec<usize> = cells.iter().map(|(cell, _)| *cell).collect();
    let classes = cells.iter().flat_map(|(_, class)| std::iter::repeat_n(class.index(), look.layers.len()));
    Some(look.features_at(&places, window)?.into_iter().zip(classes).collect())
}

/// Cells of a photo that `map` is sure of, as rows of what it says of them: they keep a head that has no photos of its own
/// from forgetting. Left out are cells whose window holds a painted one, and whole regions where a painted cell is called
/// intact: what is wrong of one cell is likely wrong of its region. At most `most` of each class, evenly over the photo.
pub fn sure(look: &Look, map: &HeatMap, cells: &[(usize, Class)], (window, most): (usize, usize)) -> Option<Vec<Row>> {
    let left_out = doubtful(map, cells, window);
    let rows = |class: Class| {
        let is = |logit: f32| if class == Class::Positive { logit >= SURE } else { logit <= -SURE };
        let all: Vec<usize> =
            (0..map.grid.len()).filter(|cell| !left_out.contains(cell) && is(map.logits[*cell])).collect();
        let step = all.len().div_ceil(most.max(1)).max(1);
        let some: Vec<(usize, Class)> = all.into_iter().step_by(step).map(|cell| (cell, class)).collect();
        painted(look, &some, window)
    };
    let mut both = rows(Class::Negative)?;
    both.extend(rows(Class::Positive)?);
    Some(both)
}

/// Cells that nothing may be taken from.
fn doubtful(map: &HeatMap, cells: &[(usize, Class)], window: usize) -> HashSet<usize> {
    let (grid, reach) = (map.grid, window / 2 + 1);
    let mut doubtful = HashSet::new();
    for (cell, _) in cells {
        let (column, row) = grid.place(*cell);
        let near = |at: usize, count: usize| at.saturating_sub(reach)..(at + reach + 1).min(count);
        doubtful
            .extend(near(row, grid.rows).flat_map(|y| near(column, grid.columns).map(move |x| y * grid.columns + x)));
    }
    let called = map.cracked(0.5);
    let wrong: HashSet<usize> = cells.iter().filter(|(_, class)| *class == Class::Negative).map(|(c, _)| *c).collect();
    for region in regions::regions(map, &called) {
        if region.cells.iter().any(|cell| wrong.contains(cell)) {
            doubtful.extend(region.cells);
        }
    }
    doubtful
}

/// The photos that a run was trained on, with the labels now in force, as rows of what `network` makes of them: at most
/// `most` of each class, evenly over its photos. Empty where the run has none or they are gone.
///
/// # Errors
/// Where the device or the cache fails, or the user stops the job.
pub fn of_run(run: &Path, network: &Network, places: &Places, most: usize, watch: &dyn Watch) -> Result<Vec<Row>> {
    if run_dir::is_bundled(run) || !run_dir::is_run(run) {
        return Ok(Vec::new());
    }
    let Ok(run) = Run::open(run) else { return Ok(Vec::new()) };
    let sides: HashMap<&str, Part> = run.predictions.iter().filter_map(|p| Some((p.file.as_str(), p.part?))).collect();
    let listed = scan::open(&run.record.data.folders, places, watch);
    let Ok(mut dataset) = listed else {
        watch.check()?;
        return Ok(Vec::new());
    };
    labels::open(&mut dataset, places)?;
    // A few of either class are enough; the others need not even be read.
    for class in Class::ALL {
        let of_class = |index: &usize| {
            dataset.samples.get(*index).is_some_and(|sample| {
                sample.label == Some(class) && sides.get(sample.file.as_str()) == Some(&Part::Train)
            })
        };
        let all: Vec<usize> = (0..dataset.samples.len()).filter(of_class).collect();
        let step = all.len().div_ceil(most.max(1)).max(1);
        let some: HashSet<usize> = all.into_iter().step_by(step).collect();
        let mut index = 0;
        dataset.samples.retain(|sample| {
            index += 1;
            sample.label != Some(class) || some.contains(&(index - 1))
        });
    }
    dataset.samples.retain(|sample| sample.label.is_some());
    let keys = content_keys(&dataset.samples, watch)?.keys;
    let (features, ..) = features::extract(network, &dataset, &keys, places, watch)?;
    let rows = dataset.samples.iter().enumerate();
    Ok(rows.filter_map(|(i, sample)| Some((features.get(i)?.to_vec(), sample.label?.index()))).collect())
}

/// All rows together, those that were painted as often as it takes for them to weigh something.
pub fn together<'a>(painted: &'a [Row], rest: &'a [Row]) -> Vec<Labelled<'a>> {
    let wanted = (rest.len() as f32 * LEAST_SHARE) as usize;
    let times = wanted.div_ceil(painted.len().max(1)).max(1);
    let rows = std::iter::repeat_n(painted, times).flatten().chain(rest);
    rows.map(|(features, class)| (features.as_slice(), *class)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Grid;
    use crate::inspect::pass::Layer;

    /// A photo of 8 × 4 cells with two features: the first is the logit, the second the number of the cell.
    fn look() -> (Look, HeatMap) {
        let grid = Grid::of(256, 128);
        let logits: Vec<f32> = (0..32).map(|cell| if cell % 8 < 3 { 5.0 } else { -5.0 }).collect();
        let features = logits.iter().enumerate().flat_map(|(cell, logit)| [*logit, cell as f32]).collect();
        let layer = Layer { scale: 1.0, columns: 8, rows: 4, shares: logits.clone(), features: Some(features) };
        (Look { grid, layers: vec![layer] }, HeatMap { grid, logits })
    }

    #[test]
    fn painted_cells_are_rows_of_their_class() {
        let (mut look, _) = look();
        let rows = painted(&look, &[(3, Class::Positive), (0, Class::Negative)], 1).unwrap();
        assert_eq!(rows, [(vec![-5.0, 3.0], 1), (vec![5.0, 0.0], 0)]);
        look.layers[0].features = None;
        assert_eq!(painted(&look, &[(3, Class::Positive)], 1), None);
    }

    #[test]
    fn what_is_sure_stands_for_the_rest_unless_it_is_doubted() {
        let (look, map) = look();
        let rows = sure(&look, &map, &[], (1, 4)).unwrap();
        let count = |rows: &[Row], class: usize| rows.iter().filter(|(_, of)| *of == class).count();
        assert_eq!((count(&rows, 0), count(&rows, 1)), (4, 4));
        assert!(rows.iter().all(|(features, class)| (features[0] > 0.0) == (*class == 1)));
        // One cell of the only region is no crack: nothing of the region is taken for one.
        let rows = sure(&look, &map, &[(0, Class::Negative)], (1, 400)).unwrap();
        assert_eq!((count(&rows, 0), count(&rows, 1)), (20, 0));
        // One cell is a crack that was missed: its neighbours are left out.
        let rows = sure(&look, &map, &[(7, Class::Positive)], (1, 400)).unwrap();
        assert_eq!((count(&rows, 0), count(&rows, 1)), (16, 12));
    }

    #[test]
    fn a_few_painted_cells_weigh_something() {
        let rest: Vec<Row> = (0..100).map(|i| (vec![0.0], i % 2)).collect();
        let all = together(&[], &rest);
        assert_eq!(all.len(), 100);
        let painted = [(vec![1.0], 1), (vec![2.0], 0)];
        let all = together(&painted, &rest);
        assert_eq!(all.iter().filter(|(features, _)| features[0] > 0.0).count(), 50);
        assert_eq!(together(&painted, &[]).len(), 2);
    }
}
