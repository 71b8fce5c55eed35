//! Whole photos by the command: every file that it writes, read back and held against the others.

use std::fs;
use std::path::Path;

use crackscope::dataset::Class;
use crackscope::dataset::sample::concrete;
use image::{GrayImage, RgbImage};
use serde_json::Value;

use super::command_line::{crackscope, json, stderr, text_of};

/// A cracked photo, a sliver, a single pixel, and a text that is called a photo.
fn photos(folder: &Path) {
    fs::create_dir(folder).unwrap();
    concrete(700, Class::Positive, 5).save(folder.join("wall.png")).unwrap();
    RgbImage::from_pixel(5, 3000, image::Rgb([120; 3])).save(folder.join("sliver.png")).unwrap();
    RgbImage::new(1, 1).save(folder.join("dot.png")).unwrap();
    fs::write(folder.join("notes.jpg"), "not a photo").unwrap();
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Lines of `cells.csv`: photo, x, y, width, height, p.
fn cells(path: &Path) -> Vec<(String, [u32; 4], f32)> {
    csv::Reader::from_path(path).unwrap().deserialize().map(|row| row.unwrap()).collect()
}

#[test]
fn every_file_of_an_inspection_agrees_with_the_others() {
    let home = tempfile::tempdir().unwrap();
    let (folder, out) = (home.path().join("photos"), home.path().join("out"));
    photos(&folder);
    let before = fs::read(folder.join("wall.png")).unwrap();
    let options = ["--out", "out", "--pixels-per-mm", "2", "--threshold", "0.6"];
    let summary = json(home.path(), &[&["inspect", "bundled", "photos"][..], &options].concat());

    assert_eq!(summary["photos"].as_array().unwrap().len(), 3);
    assert_eq!((summary["unreadable"].as_u64(), summary["threshold"].as_f64().map(|t| t as f32)), (Some(1), Some(0.6)));
    assert!(summary["problems"][0]["file"].as_str().unwrap().ends_with("notes.jpg"));
    let (table, shapes, coco) =
        (cells(&out.join("cells.csv")), read(&out.join("cracks.geojson")), read(&out.join("coco.json")));
    let written = read(&out.join("inspection.json"));
    assert_eq!(written["photos"], summary["photos"]);
    for photo in summary["photos"].as_array().unwrap() {
        let name = photo["photo"].as_str().unwrap();
        let [width, height] = ["width", "height"].map(|side| photo[side].as_u64().unwrap() as u32);
        let of_photo: Vec<_> = table.iter().filter(|row| row.0 == name).collect();
        let area: u32 = of_photo.iter().map(|(_, [_, _, width, height], _)| width * height).sum();
        assert_eq!((area, of_photo.len() as u64), (width * height, photo["measures"]["cells"].as_u64().unwrap()));
        let cracked: Vec<_> = of_photo.iter().filter(|row| row.2 >= 0.6).collect();
        assert_eq!(cracked.len() as u64, photo["measures"]["cracked_cells"].as_u64().unwrap());

        let overlay = image::open(out.join(photo["overlay"].as_str().unwrap())).unwrap();
        let mask: GrayImage = image::open(out.join(photo["mask"].as_str().unwrap())).unwrap().into_luma8();
        assert_eq!(([overlay.width(), overlay.height()], mask.dimensions()), ([width, height], (width, height)));
        let white = mask.pixels().filter(|level| level.0[0] == 255).count() as u32;
        assert_eq!(white, cracked.iter().map(|(_, [_, _, width, height], _)| width * height).sum::<u32>());

        let features = || shapes["features"].as_array().unwrap().iter().filter(|f| f["properties"]["photo"] == name);
        let lines = features().filter(|f| f["geometry"]["type"] == "LineString");
        let lengths: f64 = lines.clone().map(|f| f["properties"]["length_px"].as_f64().unwrap()).sum();
        let length = photo["measures"]["length_px"].as_f64().unwrap();
        assert!((lengths - length).abs() < 0.01);
        assert!((photo["measures"]["length_mm"].as_f64().unwrap() - length / 2.0).abs() < 0.01);
        for point in lines.flat_map(|f| f["geometry"]["coordinates"].as_array().unwrap()) {
            assert!(point[0].as_f64().unwrap() <= f64::from(width) && point[1].as_f64().unwrap() <= f64::from(height));
        }
        let boxes = features().filter(|f| f["geometry"]["type"] == "Polygon").count();
        assert_eq!(boxes, photo["regions"].as_array().unwrap().len());
    }
    assert_eq!(coco["images"].as_array().unwrap().len(), 3);
    let regions: usize =
        summary["photos"].as_array().unwrap().iter().map(|photo| photo["regions"].as_array().unwrap().len()).sum();
    assert_eq!(coco["annotations"].as_array().unwrap().len(), regions);
    for annotation in coco["annotations"].as_array().unwrap() {
        let image =
            coco["images"].as_array().unwrap().iter().find(|image| image["id"] == annotation["image_id"]).unwrap();
        let side = |at: usize| annotation["bbox"][at].as_u64().unwrap();
        assert!(side(0) + side(2) <= image["width"].as_u64().unwrap());
        assert!(side(1) + side(3) <= image["height"].as_u64().unwrap());
    }
    let wall = summary["photos"].as_array().unwrap().iter().find(|photo| photo["photo"] == "wall.png").unwrap();
    assert!(wall["measures"]["cracked_cells"].as_u64() > Some(0), "the crack was not found: {wall}");
    assert!(wall["measures"]["length_px"].as_f64() > Some(100.0), "the crack is long: {wall}");
    assert_eq!(fs::read(folder.join("wall.png")).unwrap(), before);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 4, "nothing is written beside the photos");
}

