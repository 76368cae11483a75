//! The numbers of `generate_series(start, stop, step)`.

/// The numbers from `start` to `stop`, each `step` apart, and the part of them that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    start: i64,
    step: i64,
    /// The places of the first and the last number of the part. None if there is none.
    places: Option<(u64, u64)>,
}

impl Series {
    /// No numbers.
    pub const EMPTY: Self = Self { start: 0, step: 1, places: None };

    /// The numbers of a series that are at least `least` and at most `most`. A `step` of 0 is 1.
    pub fn new(start: i64, stop: i64, step: i64, (least, most): (i64, i64)) -> Self {
        let step = if step == 0 { 1 } else { step };
        let [from, to, least, most] = [start, stop, least, most].map(i128::from);
        let width = i128::from(step).abs();
        // The distances from the start, in the direction of the series.
        let (end, nearest, farthest) = match step > 0 {
            true => (to - from, least - from, most - from),
            false => (from - to, from - most, from - least),
        };
        let first = (nearest.max(0) + width - 1) / width;
        let last = end.min(farthest).div_euclid(width);
        let places = (first <= last && last >= 0)
            .then(|| Some((u64::try_from(first).ok()?, u64::try_from(last).ok()?)));
        Self { start, step, places: places.flatten() }
    }

    /// The distance of two numbers.
    pub fn step(&self) -> i64 {
        self.step
    }

    /// The number at a place, if the place is one of the series.
    pub fn number(&self, place: u64) -> i64 {
        // All numbers of a series have 64 bits, so this is right also where the product has more.
        self.start.wrapping_add(self.step.wrapping_mul(place.cast_signed()))
    }

    /// The places of the first and the last number.
    pub fn places(&self) -> Option<(u64, u64)> {
        self.places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: (i64, i64) = (i64::MIN, i64::MAX);

    fn numbers(start: i64, stop: i64, step: i64, within: (i64, i64)) -> Vec<i64> {
        let series = Series::new(start, stop, step, within);
        let Some((first, last)) = series.places() else { return Vec::new() };
        (first..=last).map(|place| series.number(place)).collect()
    }

    #[test]
    fn a_series_goes_up_or_down() {
        assert_eq!(numbers(1, 3, 1, ALL), [1, 2, 3]);
        assert_eq!(numbers(1, 3, 0, ALL), [1, 2, 3]);
        assert_eq!(numbers(1, 6, 2, ALL), [1, 3, 5]);
        assert_eq!(numbers(10, 1, -4, ALL), [10, 6, 2]);
        assert_eq!(numbers(5, 5, -1, ALL), [5]);
        assert!(numbers(3, 1, 1, ALL).is_empty());
        assert!(numbers(1, 3, -1, ALL).is_empty());
    }

    #[test]
    fn a_part_of_a_series_is_what_is_within() {
        assert_eq!(numbers(1, 20, 3, (5, 12)), [7, 10]);
        assert_eq!(numbers(20, 1, -3, (5, 12)), [11, 8, 5]);
        assert!(numbers(1, 20, 3, (30, 40)).is_empty());
        assert!(numbers(1, 20, 3, (12, 5)).is_empty());
        assert!(numbers(1, 20, 3, (-9, 0)).is_empty());
    }

    #[test]
    fn a_series_reaches_the_ends_of_64_bits() {
        assert_eq!(numbers(i64::MAX - 1, i64::MAX, 1, ALL), [i64::MAX - 1, i64::MAX]);
        assert_eq!(numbers(i64::MIN, i64::MAX, i64::MAX, ALL), [i64::MIN, -1, i64::MAX - 1]);
        assert_eq!(numbers(i64::MAX, i64::MIN, i64::MIN, ALL), [i64::MAX, -1]);
        assert_eq!(Series::new(i64::MIN, i64::MAX, 1, ALL).places(), Some((0, u64::MAX)));
    }
}
