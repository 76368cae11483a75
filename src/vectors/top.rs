//! Keeps the nearest of many.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// An entry, farther ones first in the heap. What has no distance is the farthest; of entries of the same distance
/// the later one is.
struct Entry<T> {
    distance: f32,
    number: u64,
    value: T,
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_distance = || {
            self.distance
                .partial_cmp(&other.distance)
                .unwrap_or_else(|| self.distance.is_nan().cmp(&other.distance.is_nan()))
        };
        by_distance().then(self.number.cmp(&other.number))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

/// The `most` nearest of what was put in.
pub struct Top<T> {
    most: usize,
    count: u64,
    heap: BinaryHeap<Entry<T>>,
}

impl<T> Top<T> {
    /// Keeps at most so many.
    pub fn new(most: usize) -> Self {
        Self { most, count: 0, heap: BinaryHeap::new() }
    }

    /// Puts a value in. `value` is called if it belongs to the nearest so far.
    ///
    /// # Errors
    /// The error of `value`.
    pub fn put<E>(&mut self, distance: f32, value: impl FnOnce() -> Result<T, E>) -> Result<(), E> {
        if self.most == 0 {
            return Ok(());
        }
        let number = self.count;
        self.count += 1;
        if self.heap.len() < self.most {
            self.heap.push(Entry { distance, number, value: value()? });
        } else if let Some(mut farthest) = self.heap.peek_mut()
            && (distance < farthest.distance || farthest.distance.is_nan() && !distance.is_nan())
        {
            *farthest = Entry { distance, number, value: value()? };
        }
        Ok(())
    }

    /// The values, the nearest first.
    pub fn into_nearest_first(self) -> Vec<T> {
        self.heap.into_sorted_vec().into_iter().map(|entry| entry.value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(most: usize, distances: &[f32]) -> Vec<usize> {
        let mut top = Top::new(most);
        for (index, distance) in distances.iter().enumerate() {
            top.put(*distance, || Ok::<_, ()>(index)).unwrap();
        }
        top.into_nearest_first()
    }

    #[test]
    fn the_nearest_are_kept_in_order_and_what_has_no_distance_is_last() {
        let distances = [0.5, f32::NAN, 0.1, 0.1, 2.0, -1.0, f32::INFINITY, 0.1];
        assert_eq!(nearest(3, &distances), [5, 2, 3]);
        assert_eq!(nearest(8, &distances), [5, 2, 3, 7, 0, 4, 6, 1]);
        assert_eq!(nearest(100, &distances).len(), 8);
        assert!(nearest(0, &distances).is_empty());
        assert_eq!(nearest(1, &[f32::NAN, f32::NAN]), [0]);
    }
}
