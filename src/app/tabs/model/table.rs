//! The layers in a table.

use egui::{Align, Button, Label, Layout, RichText, Ui, vec2};
use egui_extras::{Column, TableBuilder, TableRow};

use crate::app::theme::{self, space};
use crate::format;
use crate::nn::summary::{Layer, Part, Summary};

/// Height of a row.
const ROW: f32 = 24.0;
/// Height of the totals below the table.
const TOTALS: f32 = 26.0;
/// Tables narrower than this have no room for the kind and the multiply-adds.
const WIDE: f32 = 620.0;
/// How far the layers of a part stand in.
const INDENT: f32 = 14.0;

/// What is chosen: a part, and one of its layers where one is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Selected {
    /// An index into the summary's parts.
    pub(super) part: usize,
    /// An index into the part's layers.
    pub(super) layer: Option<usize>,
}

impl Selected {
    /// The layer whose weights are meant: the chosen one, or else the first of the part that has any.
    pub(super) fn layer_of<'s>(&self, summary: &'s Summary) -> Option<&'s Layer> {
        let layers = &summary.parts.get(self.part)?.layers;
        match self.layer {
            Some(layer) => layers.get(layer),
            None => layers.iter().find(|layer| layer.parameters > 0).or(layers.first()),
        }
    }
}

/// What stands in a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Name,
    Kind,
    Output,
    Parameters,
    MultiplyAdds,
    State,
}

impl Cell {
    const ALL: [Self; 6] = [Self::Name, Self::Kind, Self::Output, Self::Parameters, Self::MultiplyAdds, Self::State];
    /// Those that there is always room for.
    const NARROW: [Self; 4] = [Self::Name, Self::Output, Self::Parameters, Self::State];

    /// The heading and what it means.
    fn heading(self) -> (&'static str, &'static str) {
        match self {
            Self::Name => ("layer", "The name of its tensors, as torchvision has it"),
            Self::Kind => ("kind", "What it does"),
            Self::Output => ("output", "Channels, height and width of what comes out, for a photo of 224 × 224"),
            Self::Parameters => ("parameters", "Values that can be trained"),
            Self::MultiplyAdds => ("multiply-adds", "Multiplications with additions, for one photo"),
            Self::State => ("", "Whether training changes it"),
        }
    }

    fn column(self, wide: bool) -> Column {
        match self {
            Self::Name if wide => Column::exact(180.0).clip(true),
            Self::Name | Self::Kind => Column::remainder().at_least(120.0).clip(true),
            Self::Output => Column::exact(98.0),
            Self::Parameters => Column::exact(84.0),
            Self::MultiplyAdds => Column::exact(96.0),
            Self::State => Column::exact(54.0),
        }
    }

    /// Words begin at the left, figures end at the right.
    fn layout(self) -> Layout {
        match self {
            Self::Name | Self::Kind => Layout::left_to_right(Align::Center),
            _ => Layout::right_to_left(Align::Center),
        }
    }
}

/// Shows the layers, those of a part below it, and the totals. `scroll_to` brings the selection into view.
pub(super) fn ui(ui: &mut Ui, summary: &Summary, selected: &mut Selected, scroll_to: bool) {
    let rows = rows(summary);
    let wide = ui.available_width() >= WIDE;
    let shown: &[Cell] = if wide { &Cell::ALL } else { &Cell::NARROW };
    let spacing = ui.spacing_mut();
    spacing.item_spacing.y = 0.0;
    // The names are buttons, and no higher than a row.
    (spacing.interact_size.y, spacing.button_padding.y) = (0.0, 0.0);
    let height = ui.available_height() - TOTALS;
    let mut table = TableBuilder::new(ui).id_salt("layers").cell_layout(Layout::right_to_left(Align::Center));
    for cell in shown {
        table = table.column(cell.column(wide));
    }
    table = table
        .min_scrolled_height(0.0)
        .max_scroll_height(height - ROW)
        .auto_shrink([false, true])
        .sense(egui::Sense::click());
    if let Some(row) = rows.iter().position(|row| row == selected).filter(|_| scroll_to) {
        table = table.scroll_to_row(row, Some(Align::Center));
    }
    let table = table.header(ROW, |mut header| {
        for cell in shown {
            header.col(|ui| {
                let (name, meaning) = cell.heading();
                ui.with_layout(cell.layout(), |ui| {
                    ui.label(theme::quiet(ui, name).size(theme::SMALL)).on_hover_text(meaning);
                });
            });
        }
    });
    table.body(|body| {
        body.rows(ROW, rows.len(), |mut row| {
            let Some(at) = rows.get(row.index()) else { return };
            let Some(part) = summary.parts.get(at.part) else { return };
            row.set_selected(at == selected);
            let cells = at.layer.and_then(|layer| part.layers.get(layer)).map_or_else(|| of_part(part), of_layer);
            let indented = at.layer.is_some() && part.layers.len() > 1;
            if cells_ui(&mut row, shown, &cells, (indented, at == selected)) || row.response().clicked() {
                *selected = *at;
            }
        });
    });
    totals_ui(ui, summary);
}

