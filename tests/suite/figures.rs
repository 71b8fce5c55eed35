//! Figures, intervals, calibration and thresholds against scikit-learn, SciPy and statsmodels.
//!
//! The values were written by tests/data/make_figures_case.py.

use crackscope::dataset::Class;
use crackscope::review::bootstrap::{self, Judged};
use crackscope::review::calibration;
use crackscope::review::interval::wilson;
use crackscope::review::metrics::{self, Metrics};
use crackscope::review::paired::mcnemar;
use crackscope::review::predictions::Prediction;
use crackscope::review::ranking::Ranking;
use crackscope::review::threshold::Choice;
use serde_json::Value;

fn document() -> Value {
    serde_json::from_str(include_str!("../data/figures_case.json")).unwrap()
}

/// Probabilities and whether cracked, by the formula that the script has as well.
fn photos(case: &Value) -> Vec<(f32, bool)> {
    let [count, levels] = ["count", "levels"].map(|key| case[key].as_u64().unwrap());
    let photo = |index: u64| {
        let level = (index * 7919 + 13) % levels;
        (((level as f64 + 0.5) / levels as f64) as f32, (index * 104_729) % levels < level)
    };
    (0..count).map(photo).collect()
}

fn predictions(photos: &[(f32, bool)]) -> Vec<Prediction> {
    let one = |(sample, &(p_positive, cracked)): (usize, &(f32, bool))| {
        let truth = Some(if cracked { Class::Positive } else { Class::Negative });
        Prediction {
            sample,
            file: sample.to_string(),
            path: sample.to_string().into(),
            part: None,
            truth,
            p_positive,
            group: None,
        }
    };
    photos.iter().enumerate().map(one).collect()
}

#[track_caller]
fn close(found: f64, expected: &Value, tolerance: f64, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() <= tolerance, "{what}: {found} instead of {expected}");
}

fn numbers(list: &Value) -> impl Iterator<Item = f64> + '_ {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap())
}

#[test]
fn figures_agree_with_scikit_learn() {
    let document = document();
    let threshold = document["threshold"].as_f64().unwrap() as f32;
    for case in document["cases"].as_array().unwrap() {
        let photos = photos(case);
        let found = serde_json::to_value(Metrics::of(&predictions(&photos), threshold)).unwrap();
        for (key, expected) in case["figures"].as_object().unwrap() {
            // Losses are worked out in single precision here.
            let tolerance = if key == "loss" { 1e-6 } else { 1e-12 };
            close(found[key].as_f64().unwrap(), expected, tolerance, key);
        }
        close(found["ece"].as_f64().unwrap(), &case["ece"], 1e-6, "ece");
        let points = metrics::precision_recall(&photos).unwrap();
        let expected: Vec<_> = numbers(&case["recall"]).zip(numbers(&case["precision"])).collect();
        // scikit-learn leaves out thresholds from which on all cracks are found; the first point of these is there.
        assert!(points.len() >= expected.len());
        for (point, (recall, precision)) in points.iter().zip(expected) {
            assert!((point[0] - recall).abs() < 1e-12 && (point[1] - precision).abs() < 1e-12, "{point:?}");
        }
    }
}

#[test]
fn calibration_agrees_with_scikit_learn_and_scipy() {
    for case in document()["cases"].as_array().unwrap() {
        let photos = photos(case);
        let bins = calibration::reliability(&photos);
        assert_eq!(bins.len(), case["calibration"]["photos"].as_array().unwrap().len());
        for (index, bin) in bins.iter().enumerate() {
            let expected = |key: &str| &case["calibration"][key][index];
            close(bin.said, expected("said"), 1e-6, "said");
            close(bin.seen, expected("seen"), 1e-12, "seen");
            assert_eq!(bin.photos as u64, expected("photos").as_u64().unwrap());
        }
        let scaling = calibration::scaling(&predictions(&photos)).unwrap();
        close(scaling.temperature, &case["temperature"], 1e-4, "temperature");
        close(scaling.loss_after, &case["scaled_loss"], 1e-9, "loss");
        assert!(scaling.loss_after <= scaling.loss_before);
    }
}

#[test]
fn thresholds_are_as_good_as_trying_each_one() {
    for case in document()["cases"].as_array().unwrap() {
        let ranking = Ranking::new(&photos(case));
        for (cost, expected) in case["least_cost"].as_object().unwrap() {
            let cost: usize = cost.parse().unwrap();
            let confusion = ranking.confusion(Choice::Cost(cost as f64).fit(&ranking).unwrap());
            assert_eq!((cost * confusion.false_negative + confusion.false_positive) as u64, expected.as_u64().unwrap());
        }
        for (share, expected) in case["recall_threshold"].as_object().unwrap() {
            let found = Choice::Recall(share.parse().unwrap()).fit(&ranking).unwrap();
            let expected = expected.as_f64().unwrap() as f32;
            assert!(found <= expected && expected - found < 0.01, "{found} for {expected}");
            assert_eq!(ranking.confusion(found), ranking.confusion(expected), "they part the photos alike");
        }
        let f1 = ranking.confusion(Choice::F1.fit(&ranking).unwrap()).f1().unwrap();
        close(f1, &case["best_f1"], 1e-12, "f1");
    }
}

#[test]
fn intervals_agree_with_statsmodels_and_with_another_bootstrap() {
    let document = document();
    for of in document["wilson"].as_array().unwrap() {
        let bounds = wilson(of[0].as_u64().unwrap() as usize, of[1].as_u64().unwrap() as usize).unwrap();
        close(bounds.low, &of[2], 1e-12, "low");
        close(bounds.high, &of[3], 1e-12, "high");
    }
    let threshold = document["threshold"].as_f64().unwrap() as f32;
    let case = &document["cases"][0];
    let judged = |group: fn(usize) -> usize| -> Vec<Judged> {
        let one = |(index, &(p_positive, cracked)): (usize, &(f32, bool))| Judged {
            p_positive,
            cracked,
            group: group(index),
        };
        photos(case).iter().enumerate().map(one).collect()
    };
    // Ends that two bootstraps of 2,000 draws find differ by chance.
    let alike = |photos: &[Judged], key: &str, expected: &Value| {
        let found = bootstrap::intervals(photos, threshold.into(), 2000, 1);
        let bounds = found.get(key).unwrap();
        close(bounds.low, &expected[key][0], 0.025, key);
        close(bounds.high, &expected[key][1], 0.025, key);
    };
    for key in ["balanced_accuracy", "f1", "mcc", "auroc", "average_precision"] {
        alike(&judged(|index| index), key, &case["bootstrap"]);
    }
    for key in ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc", "auroc", "average_precision"] {
        alike(&judged(|index| index / 5), key, &case["bootstrap_of_groups"]);
    }
}

#[test]
fn mcnemars_test_agrees_with_statsmodels() {
    for of in document()["mcnemar"].as_array().unwrap() {
        let found = mcnemar(of[0].as_u64().unwrap() as usize, of[1].as_u64().unwrap() as usize);
        close(found, &of[2], 1e-9, "p");
    }
}
