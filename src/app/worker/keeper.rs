//! Keeps what is done to labels, in the order in which it is done, away from the window's thread: each line is waited
//! for until it is on the disk.

use crossbeam_channel::Receiver;

use super::asks::Answer;
use super::{Event, Out, caught};
use crate::dataset::labels::{Journal, ToKeep};
use crate::error::Error;

/// What is to be kept, and where.
pub enum Keep {
    /// From now on in these journals.
    Journals(Vec<Journal>),
    /// A line.
    Line(ToKeep),
}

/// Keeps until nobody can ask any more, and all that was asked for before that. After a failure nothing is kept until
/// there are journals anew: what was done after a change that is lost could not be understood.
pub(super) fn keep_all(asked: &Receiver<Keep>, out: &Out) {
    let (mut journals, mut lost) = (Vec::new(), false);
    for keep in asked {
        match keep {
            Keep::Journals(new) => (journals, lost) = (new, false),
            Keep::Line(_) if lost => {}
            Keep::Line(line) => {
                if let Err(error) = caught("Keeping labels", || add(&mut journals, line)) {
                    lost = true;
                    out.tell(Event::Answer(Answer::LabelsLost(error)));
                }
            }
        }
    }
}

fn add(journals: &mut [Journal], line: ToKeep) -> Result<(), Error> {
    match journals.get_mut(line.root) {
        Some(journal) => journal.add(line.entry, &line.paths),
        None => Err(Error::new("These photos have no journal for their labels").hint("open the photos again")),
    }
}