/// What all layers come to.
fn totals_ui(ui: &mut Ui, summary: &Summary) {
    let count = |n: usize| format::count(n as u64);
    let text = format!(
        "Total: {} parameters, {} of them trained · {} multiply-adds a photo",
        count(summary.parameters()),
        count(summary.trained_parameters()),
        count(summary.multiply_adds()),
    );
    ui.allocate_ui_with_layout(vec2(ui.available_width(), TOTALS), Layout::left_to_right(Align::Center), |ui| {
        ui.add_space(space::XS);
        ui.add(Label::new(theme::strong(text).size(theme::SMALL)).truncate());
    });
}

/// The rows in their order: a part of one layer is that layer.
fn rows(summary: &Summary) -> Vec<Selected> {
    let of_part = |(index, part): (usize, &Part)| {
        let whole = (part.layers.len() > 1).then_some(Selected { part: index, layer: None });
        let layers = (0..part.layers.len()).map(move |layer| Selected { part: index, layer: Some(layer) });
        whole.into_iter().chain(layers)
    };
    summary.parts.iter().enumerate().flat_map(of_part).collect()
}

/// Which row stands for a part.
pub(super) fn row_of(summary: &Summary, part: usize) -> Selected {
    let single = summary.parts.get(part).is_some_and(|part| part.layers.len() == 1);
    Selected { part, layer: single.then_some(0) }
}

/// What stands in a row.
struct Cells {
    name: String,
    kind: String,
    output: [usize; 3],
    parameters: usize,
    multiply_adds: usize,
    trained: bool,
    strong: bool,
}

fn of_part(part: &Part) -> Cells {
    Cells {
        name: part.name.clone(),
        kind: part.kind.title().to_owned(),
        output: part.output,
        parameters: part.parameters(),
        multiply_adds: part.multiply_adds(),
        trained: part.trained,
        strong: true,
    }
}

fn of_layer(layer: &Layer) -> Cells {
    Cells {
        name: layer.name.clone(),
        kind: layer.kind.clone(),
        output: layer.output,
        parameters: layer.parameters,
        multiply_adds: layer.multiply_adds,
        trained: layer.trained,
        strong: false,
    }
}

/// The cells of a row; says whether its name was pressed.
fn cells_ui(row: &mut TableRow<'_, '_>, shown: &[Cell], cells: &Cells, (indented, selected): (bool, bool)) -> bool {
    let text = |text: String| if cells.strong { theme::strong(text) } else { RichText::new(text) };
    let number = |n: usize| if n == 0 { String::new() } else { format::count(n as u64) };
    let mut pressed = false;
    for cell in shown {
        let content = |ui: &mut Ui| match cell {
            Cell::Name => {
                ui.add_space(if indented { INDENT } else { 0.0 });
                let name = Button::selectable(selected, text(cells.name.clone())).frame(false).truncate();
                pressed = ui.add(name).clicked();
            }
            Cell::Kind => drop(ui.add(Label::new(theme::quiet(ui, &cells.kind)).truncate())),
            Cell::Output => {
                let [channels, height, width] = cells.output;
                ui.label(text(format!("{channels} × {height} × {width}")));
            }
            Cell::Parameters => drop(ui.label(text(number(cells.parameters)))),
            Cell::MultiplyAdds => drop(ui.label(text(number(cells.multiply_adds)))),
            Cell::State => drop(ui.label(state(ui, cells))),
        };
        row.col(|ui| drop(ui.with_layout(cell.layout(), content)));
    }
    pressed
}

/// Whether training changes it; nothing where there is nothing to change.
fn state(ui: &Ui, cells: &Cells) -> RichText {
    let state = match (cells.trained, cells.parameters) {
        (true, _) => RichText::new("trained").color(theme::palette(ui).accent),
        (false, 0) => RichText::new(""),
        (false, _) => theme::quiet(ui, "frozen"),
    };
    state.size(theme::SMALL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::architecture::Backbone;

    #[test]
    fn a_part_of_one_layer_has_one_row() {
        let summary = Summary::of(Backbone::Resnet18, None);
        let rows = rows(&summary);
        assert_eq!(rows.len(), summary.layers().count() + 9, "stem and eight blocks have a row of their own");
        assert_eq!((row_of(&summary, 1), row_of(&summary, 10)), (rows[4], rows[rows.len() - 1]));
        assert_eq!(rows[4].layer_of(&summary).map(|layer| layer.name.as_str()), Some("layer1.0.conv1"));
        assert_eq!(row_of(&summary, 9).layer_of(&summary).map(|layer| layer.name.as_str()), Some("avgpool"));
    }
}
