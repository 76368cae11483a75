//! How calls are timed, as in bench/workloads/clock.mjs.

use std::time::Instant;

const GROUP: usize = 10;

/// The time of one call, as the median of small groups of calls.
pub struct CallClock {
    times: Vec<f64>,
    calls: usize,
    last: Instant,
}

impl CallClock {
    pub fn new() -> Self {
        Self { times: Vec::new(), calls: 0, last: Instant::now() }
    }

    /// Says that a call has ended, and the next one begins.
    pub fn tick(&mut self) {
        self.calls += 1;
        if self.calls.is_multiple_of(GROUP) {
            let now = Instant::now();
            self.times.push(ms(now - self.last) / GROUP as f64);
            self.last = now;
        }
    }

    /// In µs.
    pub fn median(self) -> f64 {
        quantile(self.times, 0.5) * 1_000.0
    }
}

pub fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * share) as usize;
    values[place.min(values.len() - 1)]
}

pub fn ms(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
