//! Tests of tensor files, built here byte by byte as `torch.save` lays them out.

use super::*;
use proptest::prelude::*;
use std::io::Write;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// The pickle of `_rebuild_tensor_v2(storage, offset, shape, strides, False, OrderedDict())`, protocol 2.
fn pickle(kind: &str, stored: i32, offset: i32, shape: &[i32], strides: &[i32]) -> Vec<u8> {
    let text = |text: &str| [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let number = |value: &i32| [&b"J"[..], &value.to_le_bytes()].concat();
    let tuple = |values: &[i32]| [b"(".to_vec(), values.iter().flat_map(number).collect(), b"t".to_vec()].concat();
    let mut bytes = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\x00((".to_vec();
    bytes.extend(text("storage"));
    bytes.extend(format!("ctorch\n{kind}\n").bytes());
    bytes.extend([text("0"), text("cpu"), number(&stored), b"tq\x05Q".to_vec()].concat());
    bytes.extend([number(&offset), tuple(shape), tuple(strides)].concat());
    bytes.extend(b"\x89ccollections\nOrderedDict\n)RtR.");
    bytes
}

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in entries {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn normalised(shape: &[usize], values: &[f32]) -> StoredTensor {
    StoredTensor { shape: shape.to_vec(), values: values.to_vec(), scale: Scale::Normalised }
}

fn cause(bytes: &[u8]) -> String {
    read_bytes(bytes).unwrap_err().title().to_owned()
}

#[test]
fn strides_and_offset_are_obeyed() {
    let data = floats(&[9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let transposed = pickle("FloatStorage", 7, 1, &[3, 2], &[1, 3]);
    let tensor = read_bytes(&archive(&[("1/data.pkl", &transposed), ("1/data/0", &data)])).unwrap();
    assert_eq!(tensor, normalised(&[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
    let repeated = pickle("FloatStorage", 7, 2, &[2, 2], &[0, 1]);
    let tensor = read_bytes(&archive(&[("x/data.pkl", &repeated), ("x/data/0", &data)])).unwrap();
    assert_eq!(tensor.values, [2.0, 3.0, 2.0, 3.0]);
}

#[test]
fn other_precisions_and_byte_orders_are_read() {
    let half = pickle("HalfStorage", 5, 0, &[5], &[1]);
    let data: Vec<u8> =
        [0x3c00_u16, 0xc000, 0x0001, 0x7c00, 0x3555].iter().flat_map(|bits| bits.to_le_bytes()).collect();
    let values = read_bytes(&archive(&[("a/data.pkl", &half), ("a/data/0", &data)])).unwrap().values;
    assert_eq!(values, [1.0, -2.0, 5.960_464_5e-8, f32::INFINITY, 0.333_251_95]);
    let double = pickle("DoubleStorage", 1, 0, &[], &[]);
    let data = 0.25_f64.to_be_bytes();
    let entries: [(&str, &[u8]); 3] = [("a/data.pkl", &double), ("a/byteorder", b"big"), ("a/data/0", &data)];
    assert_eq!(read_bytes(&archive(&entries)).unwrap(), normalised(&[], &[0.25]));
}

#[test]
fn protocol_4_is_read() {
    let mut bytes =
        b"\x80\x04\x95\0\0\0\0\0\0\0\0\x8c\x0ctorch._utils\x94\x8c\x12_rebuild_tensor_v2\x94\x93\x94(".to_vec();
    bytes.extend(
        b"(\x8c\x07storage\x94\x8c\x05torch\x94\x8c\x0cFloatStorage\x94\x93\x94\x8c\x010\x94\x8c\x03cpuK\x02tQ",
    );
    bytes.extend(b"K\0K\x02\x85\x8a\x01\x01\x85\x89\x8c\x0bcollections\x8c\x0bOrderedDict\x93)RtR.");
    let tensor = read_bytes(&archive(&[("a/data.pkl", &bytes), ("a/data/0", &floats(&[1.5, 2.5]))])).unwrap();
    assert_eq!(tensor.values, [1.5, 2.5]);
}

#[test]
fn code_is_never_run_and_the_name_is_told() {
    let hostile = b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R.";
    assert_eq!(cause(&archive(&[("a/data.pkl", hostile)])), "the tensor file asks for os.system, which is not allowed");
    let dictionary = b"\x80\x02}q\0X\x01\0\0\0aK\x01s.";
    assert_eq!(
        cause(&archive(&[("a/data.pkl", dictionary)])),
        "the file holds a dictionary, such as a model's weights, not one tensor"
    );
    assert_eq!(cause(&archive(&[("a/readme.txt", b"hello")])), "not a picture: a zip archive");
}

#[test]
fn what_does_not_fit_is_refused_before_it_is_allocated() {
    let data = floats(&[1.0; 6]);
    let of = |stored, offset, shape: &[i32], strides: &[i32]| {
        cause(&archive(&[("a/data.pkl", &pickle("FloatStorage", stored, offset, shape, strides)), ("a/data/0", &data)]))
    };
    let outside = "damaged tensor file: it refers to numbers that it does not hold";
    assert_eq!(of(6, 1, &[2, 3], &[3, 1]), outside);
    assert_eq!(of(100, 0, &[7], &[1]), outside);
    assert_eq!(of(5, 0, &[6], &[1]), outside);
    assert_eq!(of(6, 0, &[2, 2], &[i32::MAX, i32::MAX]), outside);
    assert_eq!(of(6, 0, &[i32::MAX, i32::MAX, i32::MAX], &[0, 0, 0]), "the tensor is too large");
    assert_eq!(of(6, -1, &[1], &[1]), "damaged tensor file: a negative length");
    // A tuple of two tuples of two tuples …: two to the power of 300 values, were they ever counted.
    let doubling = [&b"\x80\x02)"[..], &b"q\0h\0\x86".repeat(300), b"."].concat();
    assert_eq!(cause(&archive(&[("a/data.pkl", &doubling)])), "the file holds a list without a tensor, not one tensor");
}

#[test]
fn a_damaged_number_is_noticed() {
    let mut bytes =
        archive(&[("a/data.pkl", &pickle("FloatStorage", 2, 0, &[2], &[1])), ("a/data/0", &floats(&[1.0, 77.5]))]);
    let at = bytes.windows(4).position(|four| four == 77.5_f32.to_le_bytes()).unwrap();
    bytes[at] ^= 1;
    assert!(cause(&bytes).starts_with("damaged tensor file: data/0 cannot be read"));
}

#[test]
fn normalisation_is_undone() {
    let levels: Vec<u8> = (0..3 * 4 * 5).map(|i| (i * 4) as u8).collect();
    let original = RgbImage::from_raw(5, 4, levels).unwrap();
    let mut values = vec![0.0; 60];
    crate::photo::transform::normalise(&original, &mut values);
    let tensor = normalised(&[3, 4, 5], &values);
    assert_eq!(picture(&tensor).unwrap(), original);
    let batch = StoredTensor { shape: vec![1, 3, 4, 5], ..tensor.clone() };
    assert_eq!(picture(&batch).unwrap(), original);
    let flat = StoredTensor { shape: vec![60], ..tensor.clone() };
    assert!(picture(&flat).unwrap_err().title().contains("a tensor of 60 is"));
    let broken = StoredTensor { values: vec![f32::NAN; 60], ..tensor };
    assert!(picture(&broken).is_err());
}

#[test]
fn real_files_equal_the_inputs_of_their_photos() {
    let root = std::env::var_os("CRACKSCOPE_SHARED")
        .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").into(), std::path::PathBuf::from);
    let Ok(text) = std::fs::read_to_string(root.join("reference/reference.json")) else {
        eprintln!("skipped: no {}", root.display());
        return;
    };
    let reference: serde_json::Value = serde_json::from_str(&text).unwrap();
    // The photos are listed with 16 cracked ones first; each class gave its first six.
    for (class, first) in [("Positive", 0), ("Negative", 16)] {
        for i in 0..6 {
            let path = root.join(format!("data/ibm_tensors/{class}_tensors/{}.pt", i + 1));
            let tensor = read(&path).unwrap();
            assert_eq!(tensor.shape, [3, 224, 224]);
            assert_eq!(decode::dimensions(&path).unwrap(), (224, 224));
            let photo = root.join(reference["files"][first + i].as_str().unwrap());
            let input = crate::photo::transform::load_input(&photo).unwrap();
            let differences = || input.iter().zip(&tensor.values).map(|(a, b)| (a - b).abs());
            // JPEG decoders differ by up to four levels in a few pixels.
            assert!(differences().fold(0.0, f32::max) < 0.1, "{}", path.display());
            assert!(differences().sum::<f32>() / 150_528.0 < 0.005, "{}", path.display());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn damage_gives_a_tensor_or_an_error(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        whether_cut in prop::bool::weighted(0.2),
    ) {
        let pickle = pickle("FloatStorage", 6, 0, &[1, 2, 3], &[6, 3, 1]);
        let mut bytes = archive(&[("a/data.pkl", &pickle), ("a/byteorder", b"little"), ("a/data/0", &floats(&[0.5; 6]))]);
        for (index, value) in changes {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        if whether_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(tensor) = read_bytes(&bytes) {
            prop_assert_eq!(tensor.values.len(), tensor.shape.iter().product::<usize>());
        }
    }

    /// Checksums stop most damage before the pickle is looked at: here it is not behind one.
    #[test]
    fn damaged_pickles_give_a_layout_or_an_error(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = pickle("FloatStorage", 6, 0, &[1, 2, 3], &[6, 3, 1]);
        for (index, value) in changes {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        if let Ok(layout) = pickle::read(&mut bytes.as_slice(), Scope::Picture).and_then(pickle::Value::into_picture) {
            prop_assert_eq!(layout.shape.len(), layout.strides.len());
            let tensor = archive(&[("a/data.pkl", &bytes), ("a/data/0", &floats(&[0.5; 6]))]);
            if let Ok(tensor) = read_bytes(&tensor) {
                prop_assert_eq!(tensor.values.len(), tensor.shape.iter().product::<usize>());
            }
        }
    }
}

#[derive(serde::Deserialize)]
struct Cases {
    cases: Vec<Case>,
    refused: Vec<Refused>,
    inputs: Vec<Input>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    file: String,
    shape: Vec<usize>,
    values: Vec<f32>,
}

#[derive(serde::Deserialize)]
struct Refused {
    name: String,
    file: String,
    says: String,
}

#[derive(serde::Deserialize)]
struct Input {
    name: String,
    file: String,
    every_997th: Vec<f32>,
}

/// What tests/data/make_tensor_cases.py wrote.
fn cases() -> Cases {
    serde_json::from_str(include_str!("../../../tests/data/tensor_cases.json")).unwrap()
}

fn decoded(file: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(file).unwrap()
}

#[test]
fn what_torch_saves_is_read_number_by_number() {
    let cases = cases().cases;
    assert_eq!(cases.len(), 16);
    for Case { name, file, shape, values } in cases {
        let bytes = decoded(&file);
        let tensor = read_bytes(&bytes).unwrap();
        assert_eq!((tensor.shape, tensor.values), (shape.clone(), values), "{name}");
        assert_eq!(tensor.scale, if name.contains("uint8") { Scale::Levels } else { Scale::Normalised }, "{name}");
        let is_legacy = bytes.starts_with(&legacy::MAGIC);
        assert_eq!(is_legacy, name.starts_with("legacy"), "{name}");
        let [.., height, width] = *shape else { panic!("{name}") };
        let size = picture_size(Cursor::new(&bytes), is_legacy).unwrap();
        assert_eq!(size, (width as u32, height as u32), "{name}");
        assert_eq!(decode::decode_bytes(&bytes).unwrap().dimensions(), size, "{name}");
    }
}

#[test]
fn what_is_no_picture_is_told() {
    for Refused { name, file, says } in cases().refused {
        let outcome = read_bytes(&decoded(&file)).and_then(|tensor| picture(&tensor));
        let error = outcome.expect_err(&name);
        assert!(error.title().contains(&says), "{name}: {}", error.title());
    }
    let batch = StoredTensor { shape: vec![4, 3, 5, 6], values: vec![0.0; 360], scale: Scale::Normalised };
    assert!(picture(&batch).unwrap_err().advice().unwrap().contains("torch.save(picture.clone()"));
}

#[test]
fn the_network_takes_what_pytorch_gives_it() {
    for Input { name, file, every_997th } in cases().inputs {
        let input = crate::photo::transform::load_input_from_bytes(Path::new("1.pt"), &decoded(&file)).unwrap();
        assert_eq!(input.len(), crate::photo::transform::INPUT_VALUES);
        // Of the same size there is nothing to compute.
        let tolerance = if matches!(name.as_str(), "as it is" | "batch of one") { 0.0 } else { 2e-6 };
        assert_eq!(every_997th.len(), input.len().div_ceil(997));
        for (ours, theirs) in input.iter().step_by(997).zip(every_997th) {
            assert!((ours - theirs).abs() <= tolerance, "{name}: {ours} {theirs}");
        }
    }
}

#[test]
fn a_legacy_file_that_is_cut_short_says_so_and_none_panics() {
    let case = cases().cases.into_iter().find(|case| case.name == "legacy with a tensor as label").unwrap();
    let bytes = decoded(&case.file);
    assert_eq!(cause(&bytes[..bytes.len() - 200]), "tensor file cut short");
    for end in 0..bytes.len() {
        // The label, which nobody needs, comes last.
        assert!(read_bytes(&bytes[..end]).is_err() || end > bytes.len() - 50, "{end}");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        if let Ok(tensor) = read_bytes(&damaged) {
            assert_eq!(tensor.values.len(), tensor.shape.iter().product::<usize>());
        }
    }
}

/// A name, a key, an offset, a shape and strides.
type Stored<'a> = (&'a str, &'a str, i32, &'a [i32], &'a [i32]);

/// A dictionary of tensors as a pickle; all storages hold 6 floats.
fn dictionary(tensors: &[Stored<'_>]) -> Vec<u8> {
    let text = |text: &str| [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let mut bytes = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for (name, key, offset, shape, strides) in tensors {
        let one = pickle("FloatStorage", 6, *offset, shape, strides);
        let one = one.strip_prefix(b"\x80\x02").and_then(|one| one.strip_suffix(b".")).unwrap();
        // The storage's key is the text after its type.
        let at = one.windows(6).position(|six| six == *b"X\x01\0\0\x000").unwrap();
        bytes.extend([text(name), one[..at].to_vec(), text(key), one[at + 6..].to_vec()].concat());
    }
    bytes.extend(b"u.");
    bytes
}

/// What [`read_named`] makes of an archive of a pickle and two storages.
fn named(pickle: &[u8]) -> Result<Vec<NamedTensor>> {
    let (first, second) = (floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), floats(&[7.0; 6]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    let entries = [("a/data.pkl", pickle), ("a/data/0", first.as_slice()), ("a/data/1", second.as_slice())];
    std::fs::write(&path, archive(&entries)).unwrap();
    read_named(&path)
}

#[test]
fn weights_are_read_by_name_and_what_stands_beside_them_is_never_called() {
    let weights = dictionary(&[("fc.weight", "0", 1, &[2, 2], &[1, 2]), ("fc.bias", "1", 0, &[2], &[1])]);
    let tensor = |name: &str, shape: &[usize], values: &[f32]| NamedTensor {
        name: name.to_owned(),
        shape: shape.to_vec(),
        values: values.to_vec(),
    };
    let wanted = [tensor("fc.weight", &[2, 2], &[2.0, 4.0, 3.0, 5.0]), tensor("fc.bias", &[2], &[7.0, 7.0])];
    assert_eq!(named(&weights).unwrap(), wanted);
    // As a training script leaves them: beside its own state, part of which is a call.
    let state = b"X\x05\0\0\0statecos\nsystem\nX\x02\0\0\0ls\x85RX\x0a\0\0\0state_dict";
    let script = [&b"\x80\x02}("[..], state, &weights[2..weights.len() - 1], b"u."].concat();
    assert_eq!(named(&script).unwrap(), wanted);
    let call = b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R.";
    assert_eq!(named(call).unwrap_err().title(), "it holds no tensors by name");
}

#[test]
fn weights_take_no_more_than_they_hold() {
    let cause = |pickle: &[u8]| named(pickle).unwrap_err().title().to_owned();
    let too_large = "its tensors are too large";
    // Two to the power of 40 values of one number, repeated by a stride of nothing.
    assert_eq!(cause(&dictionary(&[("a", "0", 0, &[1 << 20, 1 << 20], &[0, 0])])), too_large);
    assert_eq!(cause(&dictionary(&[("a", "0", 0, &[i32::MAX; 8], &[0; 8])])), too_large);
    let many = [("a", "0", 0, &[1 << 26][..], &[0][..]), ("b", "0", 0, &[1 << 26], &[0]), ("c", "0", 0, &[1], &[0])];
    assert_eq!(cause(&dictionary(&many)), too_large);
    let outside = "damaged tensor file: it refers to numbers that it does not hold";
    assert_eq!(cause(&dictionary(&[("a", "0", 3, &[4], &[1])])), outside);
    // Each value holds the one before it twice: two to the power of a thousand, were they ever counted.
    let doubling = [&b"\x80\x02)"[..], &b"q\0h\0\x86".repeat(1000), b"."].concat();
    assert!(cause(&doubling).contains("too deep"), "{}", cause(&doubling));
    let nested = [&b"\x80\x02)"[..], &b"\x85".repeat(200_000), b"."].concat();
    assert!(cause(&nested).contains("too deep"), "{}", cause(&nested));
    // A list that is remembered while it grows is copied each time.
    let growing = [&b"\x80\x02]q\0"[..], &b"q\0Na".repeat(200_000), b"."].concat();
    assert!(cause(&growing).contains("too many values"), "{}", cause(&growing));
}
