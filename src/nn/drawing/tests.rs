use super::*;
use crate::nn::architecture::{Backbone, Start};

fn drawing(backbone: Backbone, start: Option<Start>, fold: Fold) -> (Summary, Drawing) {
    let summary = Summary::of(backbone, start);
    let drawing = Drawing::of(&summary, fold, true);
    (summary, drawing)
}

fn texts(drawing: &Drawing) -> Vec<&str> {
    let texts = drawing.shapes.iter().filter_map(|shape| match shape {
        Shape::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    texts.collect()
}

const FOLDS: [Fold; 4] = [Fold::Columns(1), Fold::Columns(2), Fold::Columns(3), Fold::Sheet];

#[test]
fn every_part_has_its_frame_once() {
    for backbone in [Backbone::Resnet18, Backbone::MobilenetV2] {
        for fold in FOLDS {
            let (summary, drawing) = drawing(backbone, None, fold);
            let shown: Vec<usize> = drawing.frames.iter().flat_map(|frame| frame.parts.clone()).collect();
            assert_eq!(shown, (0..summary.parts.len()).collect::<Vec<_>>());
            for part in &summary.parts {
                assert_eq!(texts(&drawing).iter().filter(|text| **text == part.name).count(), 1, "{}", part.name);
            }
        }
    }
}

/// Each convolution is a box: those of equal blocks once.
#[test]
fn operators_are_those_of_the_architecture() {
    let (summary, resnet) = drawing(Backbone::Resnet18, None, Fold::Columns(1));
    let count = |drawing: &Drawing, wanted: &str| texts(drawing).iter().filter(|text| **text == wanted).count();
    let expected =
        [("7×7, 64, step 2", 1), ("3×3, 64", 2), ("3×3, 128, step 2", 1), ("3×3, 512", 3), ("1×1, step 2", 3)];
    for (operator, times) in expected {
        assert_eq!(count(&resnet, operator), times, "{operator}");
    }
    assert_eq!((count(&resnet, "×2"), count(&resnet, "64 × 56 × 56")), (1, 2));
    let sums = resnet.shapes.iter().filter(|shape| matches!(shape, Shape::Sum { .. })).count();
    assert_eq!(sums, summary.architecture.blocks.len() - 1, "two blocks of the first group are drawn as one");
    let (_, mobile) = drawing(Backbone::MobilenetV2, None, Fold::Columns(1));
    assert_eq!((count(&mobile, "3×3 depthwise, 960"), count(&mobile, "×3"), count(&mobile, "1×1, 1280")), (2, 1, 1));
}

#[test]
fn what_is_trained_looks_so() {
    for (start, expected) in [
        (None, [Look::Frozen, Look::Frozen, Look::Frozen]),
        (Some(Start::LastBlock), [Look::Frozen, Look::Frozen, Look::Trained]),
        (Some(Start::Photos), [Look::Trained; 3]),
    ] {
        let (_, drawing) = drawing(Backbone::Resnet18, start, Fold::Sheet);
        let look = |part: usize| drawing.frames.iter().find(|frame| frame.parts.contains(&part)).unwrap().look;
        assert_eq!([0, 6, 7].map(look), expected);
        assert_eq!((look(9), look(10)), (Look::Plain, Look::Head));
    }
}

#[test]
fn nothing_overlaps_and_nothing_lies_outside() {
    for backbone in [Backbone::Resnet18, Backbone::MobilenetV2] {
        for fold in FOLDS {
            let (_, drawing) = drawing(backbone, Some(Start::LastBlock), fold);
            let [width, height] = drawing.size;
            let inside = |[x, y]: [f32; 2]| (0.0..=width).contains(&x) && (0.0..=height).contains(&y);
            for (index, frame) in drawing.frames.iter().enumerate() {
                let area = frame.area;
                assert!(inside([area.x, area.y]) && inside([area.x + area.width, area.bottom()]));
                for other in &drawing.frames[index + 1..] {
                    let apart = |a: Area, b: Area| a.x + a.width < b.x || a.bottom() < b.y;
                    assert!(apart(area, other.area) || apart(other.area, area), "{} on {}", frame.name, other.name);
                }
            }
            for shape in &drawing.shapes {
                match shape {
                    Shape::Box { area, .. } => assert!(inside([area.x, area.y]) && inside([area.x, area.bottom()])),
                    Shape::Line { points, .. } => {
                        assert!(points.iter().all(|point| inside(*point)));
                        assert!(points.windows(2).all(|pair| pair[0][0] == pair[1][0] || pair[0][1] == pair[1][1]));
                    }
                    Shape::Sum { centre, .. } => assert!(inside(*centre)),
                    Shape::Text(text) => assert!(inside(text.at)),
                }
            }
        }
    }
}

#[test]
fn a_sheet_has_about_the_shape_of_paper() {
    for backbone in [Backbone::Resnet18, Backbone::MobilenetV2] {
        let (_, drawing) = drawing(backbone, None, Fold::Sheet);
        let shape = drawing.size[0] / drawing.size[1];
        assert!((0.9..2.2).contains(&shape), "{}: {:?}", backbone.name(), drawing.size);
    }
}

#[test]
fn a_point_finds_its_frame() {
    let (_, drawing) = drawing(Backbone::Resnet18, None, Fold::Columns(1));
    let frame_at = |at| drawing.frames.iter().find(|frame| frame.area.contains(at));
    let frame = &drawing.frames[1];
    assert_eq!(frame_at(frame.area.centre()), Some(frame));
    assert_eq!(frame.name, "layer1.0, layer1.1: 2 residual blocks, 64 × 56 × 56, frozen");
    assert_eq!(frame_at([1.0, 1.0]), None);
}
