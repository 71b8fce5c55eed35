//! The few pickle instructions that describe tensors.
//!
//! Instructions and their arguments as in CPython's `Lib/pickletools.py`, protocols 2 to 5. Nothing is ever called:
//! the only names known are those in [`Global::of`], and their meaning is built in.

mod value;

use std::collections::BTreeMap;
use std::rc::Rc;

pub(super) use self::value::{Element, Layout, Storage, Value};
use self::value::{Global, Items, layout, length};
use crate::error::{Context, Error, Result};

/// Values that are copied while lists and dictionaries grow. PyTorch adds a thousand at a time.
const MOST_COPIED: usize = 1 << 22;

/// What a pickle is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// One tensor, alone or beside its label: whatever else is asked for is refused.
    Picture,
    /// Tensors by name. What else is there is passed over, and nothing of it is called.
    Weights,
}

impl Scope {
    /// A tensor takes about fifty. Weights are bounded by the length of their pickle.
    fn most_instructions(self) -> usize {
        match self {
            Self::Picture => 1000,
            Self::Weights => usize::MAX,
        }
    }
}

/// Reads one pickle from the front of `input`, which is left at what follows it.
///
/// # Errors
/// It is damaged, or uses an instruction or a name that no tensor needs; the name is given.
pub(super) fn read<'a>(input: &mut &'a [u8], scope: Scope) -> Result<Value> {
    let mut machine: Machine<'a> = Machine { input, scope, stack: Vec::new(), memo: BTreeMap::new(), copied: 0 };
    for _ in 0..scope.most_instructions() {
        if machine.step()? {
            let value = machine.pop()?;
            *input = machine.input;
            return Ok(value);
        }
    }
    Err(Error::new("the file holds more than one tensor").hint(value::ONE_TENSOR))
}

struct Machine<'a> {
    input: &'a [u8],
    scope: Scope,
    stack: Vec<Value>,
    memo: BTreeMap<u32, Value>,
    /// Values copied so far.
    copied: usize,
}

impl<'a> Machine<'a> {
    /// Carries out one instruction; true at the end of the pickle.
    fn step(&mut self) -> Result<bool> {
        let [instruction] = self.take_array()?;
        match instruction {
            0x80 => self.protocol()?,                                         // PROTO
            0x95 => self.skip(8)?,                                            // FRAME
            b'.' => return Ok(true),                                          // STOP
            b'(' => self.stack.push(Value::Mark),                             // MARK
            b'N' => self.stack.push(Value::None),                             // NONE
            0x88 | 0x89 => self.stack.push(Value::Bool(instruction == 0x88)), // NEWTRUE, NEWFALSE
            b'}' => self.stack.push(Value::Dictionary(Items::default())),     // EMPTY_DICT
            b']' => self.stack.push(Value::List(Items::default())),           // EMPTY_LIST
            b's' | b'u' | b'a' | b'e' => self.extend(instruction)?,
            b'G' => self.float()?,
            b'K' | b'M' | b'J' | 0x8a => self.integer(instruction)?,
            b'X' | b'U' | 0x8c => self.text(instruction)?,
            b')' | 0x85..=0x87 | b't' => self.tuple(instruction)?,
            b'q' | b'r' | 0x94 => self.remember(instruction)?,
            b'h' | b'j' => self.recall(instruction)?,
            b'c' | 0x93 => self.global(instruction)?,
            b'Q' => self.storage()?,                              // BINPERSID
            b'R' => self.call()?,                                 // REDUCE
            0x81 if self.scope == Scope::Weights => self.call()?, // NEWOBJ: of what is not known
            b'b' => drop(self.pop()?),                            // BUILD: what a dictionary of weights notes of itself
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

    /// BINFLOAT, whose highest byte comes first.
    fn float(&mut self) -> Result<()> {
        let value = f64::from_be_bytes(self.take_array()?);
        self.stack.push(Value::Float(value));
        Ok(())
    }

    /// BINUNICODE, SHORT_BINUNICODE, and Python 2's SHORT_BINSTRING.
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
        let values = match instruction {
            b')' => Vec::new(),
            b't' => self.since_mark()?,
            _ => self.topmost(usize::from(instruction - 0x84))?,
        };
        self.stack.push(Value::Tuple(Items::of(values)?));
        Ok(())
    }

    /// SETITEM, SETITEMS, APPEND, APPENDS: adds to the dictionary or list below what is added.
    fn extend(&mut self, instruction: u8) -> Result<()> {
        let more = match instruction {
            b's' => self.topmost(2)?,
            b'a' => self.topmost(1)?,
            _ => self.since_mark()?,
        };
        let extended = match self.pop()? {
            Value::Dictionary(items) => Value::Dictionary(self.longer(&items, more)?),
            Value::List(items) => Value::List(self.longer(&items, more)?),
            Value::Unknown => Value::Unknown,
            _ => return Err(damaged("values added to what holds none")),
        };
        self.stack.push(extended);
        Ok(())
    }

    /// The values with more behind them. They are copied, since others may remember them as they were.
    fn longer(&mut self, items: &Items, more: Vec<Value>) -> Result<Items> {
        self.copied += items.len() + more.len();
        if self.copied > MOST_COPIED {
            return Err(damaged("too many values"));
        }
        Items::of(items.iter().cloned().chain(more))
    }

    /// Takes what stands above the last mark, and the mark.
    fn since_mark(&mut self) -> Result<Vec<Value>> {
        let mark = self.stack.iter().rposition(|value| matches!(value, Value::Mark));
        let values = self.topmost(self.stack.len() - mark.map_or(0, |mark| mark + 1))?;
        match self.stack.pop() {
            Some(Value::Mark) => Ok(values),
            _ => Err(damaged("a mark is missing")),
        }
    }

    fn topmost(&mut self, count: usize) -> Result<Vec<Value>> {
        let start = self.stack.len().checked_sub(count).ok_or_else(|| damaged("a value is missing"))?;
        Ok(self.stack.split_off(start))
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
            Global::of(&module, &name, self.scope)?
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            let (Value::Text(module), Value::Text(name)) = (module, name) else {
                return Err(damaged("a name that is not text"));
            };
            Global::of(&module, &name, self.scope)?
        };
        self.stack.push(Value::Global(global));
        Ok(())
    }

