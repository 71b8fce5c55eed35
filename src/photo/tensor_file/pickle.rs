//! The few pickle instructions that describe a tensor.
//!
//! Instructions and their arguments as in CPython's `Lib/pickletools.py`, protocols 2 to 5. Nothing is ever called:
//! the only names known are those in [`Global::of`], and their meaning is built in.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::error::{Context, Error, Result};

/// A tensor takes about fifty. The bound also keeps nested tuples shallow.
const MAX_INSTRUCTIONS: usize = 1000;

/// How a tensor lies in its storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Which entry holds the numbers.
    pub(super) key: String,
    pub(super) element: Element,
    /// Elements in the storage.
    pub(super) stored: usize,
    /// Index of the first element.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// Elements from one index to the next, for each dimension.
    pub(super) strides: Vec<usize>,
}

/// The kinds of number that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Half,
    Float,
    Double,
}

/// Reads the description of one tensor.
///
/// # Errors
/// Anything but one tensor, and any name that a tensor does not need, which is given.
pub(super) fn read(bytes: &[u8]) -> Result<Layout> {
    let mut machine = Machine { input: bytes, stack: Vec::new(), memo: BTreeMap::new() };
    for _ in 0..MAX_INSTRUCTIONS {
        if machine.step()? {
            return match machine.pop()? {
                Value::Tensor(layout) => Ok((*layout).clone()),
                _ => Err(not_one_tensor()),
            };
        }
    }
    Err(not_one_tensor())
}

/// What stands on the stack. Cloning is cheap, so that a pickle cannot make a small file grow.
#[derive(Clone)]
enum Value {
    Mark,
    None,
    Bool,
    Int(i64),
    Text(Rc<str>),
    Tuple(Rc<[Value]>),
    Dictionary,
    Global(Global),
    Storage(Rc<Storage>),
    Tensor(Rc<Layout>),
}

#[derive(Clone, Copy)]
enum Global {
    RebuildTensor,
    OrderedDict,
    Storage(Element),
}

struct Storage {
    element: Element,
    key: String,
    stored: usize,
}

impl Global {
    fn of(module: &str, name: &str) -> Result<Self> {
        Ok(match (module, name) {
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch", "HalfStorage") => Self::Storage(Element::Half),
            ("torch", "FloatStorage") => Self::Storage(Element::Float),
            ("torch", "DoubleStorage") => Self::Storage(Element::Double),
            _ => {
                let shown: String = format!("{module}.{name}").chars().filter(|c| !c.is_control()).take(100).collect();
                return Err(Error::new(format!("the tensor file asks for {shown}, which is not allowed"))
                    .hint("save a plain tensor of float32 values with torch.save"));
            }
        })
    }
}

struct Machine<'a> {
    input: &'a [u8],
    stack: Vec<Value>,
    memo: BTreeMap<u32, Value>,
}

impl<'a> Machine<'a> {
    /// Carries out one instruction; true at the end of the pickle.
    fn step(&mut self) -> Result<bool> {
        let [instruction] = self.take_array()?;
        match instruction {
            0x80 => self.protocol()?,                    // PROTO
            0x95 => self.skip(8)?,                       // FRAME
            b'.' => return Ok(true),                     // STOP
            b'(' => self.stack.push(Value::Mark),        // MARK
            b'N' => self.stack.push(Value::None),        // NONE
            0x88 | 0x89 => self.stack.push(Value::Bool), // NEWTRUE, NEWFALSE
            b'}' => self.stack.push(Value::Dictionary),  // EMPTY_DICT
            b'K' | b'M' | b'J' | 0x8a => self.integer(instruction)?,
            b'X' | 0x8c => self.text(instruction)?,
            b')' | 0x85..=0x87 | b't' => self.tuple(instruction)?,
            b'q' | b'r' | 0x94 => self.remember(instruction)?,
            b'h' | b'j' => self.recall(instruction)?,
            b'c' | 0x93 => self.global(instruction)?,
            b'Q' => self.storage()?, // BINPERSID
            b'R' => self.call()?,    // REDUCE
            // SETITEM(S), APPEND(S), EMPTY_LIST, BUILD: dictionaries, lists and objects.
            b's' | b'u' | b'a' | b'e' | b']' | b'b' => return Err(not_one_tensor()),
            other => return Err(damaged(&format!("unknown instruction {other:#04x}"))),
        }
        Ok(false)
    }

    fn protocol(&mut self) -> Result<()> {
        match self.take_array()? {
            [2..=5] => Ok(()),
            [other] => Err(damaged(&format!("pickle protocol {other}"))),
        }
    }

    fn integer(&mut self, instruction: u8) -> Result<()> {
        let value = match instruction {
            b'K' => i64::from(u8::from_le_bytes(self.take_array()?)),
            b'M' => i64::from(u16::from_le_bytes(self.take_array()?)),
            b'J' => i64::from(i32::from_le_bytes(self.take_array()?)),
            // LONG1: a length, then that many bytes in two's complement.
            _ => {
                let [length] = self.take_array()?;
                let bytes = self.take(length.into())?;
                if bytes.len() > 8 {
                    return Err(damaged("a number that is too large"));
                }
                let filling = if bytes.last().is_some_and(|high| high & 0x80 != 0) { 0xff } else { 0 };
                let mut wide = [filling; 8];
                wide[..bytes.len()].copy_from_slice(bytes);
                i64::from_le_bytes(wide)
            }
        };
        self.stack.push(Value::Int(value));
        Ok(())
    }

