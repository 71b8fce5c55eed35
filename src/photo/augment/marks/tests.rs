use super::super::part::Part;
use super::super::plane::Plane;
use super::*;

const SIDE: usize = 96;
const LEVEL: f32 = 180.0;

/// What a mark makes of a grey photo.
fn on_grey(mark: Mark, seed: u64) -> Picture {
    let mut picture = Picture { planes: [(); 3].map(|()| Plane::filled(SIDE, LEVEL)) };
    mark(&mut picture, &mut Dice::of(seed, Part::Marks));
    picture
}

fn green(picture: &Picture) -> &[f32] {
    picture.planes[1].values()
}

/// The slope across and down at every pixel that has neighbours.
fn slopes(values: &[f32]) -> impl Iterator<Item = (f32, f32)> {
    (1..SIDE - 1).flat_map(|y| (1..SIDE - 1).map(move |x| y * SIDE + x)).map(|at| {
        let sum = |[a, b, c]: [usize; 3]| values[a] + 2.0 * values[b] + values[c];
        let (right, left) = ([at + 1 - SIDE, at + 1, at + 1 + SIDE], [at - 1 - SIDE, at - 1, at - 1 + SIDE]);
        let (below, above) = ([at + SIDE - 1, at + SIDE, at + SIDE + 1], [at - SIDE - 1, at - SIDE, at - SIDE + 1]);
        ((sum(right) - sum(left)) / 8.0, (sum(below) - sum(above)) / 8.0)
    })
}

#[test]
fn lines_are_straight() {
    let marks: [(&str, Mark); 4] = [
        ("joint", lines::joint),
        ("parallel joints", lines::parallel_joints),
        ("step", lines::step),
        ("grooves", lines::grooves),
    ];
    for (name, mark) in marks {
        for seed in 0..60 {
            let picture = on_grey(mark, seed);
            // Slopes of a straight line all lie in one direction, which squaring twice folds with those at right angles.
            let (mut sum, mut real, mut imaginary) = (0.0, 0.0, 0.0);
            for (x, y) in slopes(green(&picture)) {
                let strength = x * x + y * y;
                let (a, b) = (x * x - y * y, 2.0 * x * y);
                sum += strength * strength;
                real += a * a - b * b;
                imaginary += 2.0 * a * b;
            }
            let coherence = (real * real + imaginary * imaginary).sqrt() / sum;
            assert!(sum == 0.0 || coherence > 0.85, "{name} {seed}: {coherence}");
        }
    }
}

#[test]
fn stains_and_streaks_are_soft() {
    for (name, mark) in [("stain", patches::stain as Mark), ("streaks", patches::streaks)] {
        for seed in 0..100 {
            let picture = on_grey(mark, seed);
            let steepest = slopes(green(&picture)).map(|(x, y)| (x * x + y * y).sqrt()).fold(0.0, f32::max);
            assert!(steepest < 0.1 * LEVEL, "{name} {seed}: {steepest} levels from one pixel to the next");
        }
    }
}

/// Width, height and area of every connected region darker than the rest that ends within the frame.
fn spots(values: &[f32]) -> Vec<[usize; 3]> {
    let mut dark: Vec<bool> = values.iter().map(|value| *value < 0.9 * LEVEL).collect();
    let mut spots = Vec::new();
    for start in 0..dark.len() {
        let (mut open, mut found) = (vec![start], Vec::new());
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut dark[at], false) {
                let (x, y) = (at % SIDE, at / SIDE);
                found.push((x, y));
                open.extend(
                    [x.checked_sub(1), Some(x + 1)].into_iter().flatten().filter(|x| *x < SIDE).map(|x| y * SIDE + x),
                );
                open.extend(
                    [y.checked_sub(1), Some(y + 1)].into_iter().flatten().filter(|y| *y < SIDE).map(|y| y * SIDE + x),
                );
            }
        }
        let extent = |of: fn(&(usize, usize)) -> usize| {
            let (low, high) = (found.iter().map(of).min()?, found.iter().map(of).max()?);
            (low > 0 && high < SIDE - 1).then_some(high - low + 1)
        };
        if let (Some(width), Some(height)) = (extent(|at| at.0), extent(|at| at.1)) {
            spots.push([width, height, found.len()]);
        }
    }
    spots
}

#[test]
fn holes_and_pores_are_round() {
    for (name, mark, touching) in [("holes", patches::holes as Mark, 0.0), ("pores", patches::pores, 0.1)] {
        let mut all = Vec::new();
        for seed in 0..60 {
            all.extend(spots(green(&on_grey(mark, seed))));
        }
        let round = |&[width, height, area]: &[usize; 3]| {
            let full = area as f32 > 0.6 * (width * height) as f32;
            width.abs_diff(height) <= 1 && full
        };
        let odd: Vec<_> = all.iter().filter(|spot| !round(spot)).collect();
        assert!(all.len() > 40, "{name}: {}", all.len());
        assert!(odd.len() as f32 <= touching * all.len() as f32, "{name}: {} of {} {odd:?}", odd.len(), all.len());
    }
}

#[test]
fn strokes_are_brighter_than_concrete_or_colourful() {
    for mark in [strokes::chalk as Mark, strokes::ring] {
        for seed in 0..100 {
            let [red, green, blue] = &on_grey(mark, seed).planes;
            for ((red, green), blue) in red.values().iter().zip(green.values()).zip(blue.values()) {
                assert!(red.max(*green).max(*blue) >= LEVEL - 0.01, "{seed}: {red} {green} {blue}");
            }
        }
    }
}

#[test]
fn marks_hide_little() {
    for mark in MARKS {
        for seed in 0..60 {
            let mut picture = Picture {
                planes: [(); 3]
                    .map(|()| Plane::new(SIDE, |x, y| LEVEL + 30.0 * (((x + y) as i32).rem_euclid(2) as f32))),
            };
            let contrast =
                |picture: &Picture| green(picture).chunks_exact(2).map(|pair| (pair[1] - pair[0]).abs()).sum::<f32>();
            let before = contrast(&picture);
            mark(&mut picture, &mut Dice::of(seed, Part::Marks));
            assert!(contrast(&picture) > 0.5 * before, "{seed}");
        }
    }
}

#[test]
fn a_share_of_the_photos_has_marks() {
    let marked = |share: f32| {
        let changed = |seed: u64| {
            let mut picture = Picture { planes: [(); 3].map(|()| Plane::filled(24, LEVEL)) };
            draw(&mut picture, share, &mut Dice::of(seed, Part::Marks));
            green(&picture).iter().any(|value| *value != LEVEL)
        };
        (0..400).filter(|&seed| changed(seed)).count()
    };
    assert_eq!(marked(0.0), 0);
    assert!((80..120).contains(&marked(0.25)), "{}", marked(0.25));
    assert!(marked(1.0) > 380, "{}", marked(1.0));
}
