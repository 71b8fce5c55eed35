//! From the description of a network to a graph of ONNX's operators.

use super::Input;
use super::message::{Attribute, Dimension, Element, Graph, Node, Tensor, Value, Values};
use crate::error::Result;
use crate::nn::architecture::{Activation, Block, ConvSpec, Shortcut};
use crate::nn::portable::{Layer, PortableModel};
use crate::photo::{INPUT_SIZE, MEAN, STD};

/// The names of what goes in and what comes out.
const PHOTOS: &str = "photos";
const LOGITS: &str = "logits";
const P_POSITIVE: &str = "p_positive";
/// Where the bounds of Clip stand.
const CLIP: [&str; 2] = ["clip.min", "clip.max"];

/// The graph of a model with its tensors.
///
/// # Errors
/// Where the model lacks a tensor.
pub(super) fn of(model: &PortableModel, input: Input) -> Result<Graph> {
    let architecture = model.backbone().architecture();
    let mut builder = Builder { model, graph: Graph { name: model.backbone().name().to_owned(), ..Graph::default() } };
    let photos = builder.input(input);
    let mut maps = builder.layer(&architecture.stem, &photos)?;
    if architecture.max_pool {
        let window = vec![ints("kernel_shape", [3, 3]), ints("pads", [1; 4]), ints("strides", [2, 2])];
        maps = builder.node("MaxPool", "maxpool", &[&maps], window);
    }
    for block in &architecture.blocks {
        maps = builder.block(block, &maps)?;
    }
    builder.head(&maps)?;
    Ok(builder.graph)
}

/// A graph that grows node by node. What comes out of a node has the node's name.
struct Builder<'a> {
    model: &'a PortableModel,
    graph: Graph,
}

impl Builder<'_> {
    /// What goes in, as the stem takes it.
    fn input(&mut self, input: Input) -> String {
        let element = match input {
            Input::Normalised => Element::Float,
            Input::Pixels => Element::Uint8,
        };
        let shape = vec![batch(), Dimension::Fixed(3), Dimension::Fixed(INPUT_SIZE), Dimension::Fixed(INPUT_SIZE)];
        self.graph.inputs.push(Value { name: PHOTOS, doc: input.describe(), element, shape });
        match input {
            Input::Normalised => PHOTOS.to_owned(),
            Input::Pixels => self.normalised(),
        }
    }

    /// (value / 255 − mean) / std, in two steps.
    fn normalised(&mut self) -> String {
        let real = self.node("Cast", "photos.float", &[PHOTOS], vec![("to", Attribute::Int(Element::Float as i64))]);
        let mean = self.floats("photos.mean", &[3, 1, 1], MEAN.map(|mean| 255.0 * mean).to_vec());
        let std = self.floats("photos.std", &[3, 1, 1], STD.map(|std| 255.0 * std).to_vec());
        let centred = self.node("Sub", "photos.centred", &[&real, &mean], vec![]);
        self.node("Div", "photos.normalised", &[&centred, &std], vec![])
    }

    /// A convolution with its activation.
    fn layer(&mut self, spec: &ConvSpec, maps: &str) -> Result<String> {
        let convolved = self.convolution(spec, maps)?;
        Ok(self.activation(&spec.conv, spec.activation, convolved))
    }

    /// A convolution with the batch norm that follows it.
    fn convolution(&mut self, spec: &ConvSpec, maps: &str) -> Result<String> {
        let Layer { weight, bias } = self.model.convolution(spec)?;
        let weight = self.floats(&format!("{}.weight", spec.conv), &spec.kernel_shape(), weight);
        let bias = self.floats(&format!("{}.bias", spec.conv), &[spec.outputs], bias);
        let (kernel, stride) = (spec.kernel as i64, spec.stride as i64);
        let attributes = vec![
            ("group", Attribute::Int(if spec.depthwise { spec.inputs as i64 } else { 1 })),
            ints("kernel_shape", [kernel; 2]),
            ints("pads", [kernel / 2; 4]),
            ints("strides", [stride; 2]),
        ];
        Ok(self.node("Conv", &spec.conv, &[maps, &weight, &bias], attributes))
    }

    /// Convolutions with a way around; the last activation comes after the two are added.
    fn block(&mut self, block: &Block, maps: &str) -> Result<String> {
        let around = match &block.shortcut {
            Shortcut::None => None,
            Shortcut::Identity => Some(maps.to_owned()),
            Shortcut::Projection(spec) => Some(self.convolution(spec, maps)?),
        };
        let mut path = maps.to_owned();
        let inner = block.path.len().saturating_sub(1);
        for spec in block.path.iter().take(inner) {
            path = self.layer(spec, &path)?;
        }
        for spec in block.path.iter().skip(inner) {
            path = self.convolution(spec, &path)?;
        }
        if let Some(around) = around {
            path = self.node("Add", &format!("{}.add", block.name), &[&path, &around], vec![]);
        }
        Ok(self.activation(&block.name, block.activation(), path))
    }

    fn activation(&mut self, of: &str, activation: Activation, maps: String) -> String {
        match activation {
            Activation::Linear => maps,
            Activation::Relu => self.node("Relu", &format!("{of}.relu"), &[&maps], vec![]),
            Activation::Relu6 => {
                let [min, max] = self.clip_bounds();
                self.node("Clip", &format!("{of}.relu6"), &[&maps, min, max], vec![])
            }
        }
    }

    /// The bounds of ReLU6, shared by all of them.
    fn clip_bounds(&mut self) -> [&'static str; 2] {
        if !self.graph.tensors.iter().any(|tensor| tensor.name == CLIP[0]) {
            for (name, bound) in CLIP.into_iter().zip([0.0, 6.0]) {
                self.floats(name, &[], vec![bound]);
            }
        }
        CLIP
    }

    /// The mean of each map, the last layer, and what comes out.
    fn head(&mut self, maps: &str) -> Result<()> {
        let Layer { weight, bias } = self.model.head()?;
        let backbone = self.model.backbone();
        let means = self.node("GlobalAveragePool", "avgpool", &[maps], vec![]);
        let features = self.node("Flatten", "features", &[&means], vec![("axis", Attribute::Int(1))]);
        let weight = self.floats(&format!("{}.weight", backbone.head()), &[2, backbone.features()], weight);
        let bias = self.floats(&format!("{}.bias", backbone.head()), &[2], bias);
        let logits = self.node("Gemm", LOGITS, &[&features, &weight, &bias], vec![("transB", Attribute::Int(1))]);
        let probabilities = self.node("Softmax", "probabilities", &[&logits], vec![("axis", Attribute::Int(1))]);
        let positive = self.tensor("positive", &[], Values::Int64(vec![1]));
        self.node("Gather", P_POSITIVE, &[&probabilities, &positive], vec![("axis", Attribute::Int(1))]);
        let output = |name, doc: &str, shape| Value { name, doc: doc.to_owned(), element: Element::Float, shape };
        self.graph.outputs = vec![
            output(LOGITS, "Of intact (Negative) and cracked (Positive).", vec![batch(), Dimension::Fixed(2)]),
            output(P_POSITIVE, "The probability of being cracked, 0 to 1.", vec![batch()]),
        ];
        Ok(())
    }

    fn node(
        &mut self,
        operator: &'static str,
        name: &str,
        inputs: &[&str],
        attributes: Vec<(&'static str, Attribute)>,
    ) -> String {
        let inputs = inputs.iter().map(|&input| input.to_owned()).collect();
        self.graph.nodes.push(Node { operator, name: name.to_owned(), inputs, output: name.to_owned(), attributes });
        name.to_owned()
    }

    fn floats(&mut self, name: &str, shape: &[usize], values: Vec<f32>) -> String {
        self.tensor(name, shape, Values::Float(values))
    }

    fn tensor(&mut self, name: &str, shape: &[usize], values: Values) -> String {
        self.graph.tensors.push(Tensor { name: name.to_owned(), shape: shape.to_vec(), values });
        name.to_owned()
    }
}

