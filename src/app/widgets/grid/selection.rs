//! Which photos are chosen together.

use std::collections::HashSet;

/// Photos chosen together: indices into the data set. Empty where only the selected one is.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    photos: HashSet<usize>,
    /// Where the choice began: what Shift counts from.
    begun: Option<usize>,
}

impl Selection {
    /// All of these.
    pub(super) fn all(order: &[usize]) -> Self {
        Self { photos: order.iter().copied().collect(), begun: order.first().copied() }
    }

    /// These, from `begun` on.
    pub(super) fn range(range: &[usize], begun: Option<usize>) -> Self {
        Self { photos: range.iter().copied().collect(), begun }
    }

    /// One more, or one less; says which one is the selected one then.
    pub(super) fn toggle(&mut self, selected: Option<usize>, index: usize) -> Option<usize> {
        if let Some(selected) = selected.filter(|selected| !self.photos.contains(selected)) {
            // What was chosen with another one counts no more.
            self.photos = HashSet::from([selected]);
        }
        self.begun = Some(index);
        if self.photos.len() > 1 && self.photos.remove(&index) {
            let lowest = self.photos.iter().min().copied();
            return selected.filter(|selected| *selected != index).or(lowest);
        }
        self.photos.insert(index);
        Some(index)
    }

    /// Where the choice began.
    pub(super) fn begun(&self) -> Option<usize> {
        self.begun
    }

    /// Whether several are chosen, the selected one among them.
    pub(super) fn is_with(&self, selected: usize) -> bool {
        self.photos.len() > 1 && self.photos.contains(&selected)
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        self.photos.contains(&index)
    }

    pub(super) fn len(&self) -> usize {
        self.photos.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::widgets::grid::GridState;

    fn state(selected: usize) -> GridState {
        GridState { selected: Some(selected), ..GridState::default() }
    }

    #[test]
    fn ctrl_adds_and_takes_away() {
        let (mut grid, order) = (state(3), [5, 3, 1, 4]);
        assert_eq!(grid.chosen(&order), [3]);
        for (index, chosen) in [(4, &[3, 4][..]), (1, &[3, 1, 4]), (3, &[1, 4]), (1, &[4]), (4, &[4])] {
            grid.selected = grid.chosen.toggle(grid.selected, index);
            assert_eq!(grid.chosen(&order), chosen, "after {index}");
            assert_eq!(grid.chosen_count(), chosen.len());
        }
        grid.select(5);
        assert_eq!(grid.chosen(&order), [5]);
    }

    #[test]
    fn after_the_chosen_ones_comes_the_next_or_the_one_before() {
        let order = [5, 3, 1, 4];
        let mut grid = state(3);
        grid.chosen = Selection::range(&[3, 1], Some(3));
        grid.advance(&order);
        assert_eq!((grid.selected, grid.chosen_count()), (Some(4), 1));
        grid.advance(&order);
        assert_eq!(grid.selected, Some(1), "the last one");
        grid.chosen = Selection::all(&order);
        grid.advance(&order);
        assert_eq!(grid.chosen_count(), 4, "there is no other");
    }

    #[test]
    fn what_leaves_the_list_gives_its_place_to_the_next() {
        let mut grid = state(3);
        grid.hold_place(&[5, 3, 1], &[5, 1]);
        assert_eq!(grid.selected, Some(1));
        grid.hold_place(&[5, 1], &[5]);
        assert_eq!(grid.selected, Some(5));
        grid.hold_place(&[5], &[]);
        assert_eq!(grid.selected, Some(5), "the selection survives an empty list");
    }
}
