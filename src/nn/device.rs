//! Where the network computes: chosen at run time among what was compiled in.

use candle_core::Device;

use super::cpu::{Instructions, Precision};
use crate::error::{Error, Result};
use crate::nn::choice::{DeviceChoice, PrecisionChoice};

/// A device in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceReport {
    /// For people, such as `CPU · AVX-512 · 2 threads`.
    pub name: String,
    /// Something that the user should know: why it is not the device one might expect.
    pub note: Option<String>,
}

/// Opens the device for the calling thread, which must keep it: CUDA's streams belong to threads.
///
/// `auto` takes CUDA, then Metal, then the CPU, among those compiled in, and notes why it fell back.
///
/// # Errors
/// Where a device was asked for by name that was not compiled in or does not answer.
pub fn open(choice: DeviceChoice) -> Result<(Device, DeviceReport)> {
    match choice {
        DeviceChoice::Cpu => Ok((Device::Cpu, DeviceReport { name: cpu_name(), note: None })),
        DeviceChoice::Cuda => cuda(),
        DeviceChoice::Metal => metal(),
        DeviceChoice::Auto => Ok(auto()),
    }
}

/// What [`open`] would give, in words.
///
/// # Errors
/// As [`open`].
pub fn describe(choice: DeviceChoice) -> Result<DeviceReport> {
    open(choice).map(|(_, report)| report)
}

/// What a frozen backbone multiplies on `device`.
///
/// # Errors
/// Where bf16 is asked for and the processor does not multiply it, or the device is a GPU.
pub fn precision(choice: PrecisionChoice, device: &Device) -> Result<Precision> {
    let has_bf16 = device.is_cpu() && Instructions::detect().multiply_bf16();
    match choice {
        PrecisionChoice::F32 => Ok(Precision::F32),
        PrecisionChoice::Auto if !has_bf16 => Ok(Precision::F32),
        PrecisionChoice::Bf16 if !has_bf16 => Err(Error::usage(if device.is_cpu() {
            "This processor does not multiply in bf16"
        } else {
            "On a GPU features are computed in single precision"
        })
        .hint("use --precision f32; a run that began in bf16 goes on only on a processor that has it")),
        PrecisionChoice::Auto | PrecisionChoice::Bf16 => Ok(Precision::Bf16),
    }
}

fn auto() -> (Device, DeviceReport) {
    let mut note = None;
    for (compiled, try_open) in [
        (cfg!(feature = "cuda"), cuda as fn() -> Result<(Device, DeviceReport)>),
        (cfg!(feature = "metal"), metal as fn() -> Result<(Device, DeviceReport)>),
    ] {
        if compiled {
            match try_open() {
                Ok(found) => return found,
                Err(error) => note = Some(format!("Using the CPU. {}", error.one_line())),
            }
        }
    }
    (Device::Cpu, DeviceReport { name: cpu_name(), note })
}

fn cuda() -> Result<(Device, DeviceReport)> {
    if !cfg!(feature = "cuda") {
        return Err(not_compiled("CUDA", "cuda"));
    }
    let device = Device::new_cuda(0).map_err(|cause| no_answer("CUDA", &cause))?;
    Ok((device, DeviceReport { name: "CUDA · GPU 0".into(), note: None }))
}

fn metal() -> Result<(Device, DeviceReport)> {
    if !cfg!(feature = "metal") {
        return Err(not_compiled("Metal", "metal"));
    }
    let device = Device::new_metal(0).map_err(|cause| no_answer("Metal", &cause))?;
    Ok((device, DeviceReport { name: "Metal · GPU 0".into(), note: None }))
}

fn not_compiled(name: &str, feature: &str) -> Error {
    Error::usage(format!("This program was built without {name}"))
        .hint(format!("build it with `cargo build --release --features {feature}`, or use --device auto"))
}

fn no_answer(name: &str, cause: &candle_core::Error) -> Error {
    let text = cause.to_string();
    Error::new(format!("{name} does not answer"))
        .detail(text.lines().next().unwrap_or_default().to_owned())
        .hint("check the driver, or use --device cpu")
}

fn cpu_name() -> String {
    let threads = rayon::current_num_threads();
    let plural = if threads == 1 { "" } else { "s" };
    format!("CPU · {} · {threads} thread{plural}", vector_unit())
}

#[cfg(target_arch = "x86_64")]
fn vector_unit() -> &'static str {
    if is_x86_feature_detected!("avx512f") {
        "AVX-512"
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        "AVX2"
    } else {
        "SSE"
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn vector_unit() -> &'static str {
    if cfg!(target_arch = "aarch64") { "NEON" } else { std::env::consts::ARCH }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_always_finds_a_device() {
        let report = describe(DeviceChoice::Auto).unwrap();
        assert!(!report.name.is_empty());
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_was_not_compiled_in_says_how_to_get_it() {
        let error = describe(DeviceChoice::Cuda).unwrap_err();
        assert_eq!(error.title(), "This program was built without CUDA");
        assert!(error.advice().unwrap().contains("--features cuda"));
    }
}
