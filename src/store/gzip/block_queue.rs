//! The blocks of one image that wait for a thread to compress them.

use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex};

use super::member::Encoder;
use crate::store::error::Result;
use crate::store::tasks::lock;

/// A block to compress, and where to send its member.
pub(super) struct Job {
    pub(super) block: Vec<u8>,
    pub(super) reply: Sender<Done>,
}

/// A compressed member, and its block's memory for reuse.
pub(super) struct Done {
    pub(super) member: Result<Vec<u8>>,
    pub(super) block: Vec<u8>,
}

impl Job {
    /// Compresses the block.
    pub(super) fn run(self, encoder: &mut Encoder) {
        let Job { block, reply } = self;
        let mut member = Vec::new();
        let member = encoder.append(&block, &mut member).map(|()| member);
        // If the image was abandoned, nobody waits for the member.
        let _ = reply.send(Done { member, block });
    }
}

/// The end of a queue at which an image's blocks arrive. Dropping it ends the helpers.
#[derive(Default)]
pub(super) struct BlockSender(Arc<BlockQueue>);

impl BlockSender {
    /// Adds a job at the end.
    pub(super) fn push(&self, job: Job) {
        lock::lock(&self.0.state).jobs.push_back(job);
        self.0.changed.notify_one();
    }

    /// Takes the first job, if no helper has taken it.
    pub(super) fn take(&self) -> Option<Job> {
        lock::lock(&self.0.state).jobs.pop_front()
    }

    /// The queue, for a helper.
    pub(super) fn queue(&self) -> Arc<BlockQueue> {
        self.0.clone()
    }
}

impl Drop for BlockSender {
    fn drop(&mut self) {
        lock::lock(&self.0.state).is_closed = true;
        self.0.changed.notify_all();
    }
}

/// A queue of blocks, from which several threads take.
#[derive(Default)]
pub(super) struct BlockQueue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

impl BlockQueue {
    /// Waits for a job and takes it; `None` once the queue is closed and empty.
    fn wait(&self) -> Option<Job> {
        let mut state = lock::lock(&self.state);
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.is_closed {
                return None;
            }
            state = lock::waited(self.changed.wait(state));
        }
    }

    /// Compresses blocks until the queue is closed and empty.
    pub(super) fn help(&self) {
        let mut encoder = Encoder::for_images();
        while let Some(job) = self.wait() {
            job.run(&mut encoder);
        }
    }
}
