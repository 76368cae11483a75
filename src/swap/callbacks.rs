//! The caller of a swap is JavaScript. It gets questions as records and answers with replies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answers;
use super::database::request::DatabaseSwapCaller;
use super::file::FileSwapCaller;
use super::steps::error::Step;
use crate::jobs::cancel::{Cancel, CancelReason};
use crate::jobs::channel::{JobChannel, Reply};
use crate::wire::kinds::QuestionKind;

/// The shortest interval between two progress reports to JavaScript.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);

/// The caller of one swap.
pub struct JobCallbacks<'a> {
    channel: &'a JobChannel,
    /// Whether JavaScript wants progress reports.
    progress: bool,
    step: Step,
    done: u64,
    total: Option<u64>,
    last_progress: Instant,
    /// Whether the first piece of the content was asked for.
    asked: bool,
}

impl<'a> JobCallbacks<'a> {
    /// The callbacks of the channel's job.
    pub fn new(channel: &'a JobChannel, progress: bool) -> Self {
        Self {
            channel,
            progress,
            step: Step::Resolve,
            done: 0,
            total: None,
            last_progress: Instant::now(),
            asked: false,
        }
    }

    fn want_piece(&self) {
        self.channel.tell(answers::wanted_piece(self.channel.job()));
    }

    fn ask(
        &self,
        question: QuestionKind,
        staging: &str,
        old: Option<&str>,
    ) -> Result<(), CancelReason> {
        let job = self.channel.job();
        self.channel.tell(answers::wanted_database(job, question, staging, old));
        self.channel.reply().map(drop)
    }

    fn begin_step(&mut self, step: Step) {
        self.step = step;
        self.report();
    }

    fn report_bytes(&mut self, done: u64, total: Option<u64>) {
        (self.done, self.total) = (done, total);
        if done == total.unwrap_or(u64::MAX) || self.last_progress.elapsed() >= PROGRESS_EVERY {
            self.report();
        }
    }

    fn report(&mut self) {
        if !self.progress {
            return;
        }
        self.last_progress = Instant::now();
        self.channel.tell(answers::progress(self.channel.job(), self.step, self.done, self.total));
    }
}

impl DatabaseSwapCaller for JobCallbacks<'_> {
    fn cancel(&self) -> &Arc<Cancel> {
        self.channel.cancel()
    }

    fn build(&mut self, staging: &str, old: Option<&str>) -> Result<(), CancelReason> {
        self.ask(QuestionKind::Build, staging, old)
    }

    fn verify(&mut self, staging: &str, old: Option<&str>) -> Result<(), CancelReason> {
        self.ask(QuestionKind::Verify, staging, old)
    }

    fn begin(&mut self, step: Step) {
        self.begin_step(step);
    }

    fn copied(&mut self, done: u64, total: u64) {
        self.report_bytes(done, Some(total));
    }
}

impl FileSwapCaller for JobCallbacks<'_> {
    fn cancel(&self) -> &Arc<Cancel> {
        self.channel.cancel()
    }

    /// Asks for the next piece as soon as one arrives, so that JavaScript produces a piece while
    /// the previous one is written.
    fn next_piece(&mut self, last: Vec<u8>) -> Result<Option<Vec<u8>>, CancelReason> {
        self.channel.give_back(last);
        if !self.asked {
            self.want_piece();
            self.asked = true;
        }
        match self.channel.reply()? {
            Reply::Bytes(piece) => {
                self.want_piece();
                Ok(Some(piece))
            }
            Reply::Continue => Ok(None),
        }
    }

    fn prepare(&mut self, staging: &str) -> Result<(), CancelReason> {
        self.channel.tell(answers::wanted_prepare(self.channel.job(), staging));
        self.channel.reply().map(drop)
    }

    fn begin(&mut self, step: Step) {
        self.begin_step(step);
    }

    fn wrote(&mut self, done: u64, total: Option<u64>) {
        self.report_bytes(done, total);
    }
}