    /// BINUNICODE and SHORT_BINUNICODE.
    fn text(&mut self, instruction: u8) -> Result<()> {
        let length = match instruction {
            b'X' => u32::from_le_bytes(self.take_array()?),
            _ => u8::from_le_bytes(self.take_array()?).into(),
        };
        let bytes = self.take(length as usize)?;
        let text = std::str::from_utf8(bytes).map_err(|_| damaged("text that is not UTF-8"))?;
        self.stack.push(Value::Text(text.into()));
        Ok(())
    }

    /// EMPTY_TUPLE, TUPLE1 to TUPLE3, and TUPLE, which reaches down to the last mark.
    fn tuple(&mut self, instruction: u8) -> Result<()> {
        let start = match instruction {
            b')' => Some(self.stack.len()),
            b't' => self.stack.iter().rposition(|value| matches!(value, Value::Mark)),
            _ => self.stack.len().checked_sub(usize::from(instruction - 0x84)),
        };
        let start = start.ok_or_else(|| damaged("a tuple without its values"))?;
        let mut values = self.stack.split_off(start);
        if instruction == b't' {
            values.remove(0);
        }
        self.stack.push(Value::Tuple(values.into()));
        Ok(())
    }

    /// BINPUT, LONG_BINPUT, MEMOIZE.
    fn remember(&mut self, instruction: u8) -> Result<()> {
        let slot = match instruction {
            b'q' => u8::from_le_bytes(self.take_array()?).into(),
            b'r' => u32::from_le_bytes(self.take_array()?),
            _ => u32::try_from(self.memo.len()).context("too many values")?,
        };
        let value = self.stack.last().ok_or_else(|| damaged("nothing to remember"))?;
        self.memo.insert(slot, value.clone());
        Ok(())
    }

    /// BINGET, LONG_BINGET.
    fn recall(&mut self, instruction: u8) -> Result<()> {
        let slot = match instruction {
            b'h' => u8::from_le_bytes(self.take_array()?).into(),
            _ => u32::from_le_bytes(self.take_array()?),
        };
        let value = self.memo.get(&slot).ok_or_else(|| damaged("a value that was never remembered"))?;
        self.stack.push(value.clone());
        Ok(())
    }

    /// GLOBAL, whose names stand on two lines, and STACK_GLOBAL, whose names stand on the stack.
    fn global(&mut self, instruction: u8) -> Result<()> {
        let global = if instruction == b'c' {
            let module = self.line()?;
            let name = self.line()?;
            Global::of(&module, &name)?
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            let (Value::Text(module), Value::Text(name)) = (module, name) else {
                return Err(damaged("a name that is not text"));
            };
            Global::of(&module, &name)?
        };
        self.stack.push(Value::Global(global));
        Ok(())
    }

    /// `("storage", type, key, device, elements)`.
    fn storage(&mut self) -> Result<()> {
        let unknown = || damaged("an unknown kind of storage");
        let Value::Tuple(fields) = self.pop()? else { return Err(unknown()) };
        let [Value::Text(tag), Value::Global(Global::Storage(element)), Value::Text(key), Value::Text(_), stored] =
            &*fields
        else {
            return Err(unknown());
        };
        if **tag != *"storage" {
            return Err(unknown());
        }
        let (key, stored) = (key.to_string(), length(stored)?);
        self.stack.push(Value::Storage(Rc::new(Storage { element: *element, key, stored })));
        Ok(())
    }

    /// Stands for a call, of the two things that a tensor needs: an empty dictionary, and the tensor.
    fn call(&mut self) -> Result<()> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let (Value::Global(global), Value::Tuple(arguments)) = (callee, arguments) else {
            return Err(damaged("a call of something that is no function"));
        };
        self.stack.push(match (global, &*arguments) {
            (Global::OrderedDict, []) => Value::Dictionary,
            (Global::RebuildTensor, arguments) => Value::Tensor(Rc::new(layout(arguments)?)),
            _ => return Err(damaged("a call with unexpected arguments")),
        });
        Ok(())
    }

    fn pop(&mut self) -> Result<Value> {
        self.stack.pop().ok_or_else(|| damaged("a value is missing"))
    }

    fn line(&mut self) -> Result<String> {
        let end = self.input.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("it ends early"))?;
        let line = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.skip(1)?;
        Ok(line)
    }

    fn skip(&mut self, count: usize) -> Result<()> {
        self.take(count).map(drop)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.input.split_at_checked(count).ok_or_else(|| damaged("it ends early"))?;
        self.input = rest;
        Ok(taken)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.input.split_first_chunk::<N>().ok_or_else(|| damaged("it ends early"))?;
        self.input = rest;
        Ok(*taken)
    }
}

/// `(storage, offset, shape, strides, requires_grad, hooks)`, and in newer files metadata.
fn layout(arguments: &[Value]) -> Result<Layout> {
    let [Value::Storage(storage), offset, Value::Tuple(shape), Value::Tuple(strides), ..] = arguments else {
        return Err(damaged("a tensor with unexpected arguments"));
    };
    if shape.len() != strides.len() || shape.len() > 8 {
        return Err(damaged("a tensor of unexpected dimensions"));
    }
    Ok(Layout {
        key: storage.key.clone(),
        element: storage.element,
        stored: storage.stored,
        offset: length(offset)?,
        shape: shape.iter().map(length).collect::<Result<_>>()?,
        strides: strides.iter().map(length).collect::<Result<_>>()?,
    })
}

fn length(value: &Value) -> Result<usize> {
    let Value::Int(value) = value else { return Err(damaged("a length that is not a number")) };
    usize::try_from(*value).map_err(|_| damaged("a negative length"))
}

fn damaged(what: &str) -> Error {
    Error::new(format!("damaged tensor file: {what}"))
}

fn not_one_tensor() -> Error {
    Error::new("the file holds something else than one tensor").hint("save each tensor on its own with torch.save")
}
