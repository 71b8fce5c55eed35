use std::fs;

use super::*;
use crate::dataset::{Class, Sample};
use crate::job::Unwatched;

const CRACKED: Option<Mark> = Some(Mark::Class(Class::Positive));
const INTACT: Option<Mark> = Some(Mark::Class(Class::Negative));

/// Photos on disk and the program's own folders.
struct Bench {
    folder: tempfile::TempDir,
    roots: Vec<PathBuf>,
}

/// The photos as they are opened.
struct Window {
    dataset: Dataset,
    labels: Labels,
    journals: Vec<Journal>,
    applied: Applied,
}

impl Bench {
    /// Four photos in each of the folders `roots`, two of them under `Positive`.
    fn new(roots: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let roots: Vec<PathBuf> = roots.iter().map(|root| folder.path().join(root)).collect();
        for root in &roots {
            for (class, names) in [("Negative", ["a.jpg", "b.jpg"]), ("Positive", ["c.jpg", "d.jpg"])] {
                fs::create_dir_all(root.join(class)).unwrap();
                for name in names {
                    fs::write(root.join(class).join(name), format!("{} {class} {name}", root.display())).unwrap();
                }
            }
        }
        Self { folder, roots }
    }

    fn open(&self) -> Window {
        let mut dataset = scan::scan_all(&self.roots, &Unwatched).unwrap();
        let Opened { labels, journals, applied } =
            open(&mut dataset, &Places::below(self.folder.path().join("own"))).unwrap();
        Window { dataset, labels, journals, applied }
    }
}

impl Window {
    fn keep(&mut self, changed: Option<Changed>) -> usize {
        let changed = changed.unwrap();
        for ToKeep { root, entry, paths } in changed.keep {
            self.journals[root].add(entry, &paths).unwrap();
        }
        changed.photos.len()
    }

    fn mark(&mut self, photos: &[usize], mark: Option<Mark>) -> usize {
        let changed = self.labels.change(&mut self.dataset, photos, Change::Mark(mark));
        self.keep(changed)
    }

    fn tag(&mut self, photos: &[usize], tag: &str, add: bool) -> usize {
        let changed = self.labels.change(&mut self.dataset, photos, Change::Tag { tag: tag.to_owned(), add });
        self.keep(changed)
    }

    fn undo(&mut self) -> usize {
        let changed = self.labels.undo(&mut self.dataset);
        self.keep(changed)
    }

    fn redo(&mut self) -> usize {
        let changed = self.labels.redo(&mut self.dataset);
        self.keep(changed)
    }

