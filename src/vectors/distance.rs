//! The distances of two vectors of one type.
//!
//! 32-bit floats are summed in 16 independent sums, which the compiler vectorises for every processor of the
//! target. libSQL adds one element after the other, so the last digits may differ. The other types are computed as
//! libSQL does.

use super::float16::{bf16_to_f32, f16_to_f32};
use super::{ElementType, Metric, Vector, VectorError};

/// The number of independent sums.
const SUMS: usize = 16;

/// A vector whose distance from many others is asked for.
pub struct Query<'a> {
    vector: Vector<'a>,
    metric: Metric,
    /// The elements, if they are 32-bit floats.
    elements: Vec<f32>,
    /// The sum of their squares.
    norm: f32,
}

impl<'a> Query<'a> {
    /// Prepares a vector for many distances.
    ///
    /// # Errors
    /// The type of the vector has no such distance.
    pub fn new(metric: Metric, vector: Vector<'a>) -> Result<Self, VectorError> {
        if metric == Metric::L2 && vector.element == ElementType::Bit {
            return Err(VectorError::BitsL2);
        }
        let elements: Vec<f32> = match vector.element {
            ElementType::F32 => floats(vector.data()).collect(),
            _ => Vec::new(),
        };
        let norm = summed(&elements, vector.data(), |one, _| one * one);
        Ok(Self { vector, metric, elements, norm })
    }

    /// The distance of a vector of the same type and dimension.
    pub fn distance(&self, other: &Vector<'_>) -> f32 {
        let (one, two) = (self.vector.data(), other.data());
        match (self.vector.element, self.metric) {
            (ElementType::F32, Metric::Cosine) => self.cosine(two),
            (ElementType::F32, Metric::L2) => {
                summed(&self.elements, two, |one, other| (one - other) * (one - other)).sqrt()
            }
            (ElementType::F64, metric) => of_doubles(metric, doubles(one), doubles(two)),
            (ElementType::F16, metric) => {
                of_floats(metric, halves(one, f16_to_f32), halves(two, f16_to_f32))
            }
            (ElementType::BF16, metric) => {
                of_floats(metric, halves(one, bf16_to_f32), halves(two, bf16_to_f32))
            }
            (ElementType::F8, Metric::Cosine) => cosine_of_steps(&self.vector, other),
            (ElementType::F8, Metric::L2) => l2_of_steps(&self.vector, other),
            (ElementType::Bit, _) => differing_bits(one, two),
        }
    }

    /// Goes through the elements twice: the compiler does not vectorise a loop with two sums.
    fn cosine(&self, other: &[u8]) -> f32 {
        let product = summed(&self.elements, other, |one, other| one * other);
        let square = summed(&self.elements, other, |_, other| other * other);
        cosine_distance(product, self.norm, square)
    }
}

/// The sum of a term for each pair of elements.
fn summed(ones: &[f32], others: &[u8], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0f32; SUMS];
    let (chunks, rest) = ones.as_chunks::<SUMS>();
    let (others, rest_of_others) = others.as_chunks::<{ SUMS * 4 }>();
    for (chunk, bytes) in chunks.iter().zip(others) {
        let bytes = bytes.as_chunks::<4>().0;
        for sum in 0..SUMS {
            sums[sum] += term(chunk[sum], f32::from_le_bytes(bytes[sum]));
        }
    }
    let sum = sums.iter().sum::<f32>();
    rest.iter().zip(floats(rest_of_others)).fold(sum, |sum, (one, other)| sum + term(*one, other))
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

fn doubles(bytes: &[u8]) -> impl Iterator<Item = f64> {
    bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes))
}

fn halves(bytes: &[u8], float: impl Fn(u16) -> f32) -> impl Iterator<Item = f32> {
    bytes.as_chunks().0.iter().map(move |bytes| float(u16::from_le_bytes(*bytes)))
}

/// The distance from sums of 32-bit floats.
#[expect(clippy::cast_possible_truncation, reason = "a distance has 32 bits, as libSQL's")]
fn cosine_distance(product: f32, one: f32, other: f32) -> f32 {
    (1.0 - f64::from(product) / f64::from(one * other).sqrt()) as f32
}

#[expect(clippy::cast_possible_truncation, reason = "a distance has 32 bits, as libSQL's")]
fn of_doubles(
    metric: Metric,
    ones: impl Iterator<Item = f64>,
    others: impl Iterator<Item = f64>,
) -> f32 {
    let pairs = ones.zip(others);
    let distance = match metric {
        Metric::Cosine => {
            let sums = pairs.fold((0.0, 0.0, 0.0), |(product, first, second), (one, other)| {
                (product + one * other, first + one * one, second + other * other)
            });
            1.0 - sums.0 / (sums.1 * sums.2).sqrt()
        }
        Metric::L2 => {
            pairs.fold(0.0, |sum, (one, other)| sum + (one - other) * (one - other)).sqrt()
        }
    };
    distance as f32
}

fn of_floats(
    metric: Metric,
    ones: impl Iterator<Item = f32>,
    others: impl Iterator<Item = f32>,
) -> f32 {
    let pairs = ones.zip(others);
    match metric {
        Metric::Cosine => {
            let sums = pairs.fold((0.0, 0.0, 0.0), |(product, first, second), (one, other)| {
                (product + one * other, first + one * one, second + other * other)
            });
            cosine_distance(sums.0, sums.1, sums.2)
        }
        Metric::L2 => {
            pairs.fold(0.0, |sum, (one, other)| sum + (one - other) * (one - other)).sqrt()
        }
    }
}

