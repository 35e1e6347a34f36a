//! Sources that are asked on a schedule.
//!
//! ```text
//! sources.toml --> one task each: wait -> a permit -> ask -> commit -> wait ...
//!                                   ^- source_poll('name')    \-> it failed: back off, stale not gone
//! ```
//!
//! Each source waits for itself, so that a slow one holds nobody. A failed poll is a commit of its
//! own: `model.sources` says why, `model.problems` has it once. **Invariant:** what a task does is
//! decided by its source's configuration and the last poll alone; the first poll is due at once.

mod config;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use groma_connect::live::BackOff;
use groma_query::{Doing, ImportReport, QueryError, Scheduled};
use groma_store::SharedWorld;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::FolderImporter;
use crate::clock::{now, timestamp};
use crate::import::{Unheard, find, mark, note_failure, note_unchanged};
use crate::work::{Task, internal, spawn};

pub use config::{EVERY_MIN, SOURCES_MAX, SecretPlace, SourceConfig, SourcesError};

/// How many sources are asked at the same time; others wait, and `model.sources` says so.
pub const POLLS_AT_ONCE_MAX: usize = 16;
/// A source that says the same again is written down anew after this time, so that what others
/// changed of its facts meanwhile is put right, and the journal does not grow with every poll.
const UNCHANGED_MAX: Duration = Duration::from_secs(3600);
/// How often who waits for a poll is asked whether it still does.
const PATIENCE: Duration = Duration::from_millis(200);

/// Asks sources again and again while the server runs.
pub(crate) struct Schedule {
    world: Arc<SharedWorld>,
    importer: Arc<FolderImporter>,
    permits: Arc<Semaphore>,
    stopping: AtomicBool,
    places: Mutex<Vec<(Arc<Place>, Task<()>)>>,
}

/// A source, and how it stands with it.
struct Place {
    config: SourceConfig,
    back_off: BackOff,
    state: Mutex<State>,
    /// Somebody does not want to wait until its time has come.
    wake: Notify,
}

struct State {
    doing: Doing,
    failures: u32,
    failure: Option<String>,
    next_poll_at: Option<groma_model::Timestamp>,
    waiters: Vec<mpsc::Sender<Answer>>,
    /// What it said last, and when that was written down.
    said: Option<(u64, std::time::Instant)>,
}

/// A schedule that can be changed while it runs.
#[derive(Clone)]
pub struct Sources {
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) threads: Handle,
    pub(crate) back_off: BackOff,
}

impl Sources {
    /// From now on these are asked, and no others. Those that are as they were go on as they did.
    pub fn set(&self, sources: Vec<SourceConfig>) {
        self.schedule.set(&self.threads, sources, self.back_off);
    }
}

type Answer = Result<ImportReport, QueryError>;

impl Schedule {
    pub(crate) fn new(world: Arc<SharedWorld>, importer: Arc<FolderImporter>) -> Schedule {
        Schedule {
            world,
            importer,
            permits: Arc::new(Semaphore::new(POLLS_AT_ONCE_MAX)),
            stopping: AtomicBool::new(false),
            places: Mutex::default(),
        }
    }

    /// From now on these are asked, and no others. Those that are as they were go on as they did;
    /// a poll of another one that has begun comes to its end.
    pub(crate) fn set(
        self: &Arc<Self>,
        threads: &Handle,
        sources: Vec<SourceConfig>,
        back_off: BackOff,
    ) {
        let mut places = lock(&self.places);
        let mut before = std::mem::take(&mut *places);
        for config in sources {
            let same = before.iter().position(|(place, _)| place.config == config);
            places.push(match same {
                Some(index) => before.swap_remove(index),
                None => {
                    let place = Arc::new(Place::new(config, back_off));
                    let task = spawn(threads, Arc::clone(self).keep(Arc::clone(&place)));
                    (place, task)
                }
            });
        }
        places.sort_by(|(a, _), (b, _)| a.config.name.cmp(&b.config.name));
        dismiss(before);
    }

