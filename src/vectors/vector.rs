//! A vector: its elements, and the blob that libSQL stores for it.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::error::{MOST_DIMENSIONS, VectorError};
use super::float16::{bf16_from_f32, bf16_to_f32, f16_from_f32, f16_to_f32};
use super::{number, text};
use crate::value::Value;

/// The type of a vector's elements. The number is the last byte of the blob, and the one in libSQL's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ElementType {
    /// 32-bit floats. The blob of such a vector has no type byte.
    F32 = 1,
    /// 64-bit floats.
    F64 = 2,
    /// One bit: whether the element is positive.
    Bit = 3,
    /// Bytes, each a step between the least and the greatest element.
    F8 = 4,
    /// IEEE 754's 16-bit floats.
    F16 = 5,
    /// The upper 16 bits of 32-bit floats.
    BF16 = 6,
}

impl ElementType {
    /// The number in a blob and in the texts of errors.
    pub fn number(self) -> u8 {
        self as u8
    }

    fn of_number(number: u8) -> Option<Self> {
        [Self::F32, Self::F64, Self::Bit, Self::F8, Self::F16, Self::BF16]
            .into_iter()
            .find(|element| element.number() == number)
    }

    /// The number of bytes of the elements of a vector, and of the two floats behind the elements of F8.
    fn size_of(self, dimensions: usize) -> usize {
        match self {
            Self::F32 => dimensions * 4,
            Self::F64 => dimensions * 8,
            Self::Bit => dimensions.div_ceil(8),
            Self::F8 => dimensions.next_multiple_of(4) + 8,
            Self::F16 | Self::BF16 => dimensions * 2,
        }
    }

    /// The name in libSQL's errors about the length of a blob, and its condition.
    fn requirement(self) -> (&'static str, &'static str) {
        match self {
            Self::F32 => ("float32", "divisible by 4 (excluding optional 'type'-byte)"),
            Self::F64 => ("float64", "divisible by 8 (excluding 'type'-byte)"),
            Self::Bit => ("float1bit", "divisible by 2 and not be empty (excluding 'type'-byte)"),
            Self::F8 => {
                ("float8", "divisible by 2 and has at least 2 bytes (excluding 'type'-byte)")
            }
            Self::F16 => ("float16", "divisible by 2 (excluding 'type'-byte)"),
            Self::BF16 => ("floatb16", "divisible by 2 (excluding 'type'-byte)"),
        }
    }
}

/// A vector. Its data are those of its blob without what libSQL writes behind them: little-endian elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector<'a> {
    /// The type of the elements.
    pub element: ElementType,
    /// The number of elements.
    pub dimensions: usize,
    data: Cow<'a, [u8]>,
}

/// The type and the number of elements of a value, as far as libSQL looks before it reads the elements: a text has
/// an element more than commas. `of_text` is the type of a text.
///
/// # Errors
/// The value is no vector.
pub fn shape_of(
    value: Value<'_>,
    of_text: ElementType,
) -> Result<(ElementType, usize), VectorError> {
    match value {
        Value::Blob(blob) => {
            let (element, dimensions, _) = shape_of_blob(blob)?;
            if dimensions > MOST_DIMENSIONS {
                return Err(VectorError::TooManyDimensions(dimensions));
            }
            Ok((element, dimensions))
        }
        Value::Text(text) => Ok((of_text, text::guessed_dimensions(text))),
        Value::Null => Err(VectorError::Value("NULL")),
        Value::Integer(_) => Err(VectorError::Value("INTEGER")),
        Value::Real(_) => Err(VectorError::Value("FLOAT")),
    }
}

/// The type, the number of elements and the number of data bytes of a blob.
fn shape_of_blob(blob: &[u8]) -> Result<(ElementType, usize, usize), VectorError> {
    if blob.len().is_multiple_of(2) {
        return Ok((ElementType::F32, blob.len() / 4, blob.len()));
    }
    let (&number, rest) = blob.split_last().unwrap_or((&0, &[]));
    let element = ElementType::of_number(number).ok_or(VectorError::Type(number))?;
    let length = rest.len();
    let (name, condition) = element.requirement();
    let missing = rest.last().map_or(0, |byte| usize::from(*byte));
    let is_right = match element {
        ElementType::F32 => length.is_multiple_of(4),
        ElementType::F64 => length.is_multiple_of(8),
        ElementType::Bit | ElementType::F8 => length >= 2,
        ElementType::F16 | ElementType::BF16 => true,
    };
    if !is_right {
        return Err(VectorError::Length { name, condition, length });
    }
    let damaged = VectorError::Damaged(name);
    Ok(match element {
        ElementType::F32 => (element, length / 4, length),
        ElementType::F64 => (element, length / 8, length),
        ElementType::F16 | ElementType::BF16 => (element, length / 2, length),
        ElementType::Bit => {
            let bits = (length * 8).checked_sub(missing).ok_or(damaged)?;
            (element, bits, bits.div_ceil(8))
        }
        ElementType::F8 => {
            let elements = (length - 2).checked_sub(8 + missing).ok_or(damaged)?;
            (element, elements, length - 2)
        }
    })
}

