use super::*;

use crate::app::session::Verdict;
use crate::dataset::split::Part;
use crate::dataset::{Class, Layout, Sample, Skipped};
use crate::review::predictions::Prediction;

/// Six photos: ▲ 0.9, ▲ 0.2 (a miss), ● 0.1, ● 0.7 (a false alarm), no label 0.6, no label and no prediction.
pub fn session(predicted: bool) -> Session {
    let labels =
        [Some(Class::Positive), Some(Class::Positive), Some(Class::Negative), Some(Class::Negative), None, None];
    let samples: Vec<Sample> = labels
        .into_iter()
        .zip('a'..)
        .map(|(label, letter)| {
            let file = format!("Brücke/Wand {letter}.jpg");
            Sample { path: Path::new("/photos").join(&file), file, label, bytes: 12_345, modified: None }
        })
        .collect();
    let predictions: Vec<Prediction> = [0.9, 0.2, 0.1, 0.7, 0.6]
        .into_iter()
        .zip(&samples)
        .enumerate()
        .map(|(sample, (p_positive, photo))| Prediction {
            sample,
            file: photo.file.clone(),
            path: photo.path.clone(),
            part: photo.label.map(|_| if sample % 2 == 0 { Part::Train } else { Part::Validation }),
            truth: photo.label,
            p_positive,
        })
        .collect();
    let verdict = Verdict {
        run: PathBuf::from("/runs/first"),
        name: "first".to_owned(),
        threshold: 0.5,
        of_sample: (0..samples.len()).map(|i| (i < predictions.len()).then_some(i)).collect(),
        predictions,
        classified: false,
    };
    let dataset = Dataset {
        roots: vec![PathBuf::from("/photos")],
        layout: Layout::ClassFolders,
        samples,
        skipped: Skipped::default(),
        problems: Vec::new(),
    };
    Session {
        dataset: Some(Arc::new(dataset)),
        verdict: predicted.then(|| Arc::new(verdict)),
        revision: 1,
        ..Session::default()
    }
}
