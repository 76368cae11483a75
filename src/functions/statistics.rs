//! The aggregate functions of libSQL: `variance`, `stdev`, `median`, `lower_quartile`, `upper_quartile` and `mode`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;

/// A number of SQLite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Integer(i64),
    Real(f64),
}

impl Number {
    /// The number as a double, as SQLite converts it.
    pub fn real(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "as SQLite converts it")]
            Self::Integer(integer) => integer as f64,
            Self::Real(real) => real,
        }
    }
}

/// The sums of a variance, by Welford's algorithm
/// (<https://en.wikipedia.org/wiki/Algorithms_for_calculating_variance>).
#[derive(Debug, Default)]
pub struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Adds a number.
    pub fn add(&mut self, number: f64) {
        self.count += 1.0;
        let delta = number - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (number - self.mean);
    }

    /// The variance of a sample. 0 for less than two numbers.
    pub fn variance(&self) -> f64 {
        if self.count > 1.0 { self.squares / (self.count - 1.0) } else { 0.0 }
    }
}

/// A part of the values that is below a quantile, in quarters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quartile {
    Lower = 1,
    Median = 2,
    Upper = 3,
}

/// The values of a column, sorted, each with its number.
#[derive(Debug, Default)]
pub struct Values {
    integers: BTreeMap<i64, i64>,
    /// By their keys.
    reals: BTreeMap<i64, i64>,
    count: i64,
}

/// An integer that is less than that of a greater real number (IEEE 754, totalOrder).
fn key_of(real: f64) -> i64 {
    let bits = real.to_bits().cast_signed();
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// The real number of a key.
fn real_of(key: i64) -> f64 {
    f64::from_bits((if key < 0 { key ^ i64::MAX } else { key }).cast_unsigned())
}

/// The number of values between two questions whether to stop.
const VALUES_BETWEEN_QUESTIONS: usize = 1 << 14;

/// The question of a long loop whether to stop has been answered with yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl Values {
    /// Adds a number.
    pub fn add(&mut self, number: Number) {
        self.count += 1;
        let count = match number {
            Number::Integer(integer) => self.integers.entry(integer).or_default(),
            // 0.0 and -0.0 are one value.
            Number::Real(real) => self.reals.entry(key_of(real + 0.0)).or_default(),
        };
        *count += 1;
    }

    /// The quantile: a value, or the mean of the two between which it is. It is an integer if all values are, and if
    /// it is one of them. None without values.
    ///
    /// # Errors
    /// [`Stopped`] if `is_stopped` said so.
    #[expect(clippy::cast_precision_loss, reason = "a count is less than 2^53")]
    pub fn quantile(
        &self,
        quartile: Quartile,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Number>, Stopped> {
        let wanted = (self.count * quartile as i64) as f64 / 4.0;
        let wanted_above = self.count as f64 - wanted;
        let mut before = 0;
        let mut found: Vec<Number> = Vec::new();
        for (at, (number, count)) in self.sorted().enumerate() {
            if at % VALUES_BETWEEN_QUESTIONS == VALUES_BETWEEN_QUESTIONS - 1 && is_stopped() {
                return Err(Stopped);
            }
            if (before + count) as f64 >= wanted {
                if ((self.count - before) as f64) < wanted_above {
                    break;
                }
                found.push(number);
            }
            before += count;
        }
        Ok(match found.as_slice() {
            [] => None,
            [one] => Some(*one),
            [Number::Integer(one), Number::Integer(other)] => {
                Some(Number::Real((i128::from(*one) + i128::from(*other)) as f64 / 2.0))
            }
            several => {
                let sum: f64 = several.iter().map(|number| number.real()).sum();
                Some(Number::Real(sum / several.len() as f64))
            }
        })
    }

    /// The value that is there most often. None without values, and if there are two of them.
    ///
    /// # Errors
    /// [`Stopped`] if `is_stopped` said so.
    pub fn mode(&self, is_stopped: &dyn Fn() -> bool) -> Result<Option<Number>, Stopped> {
        let (mut mode, mut most) = (None, 0);
        for (at, (number, count)) in self.sorted().enumerate() {
            if at % VALUES_BETWEEN_QUESTIONS == VALUES_BETWEEN_QUESTIONS - 1 && is_stopped() {
                return Err(Stopped);
            }
            match count.cmp(&most) {
                Ordering::Less => {}
                Ordering::Equal => mode = None,
                Ordering::Greater => (mode, most) = (Some(number), count),
            }
        }
        Ok(mode)
    }

    /// The values in their order. All are reals if one is.
    fn sorted(&self) -> Sorted<'_> {
        Sorted {
            integers: self.integers.iter().peekable(),
            reals: self.reals.iter().peekable(),
            are_reals: !self.reals.is_empty(),
        }
    }
}