/// The number of photos, which is free.
fn batch() -> Dimension {
    Dimension::Any("N")
}

fn ints<const N: usize>(name: &'static str, values: [i64; N]) -> (&'static str, Attribute) {
    (name, Attribute::Ints(values.to_vec()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::export::onnx;
    use crate::nn::architecture::Backbone;

    const INPUTS: [Input; 2] = [Input::Normalised, Input::Pixels];

    fn graphs() -> Vec<Graph> {
        let models = [Backbone::Resnet18, Backbone::MobilenetV2].map(PortableModel::untrained);
        models.iter().flat_map(|model| INPUTS.map(|input| of(model, input).unwrap())).collect()
    }

    #[test]
    fn every_node_comes_after_what_it_needs() {
        for graph in graphs() {
            let mut known: HashSet<&str> = graph.inputs.iter().map(|input| input.name).collect();
            known.extend(graph.tensors.iter().map(|tensor| tensor.name.as_str()));
            for node in &graph.nodes {
                for input in &node.inputs {
                    assert!(known.contains(input.as_str()), "{} needs {input}", node.name);
                }
                assert!(known.insert(&node.output), "{} is made twice", node.output);
            }
            assert!(graph.outputs.iter().all(|output| known.contains(output.name)));
        }
    }

    #[test]
    fn everything_is_used_and_named_once() {
        for graph in graphs() {
            let used: HashSet<&str> =
                graph.nodes.iter().flat_map(|node| node.inputs.iter().map(String::as_str)).collect();
            let outputs: HashSet<&str> = graph.outputs.iter().map(|output| output.name).collect();
            let names: HashSet<&str> = graph.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
            assert_eq!(names.len(), graph.tensors.len());
            assert!(names.is_subset(&used), "{:?}", names.difference(&used));
            assert!(graph.inputs.iter().all(|input| used.contains(input.name)));
            let idle =
                graph.nodes.iter().find(|n| !used.contains(n.output.as_str()) && !outputs.contains(n.output.as_str()));
            assert!(idle.is_none(), "{idle:?}");
        }
    }

    #[test]
    fn tensors_have_as_many_values_as_their_shape_says() {
        for graph in graphs() {
            for tensor in &graph.tensors {
                let count = match &tensor.values {
                    Values::Float(values) => values.len(),
                    Values::Int64(values) => values.len(),
                };
                assert_eq!(count, tensor.shape.iter().product::<usize>(), "{}", tensor.name);
            }
        }
    }

    #[test]
    fn the_same_model_gives_the_same_bytes() {
        let model = PortableModel::untrained(Backbone::MobilenetV2);
        let [normalised, pixels] = INPUTS.map(|input| onnx::to_bytes(&model, input).unwrap());
        assert_eq!(
            onnx::to_bytes(&PortableModel::untrained(Backbone::MobilenetV2), Input::Normalised).unwrap(),
            normalised
        );
        assert_ne!(pixels, normalised);
    }
}
