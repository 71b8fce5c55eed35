//! Choosing groups for validation so that each class is divided by the fraction.

use std::collections::BTreeMap;

use super::Part;
use crate::dataset::Class;

/// Numbers of photos, one for each class, in the order of [`Class::ALL`].
pub(super) type Counts = [usize; 2];

/// The sum, class by class.
pub(super) fn add([a, b]: Counts, [c, d]: Counts) -> Counts {
    [a + c, b + d]
}

/// Gives each group its side. `groups` says how many photos of each class a group holds, in shuffled order: those in
/// front are the likelier to be chosen. All are for training where no class has two groups.
pub(super) fn draw(groups: impl Iterator<Item = Counts>, fraction: f64) -> Vec<Part> {
    let mut draw = Draw::new(groups, fraction);
    draw.fill();
    draw.refine();
    draw.keep_classes();
    draw.lots.into_iter().map(|lot| lot.part).collect()
}

/// Chooses bundles for validation, in a shuffled order.
struct Draw {
    lots: Vec<Lot>,
    fraction: f64,
    /// Photos in all.
    total: Counts,
    /// Photos in validation so far.
    taken: Counts,
}

/// A bundle and where it goes.
#[derive(Clone, Copy)]
struct Lot {
    counts: Counts,
    part: Part,
}

impl Draw {
    /// Everything is for training at first.
    fn new(counts: impl Iterator<Item = Counts>, fraction: f64) -> Self {
        let lots: Vec<_> = counts.map(|counts| Lot { counts, part: Part::Train }).collect();
        let total = lots.iter().fold([0; 2], |sum, lot| add(sum, lot.counts));
        Self { lots, fraction, total, taken: [0; 2] }
    }

    /// Takes what fits as it comes.
    fn fill(&mut self) {
        for i in 0..self.lots.len() {
            if self.lots.get(i).is_some_and(|lot| self.fits(lot.counts)) {
                self.put(i, Part::Validation);
            }
        }
    }

    fn fits(&self, counts: Counts) -> bool {
        let after = add(self.taken, counts);
        let mut classes = counts.into_iter().zip(after).zip(self.total);
        classes.all(|((more, after), total)| more == 0 || after as f64 <= self.fraction * total as f64)
    }

    /// Adds, takes back or exchanges lots, the best step first, as long as that brings the shares nearer to the
    /// fraction. Where lots are of one class, a class is then off by half a lot at most.
    fn refine(&mut self) {
        while let Some((out, into)) = self.best_step() {
            out.into_iter().for_each(|i| self.put(i, Part::Train));
            into.into_iter().for_each(|i| self.put(i, Part::Validation));
        }
    }

    /// The lots to take back from validation and to add to it, if any step is for the better. Of lots that count the
    /// same only the first is looked at, so single photos are two or four, however many there are.
    fn best_step(&self) -> Option<(Option<usize>, Option<usize>)> {
        let [outs, ins] = [Part::Validation, Part::Train].map(|part| {
            let mut first = BTreeMap::from([([0; 2], None)]);
            for (i, lot) in self.lots.iter().enumerate().filter(|(_, lot)| lot.part == part) {
                first.entry(lot.counts).or_insert(Some(i));
            }
            first
        });
        let mut best = (self.distance(self.taken), None);
        for (less, out) in &outs {
            let without = subtract(self.taken, *less);
            for (more, into) in &ins {
                let distance = self.distance(add(without, *more));
                if distance < best.0 {
                    best = (distance, Some((*out, *into)));
                }
            }
        }
        best.1
    }

    /// How far the classes' shares in validation are from the fraction: the sum of squares.
    fn distance(&self, taken: Counts) -> f64 {
        let off = |(taken, total): (usize, usize)| (taken as f64 / total.max(1) as f64 - self.fraction).powi(2);
        taken.into_iter().zip(self.total).map(off).sum()
    }

