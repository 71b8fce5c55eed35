//! The network: its layers, its weights, its device. The only module, with the trainer, that names candle.

pub mod architecture;
pub mod bundled;
pub mod candle_network;
pub mod cpu;
pub mod device;
pub mod drawing;
pub mod explain;
pub mod head;
pub mod hub;
pub mod inspect;
pub mod mobilenet;
pub mod model_file;
pub mod nearest;
pub mod network;
pub mod optimizer;
pub mod portable;
pub mod random;
pub mod reach;
pub mod resnet;
pub mod state_dict;
pub mod summary;
pub mod trainable;
pub mod whole;

use crate::error::Error;

/// An error of candle's, with what was being computed.
pub(crate) fn failed(what: &str) -> impl Fn(candle_core::Error) -> Error + '_ {
    move |cause| {
        // A backtrace, where one was taken, fills pages: the first line says what happened.
        let text = cause.to_string();
        Error::new(format!("Cannot {what}")).detail(text.lines().next().unwrap_or_default().to_owned())
    }
}