/// The elements are `alpha × step + shift`, so the sums are those of integers.
#[expect(clippy::cast_precision_loss, reason = "libSQL's C code rounds in the same places")]
fn cosine_of_steps(one: &Vector<'_>, other: &Vector<'_>) -> f32 {
    let (alpha1, shift1) = one.steps();
    let (alpha2, shift2) = other.steps();
    let (mut sum1, mut sum2, mut squares1, mut squares2, mut products) =
        (0u32, 0u32, 0u32, 0u32, 0u32);
    for (step1, step2) in one.data().iter().zip(other.data()).take(one.dimensions) {
        let (step1, step2) = (u32::from(*step1), u32::from(*step2));
        sum1 = sum1.wrapping_add(step1);
        sum2 = sum2.wrapping_add(step2);
        squares1 = squares1.wrapping_add(step1 * step1);
        squares2 = squares2.wrapping_add(step2 * step2);
        products = products.wrapping_add(step1 * step2);
    }
    let dimensions = one.dimensions as f32;
    let (sum1, sum2) = (sum1 as f32, sum2 as f32);
    let product = alpha1 * alpha2 * products as f32
        + alpha1 * shift2 * sum1
        + alpha2 * shift1 * sum2
        + shift1 * shift2 * dimensions;
    let norm1 = alpha1 * alpha1 * squares1 as f32
        + 2.0 * alpha1 * shift1 * sum1
        + shift1 * shift1 * dimensions;
    let norm2 = alpha2 * alpha2 * squares2 as f32
        + 2.0 * alpha2 * shift2 * sum2
        + shift2 * shift2 * dimensions;
    cosine_distance(product, norm1, norm2)
}

fn l2_of_steps(one: &Vector<'_>, other: &Vector<'_>) -> f32 {
    let (alpha1, shift1) = one.steps();
    let (alpha2, shift2) = other.steps();
    let pairs = one.data().iter().zip(other.data()).take(one.dimensions);
    let squares = pairs.map(|(step1, step2)| {
        let difference =
            alpha1 * f32::from(*step1) + shift1 - (alpha2 * f32::from(*step2) + shift2);
        difference * difference
    });
    squares.fold(0.0, |sum: f32, square| sum + square).sqrt()
}

/// The number of bits that differ.
#[expect(clippy::cast_precision_loss, reason = "at most 65,536 bits")]
fn differing_bits(one: &[u8], other: &[u8]) -> f32 {
    one.iter().zip(other).map(|(one, other)| (one ^ other).count_ones()).sum::<u32>() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    /// The distance of two vectors.
    fn distance(metric: Metric, one: &Vector<'_>, other: &Vector<'_>) -> Result<f64, VectorError> {
        Ok(f64::from(Query::new(metric, one.convert(one.element))?.distance(other)))
    }

    fn vector(text: &'static str, element: ElementType) -> Vector<'static> {
        let of_text = if element == ElementType::F64 { element } else { ElementType::F32 };
        Vector::parse(Value::Text(text.as_bytes()), of_text).unwrap().convert(element).into_owned()
    }

    #[test]
    fn distances_are_those_of_libsql() {
        use ElementType::{Bit, F8, F32, F64};
        use Metric::{Cosine, L2};
        let cases = [
            (F32, Cosine, "[1,2,3]", "[4,5,6]", 0.025_368_154_048_919_678),
            (F32, L2, "[1,2,3]", "[4,5,6]", 5.196_152_210_235_596),
            (Bit, Cosine, "[1,-2,3]", "[4,5,-6]", 2.0),
            (F8, Cosine, "[1,-2,3]", "[4,5,-6]", 1.730_437_040_328_979_5),
            (F8, L2, "[1,-2,3]", "[4,5,-6]", 11.791_824_340_820_312),
            (F64, Cosine, "[1,-2,3]", "[4,5,-6]", 1.730_973_839_759_826_7),
            (F64, L2, "[1,-2,3]", "[4,5,-6]", 11.789_826_393_127_441),
        ];
        for (element, metric, one, other, expected) in cases {
            let found = distance(metric, &vector(one, element), &vector(other, element)).unwrap();
            assert_eq!(found, expected, "{element:?} {metric:?}");
        }
        let zero = distance(Cosine, &vector("[0,0]", F32), &vector("[1,2]", F32)).unwrap();
        assert!(zero.is_nan());
    }

    #[test]
    fn independent_sums_are_those_of_all_elements() {
        for dimensions in [1, 15, 16, 17, 48, 100] {
            let numbers = (0..dimensions).map(|n| (f64::from(n) - 7.5) / 8.0).collect::<Vec<_>>();
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| (*n as f32).to_le_bytes()).collect();
            let twice: Vec<u8> =
                numbers.iter().flat_map(|n| (*n as f32 * 2.0).to_le_bytes()).collect();
            let one = Vector::parse(Value::Blob(&bytes), ElementType::F32).unwrap();
            let other = Vector::parse(Value::Blob(&twice), ElementType::F32).unwrap();
            let expected = numbers.iter().map(|n| n * n).sum::<f64>().sqrt();
            let l2 = distance(Metric::L2, &one, &other).unwrap();
            assert!((l2 - expected).abs() < 1e-5 * expected, "{dimensions}: {l2} != {expected}");
            assert!(distance(Metric::Cosine, &one, &other).unwrap().abs() < 1e-6);
        }
    }

    #[test]
    fn bits_have_no_l2_distance() {
        let bits = vector("[1]", ElementType::Bit);
        let error = distance(Metric::L2, &bits, &bits).unwrap_err().to_string();
        assert!(error.ends_with("l2 distance is not supported for float1bit vectors"));
    }
}
