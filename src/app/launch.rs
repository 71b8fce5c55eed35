//! Opens the window, or says in one sentence why there is none.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use egui::{ViewportBuilder, vec2};

use super::settings::Settings;
use super::window::{App, WindowOptions};
use super::{icon, worker};
use crate::error::{Error, Result};

/// Size of the window at the first start, in points: with its title and the desktop's bar it fits a laptop's screen of
/// 1366 × 768.
const FIRST_SIZE: [f32; 2] = [1180.0, 690.0];

/// Opens the window and returns when it is closed.
///
/// # Errors
/// Where there is no display, or a library that windows need is not installed.
pub fn run(options: WindowOptions) -> Result<()> {
    check_display()?;
    let (settings, _) = Settings::load(&options.settings_file());
    let size = settings.window.unwrap_or(FIRST_SIZE);
    let native = eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title("CrackScope")
            .with_app_id("crackscope")
            .with_icon(icon::icon())
            .with_inner_size(size)
            .with_min_inner_size(vec2(760.0, 520.0))
            .with_drag_and_drop(true),
        system_font_fallback: false,
        persist_window: false,
        ..Default::default()
    };
    let opened = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&opened);
    // A library that is missing at run time makes the window's own libraries panic.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        eframe::run_native(
            "CrackScope",
            native,
            Box::new(move |creation| {
                let app = App::new(&creation.egui_ctx, options)?;
                seen.store(true, Ordering::SeqCst);
                Ok(Box::new(app))
            }),
        )
    }));
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(cause)) => Err(failed(opened.load(Ordering::SeqCst), &cause.to_string())),
        Err(cause) => Err(failed(opened.load(Ordering::SeqCst), worker::panic_text(cause.as_ref()))),
    }
}

fn check_display() -> Result<()> {
    if !cfg!(all(unix, not(target_vendor = "apple"))) {
        return Ok(());
    }
    let there = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"].into_iter().any(there) {
        return Ok(());
    }
    Err(no_window("There is no display to open a window on"))
}

fn no_window(title: &str) -> Error {
    Error::new(title).hint("`crackscope demo` does the whole job without a window; `crackscope --help` lists the rest")
}

fn failed(opened: bool, cause: &str) -> Error {
    if opened {
        return Error::new("The window ended by a fault in the program").detail(cause.to_owned());
    }
    let error = no_window("The window cannot be opened").detail(cause.to_owned());
    if cfg!(target_os = "linux") {
        error.detail(
            "Debian and Ubuntu need: libx11-6 libxcb1 libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0 libegl1 \
             libgl1-mesa-dri",
        )
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_window_the_way_without_one_is_named() {
        let error = failed(false, "libxkbcommon-x11.so could not be loaded");
        assert_eq!(error.title(), "The window cannot be opened");
        assert!(error.advice().unwrap().contains("crackscope demo"));
        assert!(failed(true, "index out of bounds").advice().is_none());
    }
}