impl<'a> Vector<'a> {
    /// Reads a vector from a text (`[1, 2.5, -3e4]`) or a blob. `of_text` is the type that a text becomes: F32 or
    /// F64.
    ///
    /// # Errors
    /// The value is no vector.
    pub fn parse(value: Value<'a>, of_text: ElementType) -> Result<Self, VectorError> {
        let (element, dimensions) = shape_of(value, of_text)?;
        match value {
            Value::Blob(blob) => {
                let (_, _, found) = shape_of_blob(blob)?;
                let expected = element.size_of(dimensions);
                let number = element.number();
                if found != expected {
                    return Err(VectorError::Size { element: number, dimensions, found, expected });
                }
                let data = blob.get(..expected).unwrap_or_default();
                Ok(Self { element, dimensions, data: Cow::Borrowed(data) })
            }
            Value::Text(text) => {
                // The text may have more commas than a vector has elements.
                let expected = dimensions.min(MOST_DIMENSIONS);
                let mut data = Vec::with_capacity(element.size_of(expected));
                let dimensions = text::elements(text, |number| match element {
                    ElementType::F64 => data.extend_from_slice(&number.to_le_bytes()),
                    _ => data.extend_from_slice(&as_f32(number).to_le_bytes()),
                })?;
                Ok(Self { element, dimensions, data: Cow::Owned(data) })
            }
            // `shape_of` has refused them.
            Value::Null | Value::Integer(_) | Value::Real(_) => Err(VectorError::Value("UNKNOWN")),
        }
    }

    /// The vector of a stored blob, for a search: whatever follows the elements is not looked at.
    /// None if it has another type or another number of elements.
    pub fn stored(blob: &'a [u8], element: ElementType, dimensions: usize) -> Option<Self> {
        let (found, found_dimensions, _) = shape_of_blob(blob).ok()?;
        let data = blob.get(..element.size_of(dimensions))?;
        (found == element && found_dimensions == dimensions).then_some(Self {
            element,
            dimensions,
            data: Cow::Borrowed(data),
        })
    }

