//! Waiting jobs, in their order. Each can be taken out by its number: a caller may abort thousands of
//! queued calls.

use std::collections::{BTreeMap, HashMap};

use super::ids::JobId;

/// Waiting jobs, in their order. Adding or taking one of n jobs takes time O(log n).
pub struct JobQueue<J> {
    /// The jobs by their places, which increase in their order.
    jobs: BTreeMap<i64, (JobId, J)>,
    /// The places of the jobs that have a number.
    places: HashMap<JobId, i64>,
    /// The first place that was given, and the last one.
    first: i64,
    last: i64,
}

impl<J> Default for JobQueue<J> {
    fn default() -> Self {
        Self { jobs: BTreeMap::new(), places: HashMap::new(), first: 1, last: 0 }
    }
}

impl<J> JobQueue<J> {
    /// Whether no job waits.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// The number of waiting jobs.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Adds a job after all others. Of the jobs that wait in one queue, each has another number, or none
    /// ([`JobId::NONE`]).
    pub fn push(&mut self, id: JobId, job: J) {
        self.last += 1;
        self.insert(self.last, id, job);
    }

    /// Adds a job before all others.
    pub fn push_first(&mut self, id: JobId, job: J) {
        self.first -= 1;
        self.insert(self.first, id, job);
    }

    fn insert(&mut self, place: i64, id: JobId, job: J) {
        if id != JobId::NONE {
            self.places.insert(id, place);
        }
        self.jobs.insert(place, (id, job));
    }

    /// Whether the job with this number waits.
    pub fn contains(&self, id: JobId) -> bool {
        self.places.contains_key(&id)
    }

    /// The first job.
    pub fn first(&self) -> Option<&J> {
        self.jobs.first_key_value().map(|(_, (_, job))| job)
    }

    /// Takes the first job.
    pub fn pop(&mut self) -> Option<J> {
        let (_, (id, job)) = self.jobs.pop_first()?;
        self.places.remove(&id);
        Some(job)
    }

    /// Takes the job with this number. None if no such job waits. A job without a number cannot be taken
    /// so.
    pub fn remove(&mut self, id: JobId) -> Option<J> {
        let (_, job) = self.jobs.remove(&self.places.remove(&id)?)?;
        Some(job)
    }

    /// Takes the jobs for which `is_wanted` returns true, in their order.
    pub fn take_if(&mut self, mut is_wanted: impl FnMut(&J) -> bool) -> Vec<J> {
        let wanted: Vec<i64> = self
            .jobs
            .iter()
            .filter(|(_, (_, job))| is_wanted(job))
            .map(|(place, _)| *place)
            .collect();
        let take = |place: i64| {
            let (id, job) = self.jobs.remove(&place)?;
            self.places.remove(&id);
            Some(job)
        };
        wanted.into_iter().filter_map(take).collect()
    }

    /// Takes all jobs, in their order.
    pub fn take_all(&mut self) -> impl Iterator<Item = J> + use<J> {
        self.places.clear();
        std::mem::take(&mut self.jobs).into_values().map(|(_, job)| job)
    }
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests {
    use super::*;

    /// A queue in which each job is its own number.
    fn queue(ids: impl IntoIterator<Item = u32>) -> JobQueue<u32> {
        let mut queue = JobQueue::default();
        for id in ids {
            queue.push(JobId(id), id);
        }
        queue
    }

    fn rest(mut queue: JobQueue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn jobs_come_out_in_their_order_without_those_that_were_removed() {
        let mut queue = queue([7, 3, 9, 1, 5]);
        assert_eq!(queue.remove(JobId(9)), Some(9));
        assert_eq!(queue.remove(JobId(9)), None);
        assert_eq!(queue.remove(JobId(7)), Some(7));
        queue.push(JobId(2), 2);
        assert_eq!(queue.remove(JobId(4)), None);
        assert_eq!(rest(queue), [3, 1, 5, 2]);
    }

    #[test]
    fn jobs_without_a_number_keep_their_places() {
        let mut queue = JobQueue::default();
        for (id, name) in [(0, "first"), (1, "one"), (0, "second")] {
            queue.push(JobId(id), name);
        }
        assert_eq!(queue.remove(JobId::NONE), None);
        assert_eq!(queue.remove(JobId(1)), Some("one"));
        assert_eq!(queue.len(), 2);
        assert_eq!(queue.take_all().collect::<Vec<_>>(), ["first", "second"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_job_that_was_taken_is_not_found_any_more() {
        let mut queue = queue([1, 2]);
        assert_eq!(queue.pop(), Some(1));
        assert_eq!(queue.remove(JobId(1)), None);
        assert_eq!(queue.take_all().count(), 1);
        assert_eq!(queue.remove(JobId(2)), None);
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn a_job_that_is_put_back_comes_first() {
        let mut queue = queue([1, 2, 3]);
        assert_eq!(queue.pop(), Some(1));
        assert_eq!(queue.pop(), Some(2));
        queue.push_first(JobId(2), 2);
        queue.push_first(JobId(1), 1);
        queue.push(JobId(4), 4);
        assert_eq!(queue.first(), Some(&1));
        assert_eq!(queue.remove(JobId(2)), Some(2));
        assert_eq!(rest(queue), [1, 3, 4]);
    }

    #[test]
    fn some_jobs_are_taken_and_the_others_keep_their_order() {
        let mut queue = queue([1, 2, 3, 4, 5]);
        assert_eq!(queue.take_if(|job| job % 2 == 0), [2, 4]);
        assert_eq!(queue.remove(JobId(4)), None);
        assert_eq!(rest(queue), [1, 3, 5]);
    }

    /// Square time would be a minute even in an optimised build.
    #[test]
    fn many_jobs_are_removed_from_behind() {
        let most = 300_000;
        let mut queue = queue(1..=most);
        for id in (1..=most).rev() {
            assert_eq!(queue.remove(JobId(id)), Some(id));
        }
        assert!(queue.is_empty());
    }
}
