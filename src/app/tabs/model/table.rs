//! The layers in a table.

use egui::{Align, Button, Layout, RichText, Ui};
use egui_extras::{Column, TableBuilder};

use crate::app::theme;
use crate::format;
use crate::nn::summary::{Layer, Part, Summary};

/// Headings and what they mean.
const COLUMNS: [(&str, &str); 6] = [
    ("layer", "The name of its tensors, as torchvision has it"),
    ("kind", "What it does"),
    ("output", "Channels, height and width of what comes out, for a photo of 224 × 224"),
    ("parameters", "Values that can be trained"),
    ("multiply-adds", "Multiplications with additions, for one photo"),
    ("", "Whether training changes it"),
];
/// Height of a row.
const ROW: f32 = 24.0;
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

/// Shows the layers, those of a part below it. `scroll_to` brings the selection into view.
pub(super) fn ui(ui: &mut Ui, summary: &Summary, selected: &mut Selected, scroll_to: bool) {
    let rows = rows(summary);
    let height = ui.available_height();
    ui.spacing_mut().item_spacing.y = 0.0;
    let mut table = TableBuilder::new(ui)
        .id_salt("layers")
        .cell_layout(Layout::right_to_left(Align::Center))
        .column(Column::exact(180.0).clip(true))
        .column(Column::remainder().at_least(120.0).clip(true))
        .column(Column::exact(98.0))
        .column(Column::exact(84.0))
        .column(Column::exact(96.0))
        .column(Column::exact(60.0))
        .min_scrolled_height(0.0)
        .max_scroll_height(height)
        .auto_shrink(false)
        .sense(egui::Sense::click());
    if let Some(row) = rows.iter().position(|row| row == selected).filter(|_| scroll_to) {
        table = table.scroll_to_row(row, Some(Align::Center));
    }
    let table = table.header(ROW, |mut header| {
        for (place, (name, meaning)) in COLUMNS.into_iter().enumerate() {
            header.col(|ui| {
                let layout = if place < 2 { Layout::left_to_right(Align::Center) } else { *ui.layout() };
                ui.with_layout(layout, |ui| {
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
            if cells_ui(&mut row, cells, indented, at == selected) || row.response().clicked() {
                *selected = *at;
            }
        });
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
fn cells_ui(row: &mut egui_extras::TableRow<'_, '_>, cells: Cells, indented: bool, selected: bool) -> bool {
    let text = |text: String| if cells.strong { theme::strong(text) } else { RichText::new(text) };
    let mut pressed = false;
    row.col(|ui| {
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            if indented {
                ui.add_space(INDENT);
            }
            let name = Button::selectable(selected, text(cells.name.clone())).frame(false).truncate();
            pressed = ui.add(name).clicked();
        });
    });
    row.col(|ui| {
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(egui::Label::new(theme::quiet(ui, cells.kind.clone())).truncate());
        });
    });
    let [channels, height, width] = cells.output;
    let number = |n: usize| if n == 0 { String::new() } else { format::count(n as u64) };
    for cell in [format!("{channels} × {height} × {width}"), number(cells.parameters), number(cells.multiply_adds)] {
        row.col(|ui| {
            ui.label(text(cell));
        });
    }
    row.col(|ui| {
        let state = match (cells.trained, cells.parameters) {
            (true, _) => RichText::new("trained").color(theme::palette(ui).accent),
            (false, 0) => RichText::new(""),
            (false, _) => theme::quiet(ui, "frozen"),
        };
        ui.label(state.size(theme::SMALL));
    });
    pressed
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
