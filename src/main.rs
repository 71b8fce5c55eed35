//! The program: arguments go to the command line, which opens the window where no command is given.

// Windows opens no console beside the window of a release build.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

fn main() -> std::process::ExitCode {
    crackscope::cli::run()
}
