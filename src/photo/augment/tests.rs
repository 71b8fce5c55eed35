use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::photo::transform;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Something like concrete: a level that wavers, a little colour.
fn photo(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let level = 150 + (x * x * 7 + y * 13 + x * y * 5) % 41;
        image::Rgb([level as u8, level as u8 - 3, level as u8 - 9])
    })
}

fn mean(photo: &RgbImage) -> f64 {
    photo.as_raw().iter().map(|&byte| f64::from(byte)).sum::<f64>() / photo.as_raw().len() as f64
}

#[test]
fn without_variation_photos_are_resized_and_no_more() {
    for (width, height) in [(227, 227), (64, 100), (1, 1), (3000, 5), (128, 128)] {
        for side in [1, 33, 128] {
            let photo = photo(width, height);
            let varied = augment(&photo, side, &Augmentation::none(), &mut rng(3));
            assert!(varied == transform::resize(&photo, side, side), "{width}×{height} → {side}");
        }
    }
}

#[test]
fn presets_are_valid_and_odd_settings_are_not() {
    for settings in [Augmentation::none(), Augmentation::light(), Augmentation::strong()] {
        assert_eq!(settings.validate(), Ok(()));
        assert_eq!(settings.bounded(), settings);
    }
    assert!(Augmentation::none().is_none() && !Augmentation::light().is_none());
    for bad in [-0.1, 1000.0, f32::NAN, f32::INFINITY] {
        for amount in AMOUNTS {
            let mut settings = Augmentation::light();
            *(amount.of)(&mut settings) = bad;
            let error = settings.validate().unwrap_err();
            assert!(error.title().contains(amount.word), "{error}");
            assert_eq!(settings.bounded().validate(), Ok(()));
            assert_eq!(augment(&photo(9, 9), 8, &settings, &mut rng(0)).dimensions(), (8, 8));
        }
    }
}

#[test]
fn settings_that_a_file_leaves_out_are_none() {
    let settings: Augmentation = toml::from_str("horizontal_flip = true\nnoise = 2.5").unwrap();
    assert_eq!(settings, Augmentation { horizontal_flip: true, noise: 2.5, ..Augmentation::none() });
}

#[test]
fn a_seed_settles_everything() {
    let photo = photo(100, 90);
    let mut seen = Vec::new();
    for seed in 0..30 {
        let varied = augment(&photo, 48, &Augmentation::strong(), &mut rng(seed));
        assert!(varied == augment(&photo, 48, &Augmentation::strong(), &mut rng(seed)));
        assert!(!seen.contains(&varied), "{seed} repeats another");
        seen.push(varied);
    }
}

#[test]
fn every_size_works() {
    let everything = Augmentation { jpeg: 1.0, shadows: 1.0, marks: 1.0, rotation: 45.0, ..Augmentation::strong() };
    for (width, height) in [(1, 1), (3000, 5), (1, 400), (2, 3), (0, 0)] {
        let photo = RgbImage::from_pixel(width, height, image::Rgb([150, 150, 150]));
        for side in [0, 1, 2, 7, 65] {
            for seed in 0..20 {
                let varied = augment(&photo, side, &everything, &mut rng(seed));
                assert_eq!(varied.dimensions(), (side.max(1), side.max(1)));
            }
        }
    }
}

#[test]
fn nothing_but_the_photo_is_seen_beyond_its_edges() {
    let photo = RgbImage::from_pixel(60, 40, image::Rgb([150, 140, 130]));
    let settings = Augmentation { rotation: 45.0, scale: 0.5, ..Augmentation::none() };
    for seed in 0..100 {
        let varied = augment(&photo, 32, &settings, &mut rng(seed));
        assert!(varied.pixels().all(|pixel| pixel.0 == [150, 140, 130]), "{seed}");
    }
}

/// Red tells the column and green the row; what of the photo is seen can so be read off the pixels.
#[test]
fn most_of_the_photo_stays_in_the_frame() {
    const CELLS: usize = 16;
    let photo = RgbImage::from_fn(256, 256, |x, y| image::Rgb([x as u8, y as u8, 0]));
    let geometry = |settings: Augmentation| {
        let Augmentation { horizontal_flip, vertical_flip, quarter_turns, rotation, scale, .. } = settings;
        Augmentation { horizontal_flip, vertical_flip, quarter_turns, rotation, scale, ..Augmentation::none() }
    };
    let widest = Augmentation { rotation: 45.0, scale: 0.5, ..Augmentation::strong() };
    let upright = Augmentation { quarter_turns: false, ..Augmentation::light() };
    for settings in [Augmentation::light(), Augmentation::strong(), widest, upright].map(geometry) {
        for seed in 0..150 {
            let mut seen = [[false; CELLS]; CELLS];
            for pixel in augment(&photo, 128, &settings, &mut rng(seed)).pixels() {
                let [column, row, _] = pixel.0.map(|level| usize::from(level) * CELLS / 256);
                seen[row][column] = true;
            }
            let share = seen.as_flattened().iter().filter(|seen| **seen).count() as f32 / (CELLS * CELLS) as f32;
            assert!(share >= 0.9, "seed {seed}: {share}");
        }
    }
}

