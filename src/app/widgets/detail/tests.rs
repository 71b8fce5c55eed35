use super::*;
use crate::train::config::TrainConfig;

fn detail(path: &str) -> Detail {
    let photo = Photo { path: path.into(), asked: 0.0, content: None };
    Detail { photo: Some(photo), ..Detail::default() }
}

fn facts() -> Facts {
    Facts { width: 4, height: 3, bytes: 12, format: "PNG", taken: None, utc_offset: None, camera: None, place: None }
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
        detail.activation_arrived(&order(photo, opened), Ok(cam(1, 1, 0)));
        assert!(detail.heat.as_ref().is_some_and(|heat| heat.content.is_none()), "{reason}");
    }
    detail.activation_arrived(&order("a.jpg", 2), Ok(cam(1, 1, 0)));
    assert!(detail.heat.as_ref().is_some_and(|heat| heat.content.is_some()));
    assert_eq!(detail.heat(Path::new("a.jpg")), None, "it becomes a texture when it is painted");
}

/// A map in which one cell speaks for a crack.
fn cam(width: usize, height: usize, hot: usize) -> Cam {
    let values = (0..width * height).map(|cell| if cell == hot { 9.0 } else { 0.0 }).collect();
    Cam { width, height, values, bias: -1.0, p_positive: 0.5 }
}

#[test]
fn a_hot_cell_lies_over_its_part_of_the_photo() {
    for (hot, photo) in [(24, [224.0, 224.0]), (13, [4000.0, 1000.0]), (35, [600.0, 3000.0])] {
        let cam = cam(7, 7, hot);
        let image = Heat::new(cam.width, cam.height, &cam.values).image;
        // The texture is painted over the whole of the photo: a pixel of the one stands for the same share of the other.
        let [columns, rows] = image.size;
        let of_photo = |index: usize| {
            let (x, y) = ((index % columns) as f32 + 0.5, (index / columns) as f32 + 0.5);
            [x / columns as f32 * photo[0], y / rows as f32 * photo[1]]
        };
        let weights = || image.pixels.iter().map(|pixel| f32::from(pixel.a())).enumerate();
        let sum: f32 = weights().map(|(_, weight)| weight).sum();
        for axis in [0, 1] {
            let centre = weights().map(|(index, weight)| weight * of_photo(index)[axis]).sum::<f32>() / sum;
            let cell = photo[axis] / 7.0;
            let place = [hot % 7, hot / 7][axis] as f32;
            // Cells at an edge have no neighbour beyond to fade towards.
            let inward = if place == 0.0 || place == 6.0 { 0.2 } else { 0.01 };
            assert!((centre - (place + 0.5) * cell).abs() < inward * cell, "{hot} of {photo:?}: {centre}");
        }
        let brightest = weights().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0;
        let [x, y] = of_photo(brightest);
        assert_eq!(((x / photo[0] * 7.0) as usize, (y / photo[1] * 7.0) as usize), (hot % 7, hot / 7));
    }
}