    /// Sees to it that both sides hold each class, where the groups allow it; training comes first.
    fn keep_classes(&mut self) {
        for class in Class::ALL {
            if let [only] = *self.holders(class, None) {
                self.put(only, Part::Train);
            }
        }
        for part in [Part::Train, Part::Validation] {
            for class in Class::ALL {
                if self.holders(class, None).len() > 1 && self.holders(class, Some(part)).is_empty() {
                    self.fetch(class, part);
                }
            }
        }
    }

    /// Moves to `part` the lot with photos of `class` that does least harm to the shares and whose going leaves the
    /// other side every class it has. There is one where two lots hold `class`: a lot that must stay because no other
    /// holds the other class is only one of them.
    fn fetch(&mut self, class: Class, part: Part) {
        let there = self.holders(class, Some(other(part)));
        let missed = |i: &usize| Class::ALL.into_iter().any(|class| self.holders(class, Some(other(part))) == [*i]);
        let harm = |i: usize| {
            let counts = self.lots.get(i).map_or([0; 2], |lot| lot.counts);
            self.distance(match part {
                Part::Validation => add(self.taken, counts),
                Part::Train => subtract(self.taken, counts),
            })
        };
        let best = there.into_iter().filter(|i| !missed(i)).min_by(|a, b| harm(*a).total_cmp(&harm(*b)));
        if let Some(best) = best {
            self.put(best, part);
        }
    }

    /// The lots with photos of a class, on one side or on both.
    fn holders(&self, class: Class, part: Option<Part>) -> Vec<usize> {
        let holds = |lot: &Lot| lot.counts.get(class.index()).is_some_and(|n| *n > 0);
        let wanted = |lot: &Lot| holds(lot) && part.is_none_or(|part| part == lot.part);
        self.lots.iter().enumerate().filter(|(_, lot)| wanted(lot)).map(|(i, _)| i).collect()
    }

    fn put(&mut self, i: usize, part: Part) {
        let Some(lot) = self.lots.get_mut(i).filter(|lot| lot.part != part) else { return };
        lot.part = part;
        self.taken = match part {
            Part::Validation => add(self.taken, lot.counts),
            Part::Train => subtract(self.taken, lot.counts),
        };
    }
}

fn other(part: Part) -> Part {
    match part {
        Part::Train => Part::Validation,
        Part::Validation => Part::Train,
    }
}

fn subtract([a, b]: Counts, [c, d]: Counts) -> Counts {
    [a.saturating_sub(c), b.saturating_sub(d)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use Part::{Train, Validation};

    fn run(groups: &[Counts], fraction: f64) -> Vec<Part> {
        draw(groups.iter().copied(), fraction)
    }

    #[test]
    fn those_in_front_are_chosen() {
        assert_eq!(run(&[[1, 0]; 5], 0.4), [Validation, Validation, Train, Train, Train]);
        // 2.6 photos: three are nearer than two.
        assert_eq!(run(&[[0, 1]; 13], 0.2).iter().filter(|part| **part == Validation).count(), 3);
    }

    #[test]
    fn groups_are_exchanged_until_the_fraction_is_met() {
        // The four in front comes first, but only the two threes make six.
        assert_eq!(run(&[[4, 0], [3, 0], [3, 0]], 0.6), [Train, Validation, Validation]);
    }

    #[test]
    fn a_class_moves_with_least_harm() {
        // No cracked photo fits a hundredth; of the three groups that hold some the smallest goes.
        let parts = run(&[[0, 9], [200, 0], [0, 2], [0, 5], [1, 0]], 0.01);
        assert_eq!(parts, [Train, Train, Validation, Train, Validation]);
        // The mixed group is the only one with intact photos, so it must stay.
        assert_eq!(run(&[[3, 1], [0, 9]], 0.1), [Train, Validation]);
        assert_eq!(run(&[[3, 3]], 0.5), [Train]);
        assert_eq!(run(&[], 0.5), []);
    }
}