#[test]
fn brightness_stays_within_reason() {
    for level in [70_u8, 120, 180, 215] {
        let photo = RgbImage::from_fn(64, 64, |x, y| image::Rgb([level + ((x * 5 + y * 3) % 20) as u8; 3]));
        let means: Vec<f64> =
            (0..200).map(|seed| mean(&augment(&photo, 48, &Augmentation::strong(), &mut rng(seed)))).collect();
        let out = means.iter().filter(|mean| !(40.0..=240.0).contains(*mean)).count();
        assert_eq!(out, 0, "around {level}: {means:?}");
        let changed = means.iter().filter(|&&mean| (mean - f64::from(level) - 9.5).abs() > 10.0).count();
        assert!(changed > 80, "around {level}: only {changed} of 200 are darker or brighter");
    }
}

#[test]
fn each_setting_alone_changes_photos() {
    let none = Augmentation::none;
    let settings = [
        Augmentation { horizontal_flip: true, ..none() },
        Augmentation { vertical_flip: true, ..none() },
        Augmentation { quarter_turns: true, ..none() },
        Augmentation { rotation: 10.0, ..none() },
        Augmentation { scale: 0.1, ..none() },
        Augmentation { brightness: 0.5, ..none() },
        Augmentation { contrast: 0.5, ..none() },
        Augmentation { colour: 0.5, ..none() },
        Augmentation { blur: 1.0, ..none() },
        Augmentation { noise: 5.0, ..none() },
        Augmentation { jpeg: 1.0, ..none() },
        Augmentation { shadows: 1.0, ..none() },
        Augmentation { marks: 1.0, ..none() },
    ];
    let photo = photo(80, 80);
    let plain = transform::resize(&photo, 64, 64);
    for settings in settings {
        let changed = (0..40).filter(|&seed| augment(&photo, 64, &settings, &mut rng(seed)) != plain).count();
        assert!(changed >= 10, "{changed} of 40 changed by {settings:?}");
    }
}

#[test]
fn pixels_are_the_same_on_every_machine() {
    // FNV-1a of all bytes.
    let mix = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    let hash = |photo: RgbImage| photo.as_raw().iter().fold(0xCBF2_9CE4_8422_2325, mix);
    // As much of the photo in the frame as when the bundled weights were trained.
    let as_then = |settings| Augmentation { visible_share: 0.81, ..settings };
    let everything = Augmentation { jpeg: 1.0, shadows: 1.0, marks: 1.0, ..Augmentation::strong() };
    let photo = photo(101, 90);
    let hashes = [Augmentation::light(), Augmentation::strong(), everything].map(as_then).map(|settings| {
        (0..20).fold(0, |sum: u64, seed| sum.rotate_left(1) ^ hash(augment(&photo, 64, &settings, &mut rng(seed))))
    });
    assert_eq!(hashes, [0x7812_0376_C08F_8A3D, 0xCBBC_C501_8CE6_0B64, 0x5654_AA25_1AFD_ED69]);
}

/// What each part makes of a photo where its own strength is nothing and all others are at their most.
#[test]
fn an_amount_of_nothing_changes_nothing() {
    let pixels: Vec<[f32; 4]> = photo(33, 33).pixels().map(|p| [p[0], p[1], p[2], 0].map(f32::from)).collect();
    let before = plane::Picture::new(33, &pixels).into_image();
    type Change = fn(&mut plane::Picture, &mut Dice);
    let changes: [Change; 5] = [
        |picture, dice| marks::draw(picture, 0.0, dice),
        |picture, dice| shadow::cast(picture, 0.0, dice),
        |picture, dice| lens::blur(picture, 0.0, dice),
        |picture, dice| noise::add(picture, 0.0, dice),
        |picture, dice| tone::develop(picture, &Augmentation::none(), dice),
    ];
    for seed in 0..50 {
        for change in changes {
            let mut picture = plane::Picture::new(33, &pixels);
            change(&mut picture, &mut Dice::of(seed, Part::View));
            assert!(picture.into_image() == before);
        }
        assert!(jpeg::save(before.clone(), 0.0, &mut Dice::of(seed, Part::Jpeg)) == before);
    }
}

/// Brightness, contrast and colour leave alone what is theirs not to change.
#[test]
fn tones_are_changed_one_by_one() {
    let grey = RgbImage::from_fn(40, 40, |x, y| image::Rgb([120 + ((x * 7 + y * 3) % 31) as u8; 3]));
    let spread = |photo: &RgbImage| {
        let mean = mean(photo);
        let squares = photo.as_raw().iter().map(|&byte| (f64::from(byte) - mean).powi(2)).sum::<f64>();
        (squares / photo.as_raw().len() as f64).sqrt()
    };
    let plain = transform::resize(&grey, 32, 32);
    let mut contrasts = Vec::new();
    for seed in 0..60 {
        let varied = |settings: Augmentation| augment(&grey, 32, &settings, &mut rng(seed));
        let contrasted = varied(Augmentation { contrast: 1.0, ..Augmentation::none() });
        assert!((mean(&contrasted) - mean(&plain)).abs() < 0.6, "contrast moves no mean");
        contrasts.push(spread(&contrasted) / spread(&plain));
        let brightened = varied(Augmentation { brightness: 1.0, ..Augmentation::none() });
        assert!(brightened.pixels().all(|p| p[0] == p[1] && p[1] == p[2]), "brightness colours nothing");
        let coloured = varied(Augmentation { colour: 1.0, ..Augmentation::none() });
        assert!((mean(&coloured) / mean(&plain) - 1.0).abs() < 0.05, "colour hardly changes the brightness");
    }
    assert!(contrasts.iter().all(|contrast| (0.6..1.4).contains(contrast)), "{contrasts:?}");
    assert!(contrasts.iter().any(|contrast| *contrast < 0.8) && contrasts.iter().any(|contrast| *contrast > 1.15));
}
