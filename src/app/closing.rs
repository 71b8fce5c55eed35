//! Closing the window while a run is trained: asks once, keeps the best epoch, and closes.

use egui::{Context, Label, ViewportCommand};

use super::dialogs;
use super::scene::{Kind, Running};
use super::theme::{self, space};
use super::widgets::form::primary;
use super::window::App;

/// How far closing the window is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Closing {
    /// Nobody wants it.
    #[default]
    No,
    /// The user is asked whether the training is to end.
    Asked,
    /// The training ends, and the window closes with it.
    Waits,
}

impl App {
    /// Takes up that the window is to be closed, and shows the question.
    pub(super) fn closing_ui(&mut self, ctx: &Context) {
        let training = self.job.as_ref().is_some_and(|job| job.kind == Kind::Train);
        let wanted = ctx.input(|input| input.viewport().close_requested());
        match self.closing {
            // Whoever asks a second time does not want to wait.
            Closing::Waits if training => self.waits_ui(ctx),
            Closing::Waits => {
                self.closing = Closing::No;
                ctx.send_viewport_cmd(ViewportCommand::Close);
            }
            _ if !training => self.closing = Closing::No,
            Closing::No if wanted => {
                ctx.send_viewport_cmd(ViewportCommand::CancelClose);
                self.closing = Closing::Asked;
                ctx.request_repaint();
            }
            Closing::No => {}
            Closing::Asked => {
                if wanted {
                    ctx.send_viewport_cmd(ViewportCommand::CancelClose);
                }
                self.question_ui(ctx);
            }
        }
    }

    fn question_ui(&mut self, ctx: &Context) {
        let means = self.job.as_ref().map_or("", Running::stopping_means);
        let mut answer = Closing::Asked;
        let modal = dialogs::modal(ctx, "close while training", |ui| {
            ui.label(theme::section("Stop training and close?"));
            ui.add(Label::new(theme::quiet(ui, format!("{means}."))).wrap());
            ui.add_space(space::S);
            ui.horizontal(|ui| {
                if primary(ui, true, "Stop and close").clicked() {
                    answer = Closing::Waits;
                }
                if ui.button("Go on training").clicked() {
                    answer = Closing::No;
                }
            });
        });
        if answer == Closing::Waits {
            self.cancel();
        } else if modal.should_close() {
            answer = Closing::No;
        }
        self.closing = answer;
    }

    fn waits_ui(&mut self, ctx: &Context) {
        let may_leave = self.job.as_ref().is_some_and(|job| job.is_finishing() && !job.controls.leave.get());
        let mut leaves = false;
        dialogs::modal(ctx, "closes after training", |ui| {
            ui.label(theme::section("Closing"));
            ui.add(Label::new(theme::quiet(ui, "The run is being written; then the window closes.")).wrap());
            if may_leave {
                leaves = ui.button("Close at once").on_hover_text(Running::LEAVING_MEANS).clicked();
            }
        });
        if leaves {
            self.leave();
        }
    }
}
