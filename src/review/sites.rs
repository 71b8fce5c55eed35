//! How a model does at places where it has never been: the figures of each site, by a head trained on the others.

use serde::Serialize;

use super::cross_validation::FIGURES;
use super::metrics::Metrics;
use super::predictions::{DEFAULT_THRESHOLD, Prediction};
use crate::dataset::Dataset;
use crate::dataset::sites::Sites;
use crate::error::Result;
use crate::places::Places;
use crate::train::config::TrainConfig;
use crate::train::observer::{FeatureReport, Observer};
use crate::train::sites::{self, LeftOut};

/// One site.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Its figures, or why there are none.
    pub figures: std::result::Result<Metrics, String>,
    /// Photos that its head learned from.
    pub train: usize,
}

/// All sites.
#[derive(Clone, Debug)]
pub struct SiteTable {
    /// The sites, in their order.
    pub sites: Vec<Site>,
    /// The mean of each figure over the sites where it has a meaning.
    pub means: Vec<Mean>,
    /// What is said of each photo by the head that has not seen its site.
    pub predictions: Vec<Prediction>,
    /// Probability from which a photo counts as cracked.
    pub threshold: f32,
    /// How the features came about.
    pub features: FeatureReport,
}

/// The mean of a figure over the sites.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// Its name in files.
    pub key: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The mean; none where it has no meaning at any site.
    pub mean: Option<f64>,
    /// Its value at each site.
    pub sites: Vec<Option<f64>>,
}

/// Leaves out one site after the other: see [`sites::leave_one_out`].
///
/// # Errors
/// As [`sites::leave_one_out`].
pub fn leave_one_out(
    dataset: &Dataset,
    sites: &Sites,
    config: &TrainConfig,
    places: &Places,
    observer: &dyn Observer,
) -> Result<SiteTable> {
    sites::leave_one_out(dataset, sites, config, places, observer).map(SiteTable::of)
}

impl SiteTable {
    /// Works out the figures.
    pub fn of(found: LeftOut) -> Self {
        let threshold = DEFAULT_THRESHOLD;
        let (mut sites, mut predictions) = (Vec::new(), Vec::new());
        for turn in found.turns {
            let (figures, train) = match turn.outcome {
                Ok((record, said)) => {
                    let figures = Metrics::of(&said, threshold);
                    predictions.extend(said);
                    (Ok(figures), record.train + record.validation)
                }
                Err(error) => (Err(error.one_line()), 0),
            };
            sites.push(Site { name: turn.site, figures, train });
        }
        predictions.sort_by_key(|prediction| prediction.sample);
        let means = FIGURES.iter().map(|&(key, name, read, _)| {
            let sites: Vec<Option<f64>> = sites.iter().map(|site| site.figures.as_ref().ok().and_then(read)).collect();
            let known: Vec<f64> = sites.iter().flatten().copied().collect();
            let mean = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
            Mean { key, name, mean, sites }
        });
        Self { means: means.collect(), sites, predictions, threshold, features: found.features }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Class;
    use crate::error::Error;
    use crate::train::folds::FoldRecord;
    use crate::train::sites::SiteTurn;

    #[test]
    fn the_mean_is_over_sites_with_a_figure() {
        let photo = |sample: usize, truth, p_positive| Prediction {
            sample,
            file: sample.to_string(),
            path: "x".into(),
            part: None,
            truth: Some(truth),
            p_positive,
            group: None,
        };
        let record = FoldRecord { train: 7, validation: 3, held_back: 2, best_epoch: 1 };
        let turn = |site: &str, outcome| SiteTurn { site: site.to_owned(), outcome };
        use Class::{Negative as N, Positive as P};
        let turns = vec![
            turn("a", Ok((record, vec![photo(3, P, 0.9), photo(4, N, 0.9)]))),
            turn("b", Ok((record, vec![photo(1, N, 0.1), photo(2, N, 0.2)]))),
            turn("c", Err(Error::new("There are no photos of cracked concrete"))),
        ];
        let table = SiteTable::of(LeftOut { turns, features: FeatureReport::default() });
        let mean = |key: &str| table.means.iter().find(|mean| mean.key == key).unwrap().clone();
        assert_eq!((mean("accuracy").mean, mean("accuracy").sites), (Some(0.75), vec![Some(0.5), Some(1.0), None]));
        assert_eq!((mean("recall").mean, mean("recall").sites), (Some(1.0), vec![Some(1.0), None, None]));
        assert_eq!(table.sites[2].figures, Err("There are no photos of cracked concrete".to_owned()));
        assert_eq!(table.predictions.iter().map(|p| p.sample).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(table.sites[0].train, 10);
    }
}
