//! What is drawn: one unit for each frame.

use std::ops::Range;

use super::Look;
use crate::format;
use crate::nn::architecture::{Architecture, ConvSpec, Shortcut};
use crate::nn::summary::{Part, PartKind, Summary};

/// What one frame holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// The parts that it stands for.
    pub(super) parts: Range<usize>,
    /// Their names.
    pub(super) names: Vec<String>,
    /// What they are, such as `residual block`.
    pub(super) kind: &'static str,
    pub(super) look: Look,
    /// The operators, one below the other.
    pub(super) rows: Vec<(String, Look)>,
    pub(super) around: Around,
    /// Channels, height and width of what comes out.
    pub(super) output: [usize; 3],
}

/// The way around the operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Around {
    None,
    Identity,
    /// An operator, in words.
    Projection(String),
}

/// The units of a network: neighbours that are the same are one.
pub(super) fn units(summary: &Summary) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for (index, part) in summary.parts.iter().enumerate() {
        let unit = unit(&summary.architecture, index, part);
        match units.last_mut().filter(|last| last.repeats(&unit)) {
            Some(last) => {
                last.parts.end = unit.parts.end;
                last.names.extend(unit.names);
            }
            None => units.push(unit),
        }
    }
    units
}

impl Unit {
    /// Whether `next` is the same again.
    fn repeats(&self, next: &Self) -> bool {
        (self.kind, self.look, &self.rows, &self.around, self.output)
            == (next.kind, next.look, &next.rows, &next.around, next.output)
    }

    /// What a reader is told who cannot see it.
    pub(super) fn spoken(&self) -> String {
        let state = match self.look {
            Look::Plain => "",
            Look::Frozen => ", frozen",
            Look::Trained | Look::Head => ", trained",
        };
        let kind = match self.names.len() {
            1 => self.kind.to_owned(),
            n => format!("{n} {}s", self.kind),
        };
        format!("{}: {kind}, {}{state}", self.names.join(", "), size(self.output))
    }
}

/// `64 × 56 × 56`; without height and width where there is nothing but channels.
pub(super) fn size([channels, height, width]: [usize; 3]) -> String {
    let channels = format::count(channels as u64);
    if (height, width) == (1, 1) { channels } else { format!("{channels} × {height} × {width}") }
}

fn unit(architecture: &Architecture, index: usize, part: &Part) -> Unit {
    let look = match part.kind {
        PartKind::Pool => Look::Plain,
        PartKind::Head => Look::Head,
        _ if part.trained => Look::Trained,
        _ => Look::Frozen,
    };
    let row = |spec: &ConvSpec| (operator(spec), look);
    let mut around = Around::None;
    let rows = match part.kind {
        PartKind::Stem => {
            let pool = architecture.max_pool.then(|| ("maximum 3×3, step 2".to_owned(), Look::Plain));
            std::iter::once(row(&architecture.stem)).chain(pool).collect()
        }
        PartKind::Block | PartKind::ResidualBlock => {
            let block = index.checked_sub(1).and_then(|index| architecture.blocks.get(index));
            around = match block.map(|block| &block.shortcut) {
                Some(Shortcut::Identity) => Around::Identity,
                Some(Shortcut::Projection(spec)) => Around::Projection(kernel(spec)),
                Some(Shortcut::None) | None => Around::None,
            };
            block.into_iter().flat_map(|block| &block.path).map(row).collect()
        }
        PartKind::Pool => vec![("mean over each map".to_owned(), Look::Plain)],
        PartKind::Head => vec![("linear, 2 logits".to_owned(), Look::Head)],
    };
    let (names, kind) = (vec![part.name.clone()], part.kind.title());
    Unit { parts: index..index + 1, names, kind, look, rows, around, output: part.output }
}

/// `3×3, 128, step 2`: kernel, channels that come out, step where there is one.
fn operator(spec: &ConvSpec) -> String {
    let step = if spec.stride > 1 { format!(", step {}", spec.stride) } else { String::new() };
    let depthwise = if spec.depthwise { " depthwise" } else { "" };
    format!("{0}×{0}{depthwise}, {1}{step}", spec.kernel, spec.outputs)
}

/// The same without the channels, which are those of the sum.
fn kernel(spec: &ConvSpec) -> String {
    if spec.stride > 1 {
        format!("{0}×{0}, step {1}", spec.kernel, spec.stride)
    } else {
        format!("{0}×{0}", spec.kernel)
    }
}
