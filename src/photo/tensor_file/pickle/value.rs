//! What a pickle of tensors is made of.

use std::ops::Deref;
use std::rc::Rc;

use super::{Scope, damaged};
use crate::error::{Error, Result};

/// What to do with a file that holds anything else.
pub(super) const ONE_TENSOR: &str = "save each picture on its own: torch.save(picture.clone(), \"1.pt\")";

/// A value. Cloning is cheap, so that a pickle cannot make a small file grow.
#[derive(Clone)]
pub(in crate::photo::tensor_file) enum Value {
    Mark,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    Tuple(Items),
    List(Items),
    /// Keys and values in turn.
    Dictionary(Items),
    Global(Global),
    Storage(Rc<Storage>),
    Tensor(Rc<Layout>),
    /// What weights do not need, such as the state of an optimiser: known to be there, and no more.
    Unknown,
}

/// The values of a tuple, list or dictionary.
#[derive(Clone, Default)]
pub(in crate::photo::tensor_file) struct Items {
    values: Rc<[Value]>,
    /// How many of them lie within each other.
    depth: u16,
}

/// Values that lie deeper within each other than this are no tensors, and letting go of them would take a stack as deep.
const DEEPEST: u16 = 1000;

impl Items {
    pub(super) fn of(values: impl IntoIterator<Item = Value>) -> Result<Self> {
        let values: Rc<[Value]> = values.into_iter().collect();
        let depth = values.iter().map(Value::depth).max().unwrap_or(0) + 1;
        if depth > DEEPEST {
            return Err(damaged("values that lie too deep within each other"));
        }
        Ok(Self { values, depth })
    }
}

impl Deref for Items {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.values
    }
}

/// The numbers that one or more tensors refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::photo::tensor_file) struct Storage {
    pub(in crate::photo::tensor_file) element: Element,
    /// Which of the file's storages it is.
    pub(in crate::photo::tensor_file) key: String,
    /// Elements in it.
    pub(in crate::photo::tensor_file) stored: usize,
}

/// How a tensor lies in its storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::photo::tensor_file) struct Layout {
    pub(in crate::photo::tensor_file) storage: Rc<Storage>,
    /// Index of the first element.
    pub(in crate::photo::tensor_file) offset: usize,
    pub(in crate::photo::tensor_file) shape: Vec<usize>,
    /// Elements from one index to the next, for each dimension.
    pub(in crate::photo::tensor_file) strides: Vec<usize>,
}

/// The kinds of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::photo::tensor_file) enum Element {
    Half,
    /// The upper half of single precision: bfloat16.
    Brain,
    Float,
    Double,
    /// Levels from 0 to 255.
    Byte,
    /// Signed, of so many bytes: labels, and never pictures.
    Integer(usize),
}

impl Element {
    /// Bytes of one number.
    pub(in crate::photo::tensor_file) fn bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Half | Self::Brain => 2,
            Self::Float => 4,
            Self::Double => 8,
            Self::Integer(bytes) => bytes,
        }
    }
}

/// The names that a tensor needs.
#[derive(Clone, Copy)]
pub(in crate::photo::tensor_file) enum Global {
    RebuildTensor,
    /// Its first argument is the tensor.
    RebuildParameter,
    OrderedDict,
    Storage(Element),
    /// Another one, which is never called.
    Unknown,
}

impl Global {
    pub(super) fn of(module: &str, name: &str, scope: Scope) -> Result<Self> {
        Ok(match (module, name) {
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") if scope == Scope::Weights => Self::RebuildParameter,
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch", "HalfStorage") => Self::Storage(Element::Half),
            ("torch", "BFloat16Storage") => Self::Storage(Element::Brain),
            ("torch", "FloatStorage") => Self::Storage(Element::Float),
            ("torch", "DoubleStorage") => Self::Storage(Element::Double),
            ("torch", "ByteStorage") => Self::Storage(Element::Byte),
            ("torch", "BoolStorage" | "CharStorage") => Self::Storage(Element::Integer(1)),
            ("torch", "ShortStorage") => Self::Storage(Element::Integer(2)),
            ("torch", "IntStorage") => Self::Storage(Element::Integer(4)),
            ("torch", "LongStorage") => Self::Storage(Element::Integer(8)),
            _ if scope == Scope::Weights => Self::Unknown,
            _ => {
                let shown: String = format!("{module}.{name}").chars().filter(|c| !c.is_control()).take(100).collect();
                return Err(Error::new(format!("the tensor file asks for {shown}, which is not allowed"))
                    .hint("save a plain tensor of float32 values with torch.save"));
            }
        })
    }
}

