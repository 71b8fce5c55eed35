//! ONNX files as they are written: graphs of any names, shapes and values, read back by the rules of protocol buffers.
//! The program reads no ONNX.

#![no_main]

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use crackscope::export::onnx::message::{Attribute, Dimension, Element, Graph, Model, Node, Tensor, Value, Values};
use libfuzzer_sys::fuzz_target;

/// The parameters of a graph.
#[derive(Arbitrary, Debug)]
struct Parameters {
    name: String,
    doc: String,
    notes: BTreeMap<String, String>,
    nodes: Vec<(String, Vec<String>, String, Vec<i64>, i64)>,
    floats: Vec<(String, Vec<u32>, Vec<f32>)>,
    numbers: Vec<(String, Vec<i64>)>,
    sides: Vec<Option<u32>>,
}

fuzz_target!(|data: &[u8]| {
    let Ok(parameters) = Parameters::arbitrary(&mut Unstructured::new(data)) else { return };
    let bytes = model(&parameters).to_bytes();
    let read = fields(&bytes).expect("a message");
    let graph = fields(one(&read, 7)).expect("a graph");
    assert_eq!(one(&read, 6), parameters.doc.as_bytes());
    assert_eq!(one(&graph, 2), parameters.name.as_bytes());

    let notes = all(&read, 14).map(|note| fields(note).map(|note| [one(&note, 1).to_vec(), one(&note, 2).to_vec()]));
    let wanted = parameters.notes.iter().map(|(key, value)| Some([key, value].map(|text| text.clone().into_bytes())));
    assert!(notes.eq(wanted));

    let nodes: Vec<_> = all(&graph, 1).map(|node| fields(node).expect("a node")).collect();
    assert_eq!(nodes.len(), parameters.nodes.len());
    for (node, (name, inputs, output, numbers, number)) in nodes.iter().zip(&parameters.nodes) {
        assert!(all(node, 1).eq(inputs.iter().map(String::as_bytes)));
        assert_eq!(
            (one(node, 2), one(node, 3), one(node, 4)),
            (output.as_bytes(), name.as_bytes(), b"Conv".as_slice())
        );
        let attributes: Vec<_> = all(node, 5).map(|attribute| fields(attribute).expect("an attribute")).collect();
        assert!(ints(&attributes[0], 8).eq(numbers.iter().copied()));
        assert!(ints(&attributes[1], 3).eq([*number]));
    }
    let tensors: Vec<_> = all(&graph, 5).map(|tensor| fields(tensor).expect("a tensor")).collect();
    assert_eq!(tensors.len(), parameters.floats.len() + parameters.numbers.len());
    for (tensor, (name, shape, values)) in tensors.iter().zip(&parameters.floats) {
        assert!(ints(tensor, 1).eq(shape.iter().map(|side| i64::from(*side))));
        assert_eq!(one(tensor, 8), name.as_bytes());
        assert!(one(tensor, 9).chunks(4).eq(values.iter().map(|value| value.to_le_bytes())));
    }
    assert_eq!(all(&graph, 11).count() + all(&graph, 12).count(), 2);
});

fn model(parameters: &Parameters) -> Model {
    let node = |(name, inputs, output, numbers, number): &(String, Vec<String>, String, Vec<i64>, i64)| Node {
        operator: "Conv",
        name: name.clone(),
        inputs: inputs.clone(),
        output: output.clone(),
        attributes: vec![("pads", Attribute::Ints(numbers.clone())), ("group", Attribute::Int(*number))],
    };
    let float = |(name, shape, values): &(String, Vec<u32>, Vec<f32>)| Tensor {
        name: name.clone(),
        shape: shape.iter().map(|side| *side as usize).collect(),
        values: Values::Float(values.clone()),
    };
    let number = |(name, values): &(String, Vec<i64>)| Tensor {
        name: name.clone(),
        shape: vec![values.len()],
        values: Values::Int64(values.clone()),
    };
    let side = |side: &Option<u32>| side.map_or(Dimension::Any("N"), |side| Dimension::Fixed(side as usize));
    let value = |name, element| Value {
        name,
        doc: parameters.doc.clone(),
        element,
        shape: parameters.sides.iter().map(side).collect(),
    };
    let tensors = parameters.floats.iter().map(float).chain(parameters.numbers.iter().map(number));
    let graph = Graph {
        name: parameters.name.clone(),
        nodes: parameters.nodes.iter().map(node).collect(),
        tensors: tensors.collect(),
        inputs: vec![value("photos", Element::Uint8)],
        outputs: vec![value("logits", Element::Float)],
    };
    let (doc, notes) = (parameters.doc.clone(), parameters.notes.clone());
    Model { producer: "fuzz", producer_version: "0", doc, graph, notes }
}

/// A field of a message: its number and what it holds.
enum Field<'a> {
    Number(u64, u64),
    Bytes(u64, &'a [u8]),
}

/// The fields of a message; none where it is no message.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let begin = varint(&mut bytes)?;
        fields.push(match begin & 7 {
            0 => Field::Number(begin >> 3, varint(&mut bytes)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Field::Bytes(begin >> 3, value)
            }
            _ => return None,
        });
    }
    Some(fields)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn all<'a>(fields: &'a [Field<'a>], wanted: u64) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter_map(move |field| match field {
        Field::Bytes(number, bytes) if *number == wanted => Some(*bytes),
        _ => None,
    })
}

fn one<'a>(fields: &'a [Field<'a>], wanted: u64) -> &'a [u8] {
    let mut found = all(fields, wanted);
    let one = found.next().expect("a field");
    assert!(found.next().is_none());
    one
}

fn ints<'a>(fields: &'a [Field<'a>], wanted: u64) -> impl Iterator<Item = i64> {
    fields.iter().filter_map(move |field| match field {
        Field::Number(number, value) if *number == wanted => Some(value.cast_signed()),
        _ => None,
    })
}
