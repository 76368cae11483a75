//! Which calls of a lane run on another one: long reads on a reader lane, and what turns out to be no read on the
//! main lane.

use std::sync::Weak;

use super::call::Call;
use super::class::Class;
use super::error::Error;
use super::line::Way;
use super::run::Place;
use super::session::Session;
use super::state::Journal;
use super::writer_queue::WriterQueue;
use crate::sync::lock;
use crate::wire::request::{Request, Sql, Statement};

impl Session {
    /// Where the call may run. Opens the connection of a reader lane.
    pub(super) fn place_for(&mut self, call: &Call, request: &Request<'_>) -> Result<Place, Error> {
        if !matches!(request, Request::Execute(_)) {
            return Ok(Place::Here);
        }
        match call.way {
            Some(Way::Reader(reader)) => {
                // The main lane, which is open, tells what is wrong.
                if self.connection.is_none() && self.reopen().is_err() {
                    self.cancel.check()?;
                    return Err(Error::RunsElsewhere);
                }
                // Where the main lane does not wait any more, the read begins here all the same: it would be in
                // the way of a commit there, too.
                Ok(Place::Reader(reader))
            }
            Some(Way::Main) => {
                let may_move = call.class.is_read()
                    && self.client.options.readers > 0
                    && self.client.pinned_lane().is_none()
                    && self.transaction.is_none()
                    && self.client.journal() != Journal::Rollback;
                Ok(if may_move { Place::HereIfShort } else { Place::Here })
            }
            _ => Ok(Place::Here),
        }
    }

    /// Hands a call on that has had no effect here: a long read to a reader lane, anything else to the main lane.
    pub(super) fn hand_on(&self, call: Call) {
        let class = if self.reader.is_some() { Class::Main } else { Class::LongRead };
        if let Ok(Request::Execute(Statement { sql: Sql::Id(id), .. })) =
            Request::read(&call.request)
            && self.reader.is_none()
            && self.client.journal() == Journal::Wal
        {
            self.client.set_class(id, class);
        }
        let (job, Some(next)) = (call.job, self.next.get().and_then(Weak::upgrade)) else {
            return;
        };
        next.hand_on(call, class);
        // A cancel may have met the job here meanwhile.
        if let Some(reason) = self.cancel.reason() {
            next.cancel_again(job, reason);
        }
    }

    /// Closes the connection of a reader lane.
    pub(super) fn close_reader(&mut self) {
        if self.reader.is_none() {
            return;
        }
        lock(&self.interrupter).take();
        if self.connection.is_some() {
            self.note(WriterQueue::begin_closing);
            self.connection = None;
            self.note(WriterQueue::forget_lane);
        }
    }
}