impl Value {
    /// The one picture in a file: a tensor, alone or beside its label, as in `(picture, label)`.
    ///
    /// # Errors
    /// What it is instead.
    pub(in crate::photo::tensor_file) fn into_picture(self) -> Result<Rc<Layout>> {
        let what = match &self {
            Self::Tensor(layout) => return Ok(Rc::clone(layout)),
            Self::Tuple(values) | Self::List(values) => match &**values {
                [Self::Tensor(layout)] => return Ok(Rc::clone(layout)),
                [Self::Tensor(layout), label] if label.is_label() => return Ok(Rc::clone(layout)),
                values => match values.iter().filter(|value| matches!(value, Self::Tensor(_))).count() {
                    0 => "a list without a tensor".to_owned(),
                    n => format!("a list of {} values, {n} of them tensors", values.len()),
                },
            },
            Self::Dictionary(_) => "a dictionary, such as a model's weights".to_owned(),
            _ => "something else".to_owned(),
        };
        Err(Error::new(format!("the file holds {what}, not one tensor")).hint(ONE_TENSOR))
    }

    /// The tensors in a dictionary, by name; those under its key `state_dict` where it has none of its own, as training
    /// scripts leave them beside their own state.
    pub(in crate::photo::tensor_file) fn named_tensors(&self) -> Vec<(Rc<str>, Rc<Layout>)> {
        let Self::Dictionary(items) = self else { return Vec::new() };
        let own = items.as_chunks().0.iter().filter_map(|[key, value]| match (key, value) {
            (Self::Text(name), Self::Tensor(layout)) => Some((Rc::clone(name), Rc::clone(layout))),
            _ => None,
        });
        let own: Vec<_> = own.collect();
        let is_inner = |key: &Self| matches!(key, Self::Text(name) if **name == *"state_dict");
        match items.as_chunks().0.iter().find(|[key, _]| is_inner(key)) {
            Some([_, inner]) if own.is_empty() => inner.named_tensors(),
            _ => own,
        }
    }

    fn depth(&self) -> u16 {
        match self {
            Self::Tuple(items) | Self::List(items) | Self::Dictionary(items) => items.depth,
            _ => 0,
        }
    }

    /// Whether it can be the label of a picture, or of several: a number, a word, or numbers in a row.
    fn is_label(&self) -> bool {
        match self {
            Self::None | Self::Bool(_) | Self::Int(_) | Self::Text(_) => true,
            Self::Float(value) => value.is_finite(),
            Self::Tensor(layout) => layout.shape.len() <= 1,
            _ => false,
        }
    }
}

/// `(storage, offset, shape, strides, requires_grad, hooks)`, and in newer files metadata.
pub(super) fn layout(arguments: &[Value]) -> Result<Layout> {
    let [Value::Storage(storage), offset, Value::Tuple(shape), Value::Tuple(strides), ..] = arguments else {
        return Err(damaged("a tensor with unexpected arguments"));
    };
    if shape.len() != strides.len() || shape.len() > 8 {
        return Err(damaged("a tensor of unexpected dimensions"));
    }
    Ok(Layout {
        storage: Rc::clone(storage),
        offset: length(offset)?,
        shape: shape.iter().map(length).collect::<Result<_>>()?,
        strides: strides.iter().map(length).collect::<Result<_>>()?,
    })
}

pub(super) fn length(value: &Value) -> Result<usize> {
    let Value::Int(value) = value else { return Err(damaged("a length that is not a number")) };
    usize::try_from(*value).map_err(|_| damaged("a negative length"))
}