    /// The bytes of the elements.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The same vector that borrows nothing.
    pub fn into_owned(self) -> Vector<'static> {
        let Self { element, dimensions, data } = self;
        Vector { element, dimensions, data: Cow::Owned(data.into_owned()) }
    }

    /// The blob that libSQL stores.
    pub fn to_blob(&self) -> Vec<u8> {
        let mut blob = self.data.to_vec();
        let number = self.element.number();
        match self.element {
            ElementType::F32 => {}
            ElementType::F64 | ElementType::F16 | ElementType::BF16 => blob.push(number),
            ElementType::Bit => {
                if blob.len().is_multiple_of(2) {
                    blob.push(0);
                }
                let missing = 8 * (blob.len() + 1) - self.dimensions;
                blob.extend([missing.to_le_bytes()[0], number]);
            }
            ElementType::F8 => {
                let missing = self.dimensions.next_multiple_of(4) - self.dimensions;
                blob.extend([0, missing.to_le_bytes()[0], number]);
            }
        }
        blob
    }

    /// The text of the elements, as [`number::append`] writes them.
    pub fn to_text(&self) -> String {
        let mut text = String::from("[");
        for index in 0..self.dimensions {
            if index > 0 {
                text.push(',');
            }
            number::append(&mut text, self.number(index));
        }
        text.push(']');
        text
    }

    /// The vector with elements of another type.
    #[must_use]
    pub fn convert(&self, element: ElementType) -> Vector<'_> {
        let dimensions = self.dimensions;
        if self.element == element {
            return Vector { element, dimensions, data: Cow::Borrowed(&self.data) };
        }
        let numbers = (0..dimensions).map(|index| self.number(index));
        let floats = (0..dimensions).map(|index| self.float(index));
        let data = match element {
            ElementType::F32 => floats.flat_map(f32::to_le_bytes).collect(),
            ElementType::F64 => numbers.flat_map(f64::to_le_bytes).collect(),
            ElementType::F16 => floats.flat_map(|n| f16_from_f32(n).to_le_bytes()).collect(),
            ElementType::BF16 => floats.flat_map(|n| bf16_from_f32(n).to_le_bytes()).collect(),
            ElementType::Bit => {
                let mut data = vec![0; element.size_of(dimensions)];
                for (index, _) in numbers.enumerate().filter(|(_, number)| *number > 0.0) {
                    data[index / 8] |= 1 << (index % 8);
                }
                data
            }
            ElementType::F8 => self.to_steps(),
        };
        Vector { element, dimensions, data: Cow::Owned(data) }
    }

    /// The data of the same vector as F8: each element is a step of `alpha` from the least one on, `shift`.
    fn to_steps(&self) -> Vec<u8> {
        let (mut least, mut greatest) = (0.0f32, 0.0f32);
        for index in 0..self.dimensions {
            let number = self.number(index);
            if index == 0 {
                (least, greatest) = (self.float(index), self.float(index));
            }
            // C's MIN and MAX take their second operand where one is no number.
            if f64::from(least).partial_cmp(&number) != Some(Ordering::Less) {
                least = self.float(index);
            }
            if f64::from(greatest).partial_cmp(&number) != Some(Ordering::Greater) {
                greatest = self.float(index);
            }
        }
        let alpha = (greatest - least) / 255.0;
        let mut data = Vec::with_capacity(ElementType::F8.size_of(self.dimensions));
        for index in 0..self.dimensions {
            let number = self.number(index);
            let step = match self.element {
                ElementType::F64 => as_f32((number - f64::from(least)) / f64::from(alpha)),
                _ => (as_f32(number) - least) / alpha,
            };
            data.push(nearest_step(step));
        }
        // libSQL leaves these bytes as its allocator has left them.
        data.resize(self.dimensions.next_multiple_of(4), 0);
        data.extend(alpha.to_le_bytes());
        data.extend(least.to_le_bytes());
        data
    }

    /// An element as a number.
    fn number(&self, index: usize) -> f64 {
        match self.element {
            ElementType::F64 => f64::from_le_bytes(self.bytes(index)),
            _ => f64::from(self.float(index)),
        }
    }

    /// An element as a 32-bit float. The way through a double would change the bits of some NaNs.
    fn float(&self, index: usize) -> f32 {
        match self.element {
            ElementType::F64 => as_f32(f64::from_le_bytes(self.bytes(index))),
            ElementType::F32 => f32::from_le_bytes(self.bytes(index)),
            ElementType::F16 => f16_to_f32(u16::from_le_bytes(self.bytes(index))),
            ElementType::BF16 => bf16_to_f32(u16::from_le_bytes(self.bytes(index))),
            ElementType::Bit => {
                match self.data.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1) {
                    true => 1.0,
                    false => -1.0,
                }
            }
            ElementType::F8 => {
                let (alpha, shift) = self.steps();
                let step = self.data.get(index).map_or(0.0, |step| f32::from(*step));
                alpha * step + shift
            }
        }
    }

    /// The step and the least element of a vector of F8.
    pub(super) fn steps(&self) -> (f32, f32) {
        let behind = self.dimensions.div_ceil(4);
        (f32::from_le_bytes(self.bytes(behind)), f32::from_le_bytes(self.bytes(behind + 1)))
    }

    fn bytes<const N: usize>(&self, index: usize) -> [u8; N] {
        let bytes = self.data.get(index * N..).and_then(<[u8]>::first_chunk);
        bytes.copied().unwrap_or([0; N])
    }
}

/// Rounds to the nearest float of 32 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "this is the rounding that libSQL's C code does"
)]
fn as_f32(number: f64) -> f32 {
    number as f32
}

/// Rounds halves up. What is no number is 0, as on the processors of x86.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 255")]
fn nearest_step(step: f32) -> u8 {
    match step {
        step if step < 0.0 => 0,
        step if step > 255.0 => 255,
        step => (f64::from(step) + 0.5) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_that_signals_keeps_its_bits() {
        let blob = [0x92, 0x7f, 6];
        let vector = Vector::parse(Value::Blob(&blob), ElementType::F32).unwrap();
        let floats = vector.convert(ElementType::F32);
        assert_eq!(floats.to_blob(), [0, 0, 0x92, 0x7f]);
        assert_eq!(floats.convert(ElementType::BF16).to_blob(), blob);
        assert_eq!(floats.convert(ElementType::F8).to_blob()[8..12], [0, 0, 0x92, 0x7f]);
    }

    #[test]
    fn commas_take_no_memory() {
        let text = format!("[1]\0{}", ",".repeat(10 * MOST_DIMENSIONS));
        let vector = Vector::parse(Value::Text(text.as_bytes()), ElementType::F32).unwrap();
        assert_eq!(vector.dimensions, 1);
        let Cow::Owned(data) = vector.data else { panic!("it borrows the text") };
        assert!(data.capacity() <= 4 * MOST_DIMENSIONS, "{}", data.capacity());
    }
}
