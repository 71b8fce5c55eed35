//! What the weights look like, and what they make of a photo.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{Options, count};
use crate::atomic_file;
use crate::cli::{Session, table};
use crate::dataset::keep_out::keep_out;
use crate::error::{Context, Result};
use crate::export::png;
use crate::export::sheets::{self, Scale};
use crate::job::Watch;
use crate::nn::inspect::{Inspector, TensorStatistics};
use crate::nn::summary::Summary;
use crate::photo::transform;

/// Bins of a histogram in a line of text.
const BARS: usize = 16;

/// Adds to `text` and `json` what the options ask for.
pub(super) fn run(
    options: &Options,
    inspector: &Inspector,
    summary: &Summary,
    (session, photos): (&Session, &[PathBuf]),
    (text, json): (&mut String, &mut Map<String, Value>),
) -> Result<()> {
    if options.histograms {
        let tensors = inspector.tensors()?;
        *text += &format!("\n{}", histograms(&tensors));
        json.insert("weights".into(), json!(tensors));
    }
    if let Some(path) = &options.filters {
        keep_out(path, photos)?;
        let filters = inspector.filters()?;
        atomic_file::write(path, &png::encode(&sheets::sheet(&sheets::filters(&filters, Scale::Each)))?)?;
        *text += &format!("\nFilters: {} of 3 × {1} × {1}, {2}\n", filters.count, filters.side, path.display());
        json.insert("filters".into(), json!(path));
    }
    if let (Some(photo), Some(folder)) = (&options.maps, &options.to) {
        keep_out(folder, photos)?;
        let files = maps(photo, folder, inspector, summary, &session.terminal)?;
        *text += &format!("\nFeature maps: {} sheets in {}\n", files.len(), folder.display());
        json.insert("maps".into(), json!(files));
    }
    Ok(())
}

/// Writes a sheet for each part that maps come out of; gives the files.
fn maps(
    photo: &Path,
    folder: &Path,
    inspector: &Inspector,
    summary: &Summary,
    watch: &dyn Watch,
) -> Result<Vec<PathBuf>> {
    let beside = photo.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    keep_out(folder, &[beside.to_owned()])?;
    let input = transform::load_input(photo)?;
    std::fs::create_dir_all(folder).on_file("make the folder", folder)?;
    let mut files = Vec::new();
    for (index, part) in summary.parts.iter().enumerate() {
        let Some(blocks) = summary.blocks_through(index) else { continue };
        watch.check()?;
        let sheet = sheets::sheet(&sheets::maps(&inspector.maps(&input, blocks)?, Scale::Each));
        let file = folder.join(format!("maps_{index:02}_{}.png", part.name));
        atomic_file::write(&file, &png::encode(&sheet)?)?;
        files.push(file);
    }
    Ok(files)
}

fn histograms(tensors: &[TensorStatistics]) -> String {
    let headings = ["weights", "number", "mean", "std", "lowest", "highest", "zeros", "from lowest to highest"];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    for tensor in tensors {
        rows.push(vec![
            tensor.name.clone(),
            count(tensor.count),
            format!("{:.4}", tensor.mean),
            format!("{:.4}", tensor.std),
            format!("{:.4}", tensor.min),
            format!("{:.4}", tensor.max),
            table::percent(Some(tensor.share_of_zeros())),
            bars(&tensor.histogram.coarser(BARS)),
        ]);
    }
    let broken: usize = tensors.iter().map(|tensor| tensor.not_finite).sum();
    let warning = if broken > 0 { format!("{} weights are no numbers\n", count(broken)) } else { String::new() };
    table::columns(&rows) + &warning
}

/// A histogram in a line: the fullest bin is the highest bar, and what is not empty can be seen.
fn bars(counts: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |count: u64| match count {
        0 => ' ',
        count => BARS.get((count * 8).div_ceil(most) as usize - 1).copied().unwrap_or('█'),
    };
    counts.iter().map(|count| bar(*count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_with_the_counts() {
        assert_eq!(bars(&[0, 1, 50, 100, 0]), " ▁▄█ ");
        assert_eq!(bars(&[0, 0]), "  ");
    }
}
