//! The messages of `onnx.proto`, as far as they are in use: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

use std::collections::BTreeMap;

use crate::export::protobuf::Message;

/// The format: that of ONNX 1.8, which belongs to [`OPERATORS`].
const IR_VERSION: i64 = 7;
/// The set of operators: old enough for every runtime of today, and the first in which Softmax means one axis.
const OPERATORS: i64 = 13;

/// A model: its graph, and what it says of itself.
#[derive(Clone, Debug)]
pub struct Model {
    /// The program that wrote it.
    pub producer: &'static str,
    /// The program's version.
    pub producer_version: &'static str,
    /// What the model is, for people.
    pub doc: String,
    /// What it computes.
    pub graph: Graph,
    /// Free text by key.
    pub notes: BTreeMap<String, String>,
}

/// Nodes in an order in which each comes after those that it needs.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Its name.
    pub name: String,
    /// What it computes, in steps.
    pub nodes: Vec<Node>,
    /// Values that do not change.
    pub tensors: Vec<Tensor>,
    /// What goes in.
    pub inputs: Vec<Value>,
    /// What comes out.
    pub outputs: Vec<Value>,
}

/// One operator at work, with one output.
#[derive(Clone, Debug)]
pub struct Node {
    /// Which operator.
    pub operator: &'static str,
    /// Its name.
    pub name: String,
    /// The names of what goes in.
    pub inputs: Vec<String>,
    /// The name of what comes out.
    pub output: String,
    /// Settings by name.
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// A setting of an operator.
#[derive(Clone, Debug)]
pub enum Attribute {
    /// One number.
    Int(i64),
    /// Several.
    Ints(Vec<i64>),
}

/// A named tensor.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its shape; none for a single number.
    pub shape: Vec<usize>,
    /// Its values, the last dimension fastest.
    pub values: Values,
}

/// The values of a tensor.
#[derive(Clone, Debug)]
pub enum Values {
    /// In single precision.
    Float(Vec<f32>),
    /// Whole numbers.
    Int64(Vec<i64>),
}

/// An input or output.
#[derive(Clone, Debug)]
pub struct Value {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub doc: String,
    /// The type of its elements.
    pub element: Element,
    /// Its shape.
    pub shape: Vec<Dimension>,
}

/// The type of elements, by the numbers of `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Single precision.
    Float = 1,
    /// 0 to 255.
    Uint8 = 2,
    /// Whole numbers.
    Int64 = 7,
}

/// A dimension of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// So many.
    Fixed(usize),
    /// Any number, by a name.
    Any(&'static str),
}

impl Model {
    /// The bytes of a `.onnx` file: the same for the same model.
    pub fn to_bytes(&self) -> Vec<u8> {
        let operators = Message::default().int(2, OPERATORS);
        let note = |(key, value): (&String, &String)| Message::default().text(1, key).text(2, value);
        Message::default()
            .int(1, IR_VERSION)
            .text(2, self.producer)
            .text(3, self.producer_version)
            .text(6, &self.doc)
            .message(7, &self.graph.message())
            .message(8, &operators)
            .each(&self.notes, |model, entry| model.message(14, &note(entry)))
            .into_bytes()
    }
}

impl Graph {
    fn message(&self) -> Message {
        Message::default()
            .each(&self.nodes, |graph, node| graph.message(1, &node.message()))
            .text(2, &self.name)
            .each(&self.tensors, |graph, tensor| graph.message(5, &tensor.message()))
            .each(&self.inputs, |graph, value| graph.message(11, &value.message()))
            .each(&self.outputs, |graph, value| graph.message(12, &value.message()))
    }
}

impl Node {
    fn message(&self) -> Message {
        Message::default()
            .each(&self.inputs, |node, input| node.text(1, input))
            .text(2, &self.output)
            .text(3, &self.name)
            .text(4, self.operator)
            .each(&self.attributes, |node, (name, value)| node.message(5, &value.message(name)))
    }
}

impl Attribute {
    fn message(&self, name: &str) -> Message {
        const INT: i64 = 2;
        const INTS: i64 = 7;
        let attribute = Message::default().text(1, name);
        match self {
            Self::Int(value) => attribute.int(3, *value).int(20, INT),
            Self::Ints(values) => attribute.each(values, |attribute, value| attribute.int(8, *value)).int(20, INTS),
        }
    }
}

impl Tensor {
    fn message(&self) -> Message {
        let (element, bytes): (_, Vec<u8>) = match &self.values {
            Values::Float(values) => (Element::Float, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Values::Int64(values) => (Element::Int64, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        };
        Message::default()
            .each(&self.shape, |tensor, side| tensor.int(1, *side as i64))
            .int(2, element as i64)
            .text(8, &self.name)
            .bytes(9, &bytes)
    }
}

impl Value {
    fn message(&self) -> Message {
        let dimension = |dimension: &Dimension| match dimension {
            Dimension::Fixed(side) => Message::default().int(1, *side as i64),
            Dimension::Any(name) => Message::default().text(2, name),
        };
        let shape = Message::default().each(&self.shape, |shape, side| shape.message(1, &dimension(side)));
        let tensor = Message::default().int(1, self.element as i64).message(2, &shape);
        let kind = Message::default().message(1, &tensor);
        Message::default().text(1, self.name).message(2, &kind).text(3, &self.doc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `tests/data/make_onnx_case.py` makes of the same with the package `onnx`.
    const CASE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.onnx"));

    fn node(operator: &'static str, inputs: &[&str], output: &str, attributes: Vec<(&'static str, Attribute)>) -> Node {
        let inputs = inputs.iter().map(|&input| input.to_owned()).collect();
        Node { operator, name: format!("the {output}"), inputs, output: output.to_owned(), attributes }
    }

    #[test]
    fn a_small_model_has_the_bytes_that_the_onnx_package_gives_it() {
        let values = (0..8).map(|n| n as f32 / 4.0 - 1.0).collect();
        let value = |name, doc: &str, element, shape: &[Dimension]| Value {
            name,
            doc: doc.to_owned(),
            element,
            shape: shape.to_vec(),
        };
        use Dimension::{Any, Fixed};
        let graph = Graph {
            name: "tiny".to_owned(),
            nodes: vec![
                node("Cast", &["photos"], "real", vec![("to", Attribute::Int(1))]),
                node(
                    "Conv",
                    &["real", "kernel"],
                    "map",
                    vec![
                        ("group", Attribute::Int(1)),
                        ("pads", Attribute::Ints(vec![0, 0, 1, 1])),
                        ("strides", Attribute::Ints(vec![2, 2])),
                    ],
                ),
                node("Gather", &["map", "second"], "chosen", vec![("axis", Attribute::Int(-3))]),
            ],
            tensors: vec![
                Tensor { name: "kernel".to_owned(), shape: vec![2, 1, 2, 2], values: Values::Float(values) },
                Tensor { name: "second".to_owned(), shape: vec![], values: Values::Int64(vec![1]) },
            ],
            inputs: vec![value("photos", "Photos.", Element::Uint8, &[Any("N"), Fixed(1), Fixed(300), Fixed(4)])],
            outputs: vec![value("chosen", "One map.", Element::Float, &[Any("N"), Fixed(150), Fixed(2)])],
        };
        let notes = [("classes", "a,b"), ("threshold", "0.5")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let model =
            Model { producer: "me", producer_version: "0.1.0", doc: "Ärger — none".to_owned(), graph, notes };
        assert_eq!(model.to_bytes(), CASE);
    }
}