    /// Asks nobody any more; what an answer that is still on its way says is not taken.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        dismiss(std::mem::take(&mut *lock(&self.places)));
    }

    /// Asks a source again and again, until the task is dropped.
    async fn keep(self: Arc<Self>, place: Arc<Place>) {
        let mut due = Instant::now();
        loop {
            tokio::select! {
                () = sleep_until(due) => {}
                () = place.wake.notified() => {}
            }
            place.state().doing = Doing::Queued;
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return };
            let (schedule, asked) = (Arc::clone(&self), Arc::clone(&place));
            let began = Instant::now();
            let polled = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                schedule.ask(&asked)
            });
            let Ok(wait) = polled.await else { return }; // the runtime ends
            due = match wait {
                None => (began + place.config.every).max(Instant::now() + EVERY_MIN),
                Some(wait) => Instant::now() + wait,
            };
            let next = std::time::SystemTime::now() + due.saturating_duration_since(Instant::now());
            place.state().next_poll_at = Some(timestamp(next));
        }
    }

    /// One poll, with all that is noted of it. Gives how long to leave a failing source alone.
    fn ask(&self, place: &Place) -> Option<Duration> {
        let (waiters, said) = {
            let mut state = place.state();
            (state.doing, state.next_poll_at) = (Doing::Asking, None);
            (std::mem::take(&mut state.waiters), state.said)
        };
        let known = said.filter(|(_, at)| waiters.is_empty() && at.elapsed() < UNCHANGED_MAX);
        let polled = catch_unwind(AssertUnwindSafe(|| self.poll(place, known.map(|said| said.0))))
            .unwrap_or_else(|_| Err(internal().into()));
        let mut state = place.state();
        state.doing = Doing::Waiting;
        let (answer, wait) = match polled {
            Ok((report, mark)) => {
                (state.failures, state.failure) = (0, None);
                let at = said.filter(|said| known.is_some() && said.0 == mark);
                state.said = Some((mark, at.map_or_else(std::time::Instant::now, |said| said.1)));
                (Ok(report), None)
            }
            Err(unheard) => {
                state.failures += 1;
                state.failure = Some(unheard.error.message().to_owned());
                let name = &*place.config.name;
                tracing::warn!(source = name, error = %unheard.error, "a source did not answer");
                let wait = place.back_off.wait(state.failures, name, unheard.retry_after);
                // Where only a person can help, there is no hurry.
                let wait = if unheard.is_lasting { wait.max(place.config.every) } else { wait };
                (Err(*unheard.error), Some(wait))
            }
        };
        waiters.into_iter().for_each(|waiter| drop(waiter.send(answer.clone())));
        wait
    }

    /// Hears a source and commits what it says, unless that is known.
    fn poll(&self, place: &Place, known: Option<u64>) -> Result<(ImportReport, u64), Unheard> {
        let (config, import) = (&place.config, place.config.import());
        let found = find(&import, config.secrets()).inspect_err(|unheard| {
            if !self.stopping.load(Ordering::Relaxed)
                && let Err(error) = note_failure(&self.world, &import, &config.name, unheard)
            {
                tracing::warn!(source = config.name, %error, "a failed poll could not be noted");
            }
        })?;
        if self.stopping.load(Ordering::Relaxed) {
            return Err(QueryError::new("57P01", "the server is stopping").into());
        }
        let mark = mark(&found);
        if known == Some(mark) {
            note_unchanged(&self.world, &import, &config.name)?;
            return Ok((ImportReport::default(), mark));
        }
        // If this breaks off half-way, what was said before is no longer what stands there.
        place.state().said = None;
        Ok((self.importer.read(&self.world, &import, found)?, mark))
    }
}

impl groma_query::Schedule for Schedule {
    fn sources(&self) -> Vec<Scheduled> {
        lock(&self.places).iter().map(|(place, _)| place.row()).collect()
    }

    fn poll(&self, name: &str, is_awaited: &dyn Fn() -> bool) -> Answer {
        let (sender, answer) = mpsc::channel();
        {
            let places = lock(&self.places);
            let place = places.iter().find(|(place, _)| place.config.name == name);
            let (place, _) = place.ok_or_else(|| not_scheduled(name, places.is_empty()))?;
            place.state().waiters.push(sender);
            place.wake.notify_one();
        }
        loop {
            match answer.recv_timeout(PATIENCE) {
                Ok(answer) => return answer,
                Err(mpsc::RecvTimeoutError::Timeout) if is_awaited() => {}
                Err(_) => {
                    let text = format!("nobody asks \"{name}\" any more");
                    return Err(QueryError::new("57014", text));
                }
            }
        }
    }
}

impl Place {
    fn new(config: SourceConfig, back_off: BackOff) -> Place {
        let state = State {
            doing: Doing::Waiting,
            failures: 0,
            failure: None,
            next_poll_at: Some(now()),
            waiters: Vec::new(),
            said: None,
        };
        Place { config, back_off, state: Mutex::new(state), wake: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn row(&self) -> Scheduled {
        let state = self.state();
        Scheduled {
            name: self.config.name.clone(),
            database: self.config.database.clone(),
            path: self.config.path.display().to_string(),
            every: self.config.every,
            doing: state.doing,
            failures: state.failures,
            failure: state.failure.clone(),
            next_poll_at: state.next_poll_at,
        }
    }
}

/// Nobody waits for those any more that are no longer asked.
fn dismiss(places: Vec<(Arc<Place>, Task<()>)>) {
    places.iter().for_each(|(place, _)| place.state().waiters.clear());
}

fn not_scheduled(name: &str, is_nobody: bool) -> QueryError {
    let error = QueryError::new("42704", format!("no source \"{name}\" is on the schedule"));
    error.with_hint(match is_nobody {
        true => "groma serve --sources FILE asks sources on a schedule.",
        false => "SELECT name FROM model.sources WHERE poll IS NOT NULL lists them.",
    })
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
