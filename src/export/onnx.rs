//! A trained model as an ONNX file, for ONNX Runtime and others, written without their libraries.
//!
//! The graph follows from the network's description and computes what the program computes in single precision. Batch
//! norm is folded into the convolutions before it. The number of photos in a batch is free.

mod graph;
#[cfg(not(fuzzing))]
mod message;
/// Open to the fuzz target, which writes graphs of its own.
#[cfg(fuzzing)]
pub mod message;

use crate::error::Result;
use crate::nn::portable::PortableModel;
use crate::photo::INPUT_SIZE;
use message::Model;

/// The file's name.
pub const FILE: &str = "model.onnx";

/// What an ONNX model takes. Either way photos are RGB, (N, 3, 224, 224), named `photos`, resized as a whole with an
/// antialiased bilinear filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Single precision, `(value / 255 − mean) / std`, as PyTorch models take it.
    Normalised,
    /// 8-bit values, 0 to 255, which the model normalises itself. No other range fits into this type, so that none can
    /// be taken for it by mistake.
    Pixels,
}

impl Input {
    /// What goes in, for people.
    fn describe(self) -> String {
        let values = match self {
            Self::Normalised => "float32, (value / 255 - mean) / std of each channel",
            Self::Pixels => "uint8, 0 to 255; the model normalises them itself",
        };
        format!(
            "N photos, RGB, (N, 3, {INPUT_SIZE}, {INPUT_SIZE}), each resized as a whole with an antialiased bilinear \
             filter; {values}"
        )
    }
}

/// The bytes of the `.onnx` file: the same for the same model and input. Outputs are `logits` (N, 2), intact and
/// cracked, and `p_positive` (N), the probability of being cracked.
///
/// # Errors
/// None that [`PortableModel::open`] has not found.
pub fn to_bytes(model: &PortableModel, input: Input) -> Result<Vec<u8>> {
    let mut notes = model.notes().clone();
    // Of PyTorch's file, and of how the program itself computed.
    notes.remove("format");
    notes.remove("precision");
    let normalisation = match input {
        Input::Normalised => "before the model",
        Input::Pixels => "in the model",
    };
    let own = [
        ("input", input.describe()),
        ("normalisation", normalisation.to_owned()),
        ("batch_norm", "folded into the convolutions".to_owned()),
        ("outputs", "logits (N, 2) of the classes in their order; p_positive (N), softmax of the second".to_owned()),
    ];
    notes.extend(own.map(|(key, value)| (key.to_owned(), value)));
    let doc = format!(
        "{} that tells cracked concrete (Positive) from intact (Negative). A photo counts as cracked where p_positive \
         is at least the threshold in the metadata.",
        model.backbone().title()
    );
    let graph = graph::of(model, input)?;
    Ok(Model { producer: "crackscope", producer_version: env!("CARGO_PKG_VERSION"), doc, graph, notes }.to_bytes())
}
