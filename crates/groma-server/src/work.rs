//! Work on the engine's threads, ended by a cancel, a deadline, or by whoever waits going away.

use std::time::Duration;

use arrow::array::RecordBatch;
use futures::StreamExt as _;
use groma_query::{QueryError, SendableRecordBatchStream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How many batches (of at most some thousand rows) the engine may be ahead of the client.
pub(crate) const BATCHES_AHEAD_MAX: usize = 4;

/// Work that is aborted at its next pause when this is dropped.
pub(crate) struct Task<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts work; it ends when the [`Task`] is dropped.
pub(crate) fn spawn<T: Send + 'static>(
    threads: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> Task<T> {
    Task(threads.spawn(work))
}

/// Works until it is done or a limit is reached.
pub(crate) async fn run<T: Send + 'static>(
    threads: &Handle,
    limits: &Limits,
    work: impl Future<Output = Result<T, QueryError>> + Send + 'static,
) -> Result<T, QueryError> {
    let mut task = spawn(threads, work);
    tokio::select! {
        biased;
        ended = limits.ended() => Err(ended),
        done = &mut task.0 => done.unwrap_or_else(|_| Err(internal())),
    }
}

/// Batches that are made while those before are read. Dropping them stops the engine.
pub(crate) struct Ahead {
    receiver: mpsc::Receiver<Result<RecordBatch, QueryError>>,
    /// `None`: it has ended.
    task: Option<Task<()>>,
}

impl Ahead {
    pub(crate) fn start(threads: &Handle, mut batches: SendableRecordBatchStream) -> Ahead {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD_MAX);
        let task = spawn(threads, async move {
            while let Some(batch) = batches.next().await {
                let failed = batch.is_err();
                if sender.send(batch.map_err(QueryError::from)).await.is_err() || failed {
                    break;
                }
            }
        });
        Ahead { receiver, task: Some(task) }
    }

    /// The next one, or why there is none before a limit. May be asked again after the end.
    pub(crate) async fn next(
        &mut self,
        limits: &Limits,
    ) -> Option<Result<RecordBatch, QueryError>> {
        let task = self.task.as_mut()?;
        let batch = tokio::select! {
            biased;
            ended = limits.ended() => return Some(Err(ended)),
            batch = self.receiver.recv() => batch,
        };
        if batch.is_some() {
            return batch;
        }
        // The channel is closed: the task has ended, or panicked.
        let ended = (&mut task.0).await;
        self.task = None;
        ended.err().map(|_| Err(internal()))
    }
}

/// A bug of ours: the statement panicked. Everything else goes on.
pub(crate) fn internal() -> QueryError {
    QueryError::new(QueryError::INTERNAL, "the statement ended by an internal error")
        .with_hint("The server's log says where; please report it with the statement.")
}

/// What may end the statements of one request: a cancel or the statement timeout.
#[derive(Clone)]
pub(crate) struct Limits {
    cancelled: watch::Receiver<bool>,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
}

impl Limits {
    /// From now on; sending `true` cancels.
    pub(crate) fn begin(timeout: Option<Duration>) -> (watch::Sender<bool>, Limits) {
        let (sender, cancelled) = watch::channel(false);
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        (sender, Limits { cancelled, timeout, deadline })
    }

    /// Returns when a limit is reached; never otherwise.
    pub(crate) async fn ended(&self) -> QueryError {
        let mut cancelled = self.cancelled.clone();
        let cancel = async {
            if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
                std::future::pending::<()>().await; // nobody can cancel it any more
            }
        };
        let timeout = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = cancel => QueryError::new("57014", "canceling statement due to user request"),
            () = timeout => QueryError::new(
                "57014",
                format!(
                    "canceling statement due to statement timeout ({} ms)",
                    self.timeout.unwrap_or_default().as_millis()
                ),
            )
            .with_hint("Ask for less, or SET statement_timeout to a longer time."),
        }
    }
}