    /// Of each photo the first letter of what is said of it, with its tags.
    fn said(&self) -> String {
        let word = |sample: &Sample| {
            let mark = sample.said().map_or("-", Mark::word);
            format!("{}{}", &mark[..1], sample.tags.iter().map(|tag| format!("#{tag}")).collect::<String>())
        };
        self.dataset.samples.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn labels_last_and_nothing_is_written_into_the_photos() {
    let bench = Bench::new(&["photos"]);
    let mut window = bench.open();
    assert_eq!(window.said(), "i i c c");
    assert!(!bench.folder.path().join("own").exists(), "opening leaves nothing behind");
    assert_eq!(window.mark(&[0, 3], CRACKED), 2, "one of them is a confirmation");
    window.mark(&[1], Some(Mark::Unsure));
    window.mark(&[2], Some(Mark::Excluded));
    window.tag(&[0, 2], "wet", true);
    window.tag(&[0], "joint", true);
    assert_eq!(window.said(), "c#joint#wet u e#wet c");
    let again = bench.open();
    assert_eq!(again.said(), window.said());
    assert_eq!(again.applied.corrected, 3, "what is confirmed is not corrected");
    let labels: Vec<_> = again.dataset.samples.iter().map(|sample| sample.label).collect();
    assert_eq!(labels, [Some(Class::Positive), None, None, Some(Class::Positive)]);
    assert_eq!(fs::read_dir(&bench.roots[0]).unwrap().count(), 2);
}

#[test]
fn undo_and_redo_go_on_after_closing() {
    let bench = Bench::new(&["photos"]);
    let mut window = bench.open();
    let mut states = vec![window.said()];
    for (photos, mark) in
        [(&[0][..], CRACKED), (&[0, 1, 2], Some(Mark::Unsure)), (&[1], None), (&[3], Some(Mark::Excluded))]
    {
        window.mark(photos, mark);
        states.push(window.said());
    }
    window.tag(&[0, 1], "wet", true);
    states.push(window.said());
    drop(window);
    for steps in 1..states.len() {
        let mut window = bench.open();
        for back in 0..steps {
            window.undo();
            assert_eq!(window.said(), states[states.len() - 2 - back]);
        }
        drop(window);
        for forth in 0..steps {
            let mut window = bench.open();
            assert_eq!(window.said(), states[states.len() - 1 - steps + forth]);
            window.redo();
        }
    }
    let mut window = bench.open();
    assert!(window.labels.redo(&mut window.dataset).is_none());
    window.undo();
    window.undo();
    window.mark(&[3], INTACT);
    assert!(window.labels.redo(&mut window.dataset).is_none(), "another way was taken");
    drop(window);
    let mut window = bench.open();
    assert!(window.labels.redo(&mut window.dataset).is_none(), "and that lasts");
    assert_eq!(window.said(), "u i u i");
    while window.labels.to_undo().is_some() {
        window.undo();
    }
    assert_eq!(window.said(), "i i c c");
}

#[test]
fn another_photo_under_the_same_name_inherits_nothing() {
    let bench = Bench::new(&["photos"]);
    let mut window = bench.open();
    window.mark(&[0, 1, 2], CRACKED);
    window.mark(&[1], Some(Mark::Unsure));
    drop(window);
    let path = |name: &str| bench.roots[0].join(name);
    let length = fs::metadata(path("Negative/a.jpg")).unwrap().len() as usize;
    fs::write(path("Negative/a.jpg"), vec![b'x'; length]).unwrap();
    let touched = fs::File::options().write(true).open(path("Negative/b.jpg")).unwrap();
    touched.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    fs::remove_file(path("Positive/c.jpg")).unwrap();
    let mut window = bench.open();
    assert_eq!(window.said(), "i u c", "the same content under another date is the same photo");
    assert_eq!((window.applied.replaced, window.applied.missing), (1, 1));
    window.mark(&[0], Some(Mark::Excluded));
    window.undo();
    assert_eq!(window.said(), "i u c");
    window.undo();
    assert_eq!(window.said(), "i c c");
    window.undo();
    assert_eq!(window.said(), "i i c");
    assert_eq!(bench.open().said(), "i i c");
}

#[test]
fn folders_opened_together_keep_a_journal_each() {
    let mut bench = Bench::new(&["deck", "wall"]);
    let mut both = bench.open();
    both.mark(&[0, 4], CRACKED);
    both.mark(&[5], Some(Mark::Excluded));
    both.mark(&[1], Some(Mark::Unsure));
    assert_eq!(both.said(), "c u c c c e c c");
    both.undo();
    drop(both);
    let all = bench.roots.clone();
    bench.roots = vec![all[1].clone()];
    let mut wall = bench.open();
    assert_eq!(wall.said(), "c e c c", "opened alone it has the same labels");
    wall.undo();
    drop(wall);
    bench.roots = all;
    let mut both = bench.open();
    assert_eq!(both.said(), "c i c c c i c c");
    both.redo();
    assert_eq!(both.said(), "c i c c c e c c", "the earlier of two comes first");
    both.redo();
    assert_eq!(both.said(), "c u c c c e c c");
    both.undo();
    both.undo();
    both.undo();
    assert_eq!(both.said(), "i i c c i i c c", "one action, two journals");
}

#[test]
fn what_changes_nothing_is_no_action() {
    let bench = Bench::new(&["photos"]);
    let mut window = bench.open();
    assert!(window.labels.change(&mut window.dataset, &[0], Change::Mark(None)).is_none());
    assert!(window.labels.change(&mut window.dataset, &[99], Change::Mark(CRACKED)).is_none());
    window.mark(&[0], CRACKED);
    assert_eq!(window.mark(&[0, 1], CRACKED), 1);
    assert_eq!(window.mark(&[1, 2, 1], Some(Mark::Unsure)), 2, "each photo once");
    window.undo();
    assert_eq!(window.said(), "c c c c");
}

#[test]
fn an_action_that_stands_twice_in_a_journal_is_taken_back_wholly() {
    let bench = Bench::new(&["photos"]);
    let mut window = bench.open();
    window.mark(&[1], Some(Mark::Unsure));
    let journal = window.journals[0].path().to_path_buf();
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, format!("{text}{}\n", text.lines().last().unwrap())).unwrap();
    drop(window); // and with it the journals, of which only one can be open
    let mut again = bench.open();
    assert_eq!(again.said(), "i u c c");
    assert_eq!(again.undo(), 1);
    assert_eq!(again.said(), "i i c c");
}

#[test]
fn labels_of_the_same_photos_have_the_same_digest() {
    let bench = Bench::new(&["photos"]);
    let mut window = bench.open();
    let before = digest(&window.dataset);
    window.mark(&[0], CRACKED);
    assert_ne!(digest(&window.dataset), before);
    window.mark(&[0], None);
    assert_eq!(digest(&window.dataset), before);
}

#[test]
fn a_tag_is_one_short_line_that_tables_can_hold() {
    assert_eq!(tag_of("  wet \n joint; north ").as_deref(), Some("wet joint north"));
    assert_eq!(tag_of(" ;\t"), None);
    assert_eq!(tag_of(&"ひ".repeat(99)).unwrap().chars().count(), 40);
}
