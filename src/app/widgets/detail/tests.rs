use super::*;
use crate::train::config::TrainConfig;

fn detail(path: &str) -> Detail {
    let photo = Photo { path: path.into(), asked: 0.0, content: None };
    Detail { photo: Some(photo), ..Detail::default() }
}

fn facts() -> Facts {
    Facts { width: 4, height: 3, bytes: 12, format: "PNG", taken: None, camera: None }
}

#[test]
fn a_photo_asked_for_before_the_last_one_is_passed_over() {
    let mut detail = detail("b.jpg");
    let picture = || Picture::from_rgb(image::RgbImage::new(4, 3));
    detail.photo_arrived("a.jpg", Ok((picture(), facts())));
    assert!(detail.view.is_empty());
    detail.photo_arrived("b.jpg", Ok((picture(), facts())));
    assert!(!detail.view.is_empty());
    detail.photo_arrived("b.jpg", Err(Error::new("gone")));
    assert!(detail.view.is_empty(), "no photo stays under the name of another");
}

#[test]
fn a_heat_map_belongs_to_its_photo() {
    let mut detail = detail("a.jpg");
    detail.heat_wanted = true;
    detail.heat = Some(HeatMap { path: "a.jpg".into(), opened: 2, content: None });
    let order = |photo: &str, opened| {
        let compute = TrainConfig::default().compute();
        ExplainOrder { run: "run".into(), photo: photo.into(), compute, opened }
    };
    for (photo, opened, reason) in [("b.jpg", 2, "of another photo"), ("a.jpg", 1, "of the run open before")] {
        detail.activation_arrived(&order(photo, opened), Ok(Heat::new(1, 1, [1.0])));
        assert!(detail.heat.as_ref().is_some_and(|heat| heat.content.is_none()), "{reason}");
    }
    detail.activation_arrived(&order("a.jpg", 2), Ok(Heat::new(1, 1, [1.0])));
    assert!(detail.heat.as_ref().is_some_and(|heat| heat.content.is_some()));
    assert_eq!(detail.heat(Path::new("a.jpg")), None, "it becomes a texture when it is painted");
}