    /// `("storage", type, key, device, elements)`, and in files from before PyTorch 1.6 the part of it that is meant:
    /// `None`, or views, which went out of use long before.
    fn storage(&mut self) -> Result<()> {
        let unknown = || damaged("an unknown kind of storage");
        let Value::Tuple(fields) = self.pop()? else { return Err(unknown()) };
        let [
            Value::Text(tag),
            Value::Global(Global::Storage(element)),
            Value::Text(key),
            Value::Text(_),
            stored,
            rest @ ..,
        ] = &*fields
        else {
            if self.scope == Scope::Weights && matches!(&*fields, [_, Value::Global(Global::Unknown), ..]) {
                self.stack.push(Value::Unknown);
                return Ok(());
            }
            return Err(unknown());
        };
        if !matches!(rest, [] | [Value::None]) {
            return Err(unknown());
        }
        if **tag != *"storage" {
            return Err(unknown());
        }
        let (key, stored) = (key.to_string(), length(stored)?);
        self.stack.push(Value::Storage(Rc::new(Storage { element: *element, key, stored })));
        Ok(())
    }

    /// Stands for a call, of the few things that tensors need: an empty dictionary, and the tensor.
    fn call(&mut self) -> Result<()> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let made = match (callee, arguments) {
            (Value::Global(global), Value::Tuple(arguments)) => self.made(global, &arguments)?,
            (Value::Unknown, _) => Value::Unknown,
            _ => return Err(damaged("a call of something that is no function")),
        };
        self.stack.push(made);
        Ok(())
    }

    fn made(&self, global: Global, arguments: &[Value]) -> Result<Value> {
        let of_weights = self.scope == Scope::Weights;
        Ok(match (global, arguments) {
            (Global::OrderedDict, []) => Value::Dictionary(Items::default()),
            (Global::RebuildTensor, [Value::Unknown, ..]) if of_weights => Value::Unknown,
            (Global::RebuildTensor, arguments) => Value::Tensor(Rc::new(layout(arguments)?)),
            (Global::RebuildParameter, [tensor @ Value::Tensor(_), ..]) => tensor.clone(),
            (Global::Unknown | Global::RebuildParameter | Global::OrderedDict, _) if of_weights => Value::Unknown,
            _ => return Err(damaged("a call with unexpected arguments")),
        })
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

fn damaged(what: &str) -> Error {
    Error::new(format!("damaged tensor file: {what}"))
}