#[test]
fn masks_say_how_good_a_map_is() {
    let home = tempfile::tempdir().unwrap();
    photos(&home.path().join("photos"));
    // Held against its own masks, a map is perfect; against one without a crack, all of it is false.
    json(home.path(), &["inspect", "photos/wall.png", "--out", "first"]);
    let own = json(home.path(), &["inspect", "photos/wall.png", "--out", "second", "--masks", "first/masks"]);
    let figures = &own["evaluation"];
    let perfect = ["average_precision", "f1"].map(|figure| figures[figure].as_f64());
    assert_eq!((perfect, figures["false_clear_cells"].as_u64()), ([Some(1.0); 2], Some(0)), "{figures}");
    fs::create_dir(home.path().join("empty")).unwrap();
    GrayImage::new(70, 70).save(home.path().join("empty/wall.png")).unwrap();
    let none = json(home.path(), &["inspect", "photos/wall.png", "--out", "second", "--masks", "empty"]);
    let (figures, measures) = (&none["evaluation"], &none["photos"][0]["measures"]);
    assert_eq!(figures["false_clear_cells"], measures["cracked_cells"]);
    assert!(figures["average_precision"].is_null() && figures["photos"] == 0);
}

#[test]
fn tiles_and_the_pass_find_the_same_crack() {
    let home = tempfile::tempdir().unwrap();
    photos(&home.path().join("photos"));
    let map = |options: &[&str]| -> Vec<f32> {
        json(home.path(), &[&["inspect", "photos/wall.png", "--out", "out"][..], options].concat());
        cells(&home.path().join("out/cells.csv")).into_iter().map(|row| row.2).collect()
    };
    let (pass, tiles) = (map(&["--window", "7"]), map(&["--method", "tiles"]));
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    let (p, t) = (mean(&pass), mean(&tiles));
    let covariance: f32 = pass.iter().zip(&tiles).map(|(a, b)| (a - p) * (b - t)).sum();
    let spread = |values: &[f32], mean: f32| values.iter().map(|v| (v - mean).powi(2)).sum::<f32>();
    let correlation = covariance / (spread(&pass, p) * spread(&tiles, t)).sqrt();
    assert!(correlation > 0.5, "{correlation}");
}

#[test]
fn what_cannot_be_done_is_said() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("photos");
    photos(&folder);
    fs::create_dir(home.path().join("mine")).unwrap();
    fs::write(home.path().join("mine/letter.txt"), "keep me").unwrap();
    let told = |arguments: &[&str]| {
        let output = crackscope(home.path(), &[&["inspect"], arguments].concat());
        (output.status.code(), stderr(&output))
    };
    let inside = told(&["photos", "--out", "photos/out"]);
    assert!(inside.0 == Some(2) && inside.1.contains("lies inside the photos"), "{inside:?}");
    let beside = told(&["photos/wall.png", "--out", text_of(&folder)]);
    assert_eq!(beside.0, Some(2), "{beside:?}");
    let occupied = told(&["photos", "--out", "mine"]);
    assert!(occupied.0 == Some(2) && occupied.1.contains("not empty"), "{occupied:?}");
    for wrong in [&["--scales", "0"][..], &["--window", "2"], &["--pixels-per-mm", "0"], &["--threshold", "2"]] {
        let said = told(&[&["photos/wall.png", "--out", "out"], wrong].concat());
        assert_eq!(said.0, Some(2), "{wrong:?}: {}", said.1);
    }
    let broken = told(&["photos/notes.jpg", "--out", "out"]);
    assert!(broken.0 == Some(1) && broken.1.contains("plain text"), "{broken:?}");
    let nowhere = told(&["nowhere", "photos/wall.png", "--out", "out"]);
    assert!(nowhere.0 == Some(1) && nowhere.1.contains("There is no run"), "{nowhere:?}");
    let unscaled = told(&["photos/dot.png", "--out", "out", "--distance", "2"]);
    assert!(unscaled.0 == Some(0) && unscaled.1.contains("no millimetres"), "{unscaled:?}");
}
