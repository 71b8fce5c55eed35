//! The plots that a run leaves.

use rayon::prelude::*;

use super::{Curves, Matrix, Plot, Roc, png, svg};
use crate::dataset::split::Part;
use crate::error::Result;
use crate::review::confusion::Confusion;
use crate::review::metrics::RocCurve;
use crate::review::predictions::Prediction;
use crate::review::threshold::Threshold;
use crate::train::observer::EpochRecord;

/// A plot in both formats.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// `curves`, `confusion` or `roc`: what its files are called.
    pub name: &'static str,
    /// Width and height, in pixels.
    pub size: (u32, u32),
    /// As SVG.
    pub svg: String,
    /// As PNG.
    pub png: Vec<u8>,
}

impl Picture {
    fn of(name: &'static str, plot: &impl Plot) -> Result<Self> {
        Ok(Self { name, size: plot.size(), svg: svg(plot)?, png: png(plot)? })
    }
}

/// Curves, confusion matrix and ROC curve of a run. `best` is the epoch that was kept, `judged` what its model says of
/// the validation photos, or of the training photos where there are no others. There is no ROC curve without validation
/// photos of both classes.
///
/// # Errors
/// Where a plot cannot be drawn, which does not happen in memory.
pub fn of_run(
    epochs: &[EpochRecord],
    best: usize,
    judged: &[&Prediction],
    threshold: impl Into<Threshold>,
) -> Result<Vec<Picture>> {
    let threshold = threshold.into();
    let validated = judged.iter().all(|photo| photo.part == Some(Part::Validation));
    let title = if validated { "Validation photos" } else { "Training photos" };
    let curves = Curves::new(epochs, Some(best))?;
    let confusion = Confusion::of(judged.iter().copied(), threshold);
    let matrix = Matrix::new(&confusion, title)?;
    let curve = if validated { RocCurve::of(judged.iter().copied(), threshold) } else { None };
    let roc = curve.as_ref().map(|curve| Roc { title: "ROC of the validation photos", curve });
    let draw: [&(dyn Fn() -> Option<Result<Picture>> + Sync); 3] =
        [&|| Some(Picture::of("curves", &curves)), &|| Some(Picture::of("confusion", &matrix)), &|| {
            roc.as_ref().map(|roc| Picture::of("roc", roc))
        }];
    draw.par_iter().filter_map(|draw| draw()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::fixture;

    fn names(judged: &[Prediction]) -> Vec<&'static str> {
        let run = fixture::run();
        let pictures = of_run(&run.epochs, 2, &judged.iter().collect::<Vec<_>>(), 0.5).unwrap();
        pictures.iter().map(|picture| picture.name).collect()
    }

    #[test]
    fn a_roc_curve_needs_validation_photos_of_both_classes() {
        let mut judged = fixture::run().predictions;
        assert_eq!(names(&judged), ["curves", "confusion", "roc"]);
        assert_eq!(names(&judged[..2]), ["curves", "confusion"], "intact photos alone");
        judged.iter_mut().for_each(|photo| photo.part = Some(Part::Train));
        assert_eq!(names(&judged), ["curves", "confusion"]);
        let run = fixture::run();
        let pictures = of_run(&run.epochs, 2, &judged.iter().collect::<Vec<_>>(), 0.5).unwrap();
        assert!(pictures[1].svg.contains("Training photos"));
    }
}
