//! Groups by the folders that photos lie in, below those that name a class: `Positive/pier 3/…` and
//! `Negative/pier 3/…` are one.

use crate::dataset::layout::{class_of_name, sdnet_photo};
use crate::dataset::{Dataset, Layout};

/// For each photo the folders below the one that names its class, joined by `/`; none where there are no such folders.
/// Where a table gives the labels, all folders below the opened one count.
pub fn below_classes(dataset: &Dataset) -> Vec<Option<String>> {
    let by_table = dataset.layout == Layout::LabelsCsv;
    let below = |file: &str| {
        let (folders, _) = file.rsplit_once('/')?;
        let folders: Vec<&str> = folders.split('/').collect();
        let class = folders.iter().rposition(|folder| class_of_name(folder).is_some());
        let from = match class {
            Some(class) => class + 1,
            None if by_table => 0,
            None => return None,
        };
        let below = folders.get(from..)?.join("/");
        (!below.is_empty()).then_some(below)
    };
    // SDNET2018's own folders say what was photographed, not where.
    dataset.samples.iter().map(|s| below(&s.file).filter(|_| sdnet_photo(&s.path).is_none())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::group::tests::dataset;

    #[test]
    fn folders_of_one_name_are_one_under_both_classes() {
        let files =
            ["Positive/pier 3/1.jpg", "Negative/pier 3/2.jpg", "Negative/deck/a/3.jpg", "Positive/4.jpg", "site/5.jpg"];
        let found = below_classes(&dataset(Layout::ClassFolders, &files));
        assert_eq!(
            found,
            [Some("pier 3"), Some("pier 3"), Some("deck/a"), None, None].map(|name| name.map(str::to_owned))
        );
        assert_eq!(below_classes(&dataset(Layout::LabelsCsv, &files)).pop().flatten().as_deref(), Some("site"));
    }
}