/// Integers and reals in one order.
struct Sorted<'a> {
    integers: Peekable<btree_map::Iter<'a, i64, i64>>,
    reals: Peekable<btree_map::Iter<'a, i64, i64>>,
    are_reals: bool,
}

impl Iterator for Sorted<'_> {
    type Item = (Number, i64);

    fn next(&mut self) -> Option<Self::Item> {
        if !self.are_reals {
            return self
                .integers
                .next()
                .map(|(integer, count)| (Number::Integer(*integer), *count));
        }
        let integer = self.integers.peek().map(|(integer, _)| Number::Integer(**integer).real());
        let real = self.reals.peek().map(|(key, _)| real_of(**key));
        let smallest = match (integer, real) {
            (Some(integer), Some(real)) => integer.min(real),
            (one, other) => one.or(other)?,
        };
        let mut count = 0;
        // Several integers may be one real.
        while let Some((_, of)) =
            self.integers.next_if(|(integer, _)| Number::Integer(**integer).real() <= smallest)
        {
            count += of;
        }
        if let Some((_, of)) = self.reals.next_if(|(key, _)| real_of(**key) <= smallest) {
            count += of;
        }
        Some((Number::Real(smallest), count))
    }
}

#[cfg(test)]
mod tests {
    use super::Number::{Integer, Real};
    use super::*;

    fn values(numbers: &[Number]) -> Values {
        let mut values = Values::default();
        numbers.iter().for_each(|number| values.add(*number));
        values
    }

    fn quantiles(numbers: &[Number]) -> [Option<Number>; 3] {
        [Quartile::Lower, Quartile::Median, Quartile::Upper]
            .map(|quartile| values(numbers).quantile(quartile, &|| false).unwrap())
    }

    #[test]
    fn quantiles_are_values_or_the_mean_of_two() {
        assert_eq!(quantiles(&[]), [None; 3]);
        assert_eq!(quantiles(&[Integer(3)]), [Some(Integer(3)); 3]);
        assert_eq!(
            quantiles(&[Integer(4), Integer(1), Integer(2), Integer(3)]),
            [Some(Real(1.5)), Some(Real(2.5)), Some(Real(3.5))]
        );
        assert_eq!(
            quantiles(&[Integer(1), Integer(2), Integer(2), Integer(3), Integer(10)]),
            [Some(Integer(2)), Some(Integer(2)), Some(Integer(3))]
        );
    }

    #[test]
    fn integers_of_64_bits_and_mixed_numbers_are_right() {
        let big = 1_700_000_000_000;
        let times = [Integer(big), Integer(big + 1), Integer(big + 2)];
        assert_eq!(quantiles(&times)[1], Some(Integer(big + 1)));
        assert_eq!(quantiles(&[Integer(1), Real(2.5)])[1], Some(Real(1.75)));
        assert_eq!(
            quantiles(&[Integer(i64::MAX), Integer(i64::MAX - 1)])[1],
            Some(Real(2_f64.powi(63)))
        );
        let mixed = [Integer(1), Real(1.0), Integer(2), Real(-0.0), Integer(0)];
        assert_eq!(values(&mixed).mode(&|| false), Ok(None));
        assert_eq!(quantiles(&mixed)[1], Some(Real(1.0)));
    }

    #[test]
    fn reals_are_in_order() {
        let reals = [f64::NEG_INFINITY, -2.5, -1e-300, 0.0, 1e-300, 1.0, 3.5, f64::INFINITY];
        assert!(reals.is_sorted_by_key(|real| key_of(*real)));
        assert_eq!(reals.map(|real| real_of(key_of(real))), reals);
        let below = [Real(-1.0), Real(-3.0), Real(-2.0), Real(f64::NEG_INFINITY)];
        assert_eq!(quantiles(&below)[1], Some(Real(-2.5)));
    }

    #[test]
    fn the_mode_is_the_only_most_frequent_value() {
        assert_eq!(
            values(&[Integer(1), Integer(2), Integer(2)]).mode(&|| false),
            Ok(Some(Integer(2)))
        );
        assert_eq!(values(&[Integer(1), Integer(2)]).mode(&|| false), Ok(None));
        assert_eq!(values(&[]).mode(&|| false), Ok(None));
    }

    #[test]
    fn a_stop_ends_a_long_loop() {
        let many = values(&(0..40_000).map(Integer).collect::<Vec<_>>());
        assert_eq!(many.quantile(Quartile::Median, &|| true), Err(Stopped));
        assert_eq!(many.mode(&|| true), Err(Stopped));
    }

    #[test]
    fn the_variance_is_that_of_a_sample() {
        let mut moments = Moments::default();
        moments.add(1.0);
        assert_eq!(moments.variance().to_bits(), 0_f64.to_bits());
        moments.add(2.0);
        moments.add(6.0);
        assert!((moments.variance() - 7.0).abs() < 1e-12);
    }
}
