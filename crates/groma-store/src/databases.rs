//! The databases of a world by name, and how those that track follow their templates.
//!
//! A commit only tells the forks that track its database that there is something new; a fork catches
//! up when it is next looked at, committed to or dropped its template.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use groma_model::{Schema, Timestamp, Version};

use crate::codec::{self, Entry};
use crate::fork::DatabaseId;
use crate::schemas::Schemas;
use crate::set_aside::Aside;
use crate::snapshot::News;
use crate::{Change, Commit, Database, Entity, Fork, ForkMode, LIVE, Snapshot, StoreError};

/// All databases at one version. `clone` is O(databases).
#[derive(Debug, Clone)]
pub(crate) struct Databases {
    by_name: BTreeMap<Arc<str>, Held>,
    /// The last commit in any of them.
    version: Version,
    /// Which forks track a database.
    followers: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    forks_made: DatabaseId,
    /// Databases dropped since states that nobody needs were last let go.
    dropped: usize,
    /// How many schemas were applied so far.
    schemas: usize,
}

/// A database, as it was when it last caught up.
#[derive(Debug, Clone)]
struct Held {
    database: Database,
    pending: Option<Box<Pending>>,
}

/// The template has moved on.
#[derive(Debug, Clone)]
struct Pending {
    template: Database,
    caught_up: OnceLock<Database>,
}

impl Databases {
    /// `live` alone, with nothing in it.
    pub(crate) fn empty(schema: Arc<Schema>) -> Databases {
        let live = Database::live(Snapshot::empty(schema));
        let held = Held { database: live, pending: None };
        let by_name = BTreeMap::from([(Arc::clone(held.database.name()), held)]);
        let followers = BTreeMap::new();
        Databases { by_name, version: Version(0), followers, forks_made: 0, dropped: 0, schemas: 0 }
    }

    /// The last commit in any of them.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn all(&self) -> impl ExactSizeIterator<Item = &Database> {
        self.by_name.values().map(Held::now)
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Database, StoreError> {
        self.find(name).ok_or_else(|| StoreError::NoDatabase {
            name: name.into(),
            known: self.by_name.keys().take(8).cloned().collect(),
        })
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// All states that an answer may come from, and entities of other states.
    pub(crate) fn needed(&self, states: &mut Vec<Snapshot>, entities: &mut Vec<Arc<Entity>>) {
        // `live` first: most others differ little from it.
        let live = self.by_name.get(LIVE).into_iter();
        for held in live.chain(self.by_name.values()) {
            for database in [&held.database, held.now()] {
                states.push(database.snapshot().clone());
                states.extend(database.known().states().cloned());
                if let Some(overlay) = database.overlay() {
                    states.push(overlay.template().clone());
                    entities.extend(overlay.entities_before().cloned());
                }
            }
        }
    }

    pub(crate) fn note_used(&self, name: &str, at: Timestamp) {
        if let Some(database) = self.find(name) {
            database.note_used(at);
        }
    }

    /// Takes in an entry as it was written. What does not fit the schema of today is left out, and a
    /// problem of its database counts it.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        schemas: &Schemas,
        changing: &mut dyn FnMut(&Database, &Entry),
    ) -> Result<Entry, String> {
        let (entry, aside) = self.decode(bytes, schemas)?;
        self.take_in(&entry, aside, changing)?;
        Ok(entry)
    }

    /// The next entry, in names of today.
    pub(crate) fn decode(&self, bytes: &[u8], schemas: &Schemas) -> Result<(Entry, Aside), String> {
        codec::decode(bytes, &schemas.schema, schemas.steps_after(self.schemas))
            .map_err(|malformed| malformed.to_string())
    }

    /// Takes in an entry and what of it was set aside.
    pub(crate) fn take_in(
        &mut self,
        entry: &Entry,
        aside: Aside,
        changing: &mut dyn FnMut(&Database, &Entry),
    ) -> Result<News, String> {
        if let Entry::Commit { database: name, commit, .. } = entry
            && !aside.is_empty()
            && let Some(held) = self.by_name.get_mut(name)
        {
            held.catch_up().put_aside(aside, commit.heard_at);
        }
        self.take(entry, changing)
    }

    /// Takes in an entry; `changing` sees the database that it is about to change. Gives the sources
    /// that said something new by it.
    pub(crate) fn take(
        &mut self,
        entry: &Entry,
        changing: &mut dyn FnMut(&Database, &Entry),
    ) -> Result<News, String> {
        match entry {
            Entry::Commit { database, version, commit, problems_not_kept } => {
                if *version <= self.version {
                    return Err(format!("it is {version} and comes after {}", self.version));
                }
                if let Some(database) = self.find(database) {
                    changing(database, entry);
                }
                let news = self.commit(database, *version, commit, *problems_not_kept)?;
                self.version = *version;
                return Ok(news);
            }
            Entry::Fork { fork, back } => self.fork(fork, back)?,
            Entry::Drop { name } => self.remove(name)?,
            Entry::Schema(row) => {
                if row.version <= self.version {
                    return Err(format!("it is {} and comes after {}", row.version, self.version));
                }
                self.version = row.version;
                self.schemas += 1;
            }
            Entry::Compacted { .. } => {}
        }
        Ok(News::new())
    }

    /// Takes a schema that continues that of today, if nothing of another time is held. `false`: it is
    /// not taken, and everything must be read anew.
    pub(crate) fn take_schema(&mut self, schema: &Arc<Schema>, before: &Schema) -> bool {
        if self.by_name.len() > 1 || self.forks_made > 0 || !schema.continues(before) {
            return false;
        }
        let mut held = self.by_name.values_mut();
        held.all(|held| {
            let has_all = held.database.has_all();
            if has_all {
                held.database.take_schema(schema);
            }
            has_all
        })
    }

    fn find(&self, name: &str) -> Option<&Database> {
        self.by_name.get(name).map(Held::now)
    }

    fn commit(
        &mut self,
        name: &str,
        version: Version,
        commit: &Commit,
        problems_not_kept: u64,
    ) -> Result<News, String> {
        let merged = commit.merged_from.as_ref().and_then(|merged| {
            self.find(&merged.name).filter(|from| from.version() == merged.version).cloned()
        });
        let held = (self.by_name.get_mut(name))
            .ok_or_else(|| format!("it is for \"{name}\", which is not there"))?;
        let database = held.catch_up();
        let news = database.commit(version, commit, problems_not_kept);
        if let Some(from) = &merged {
            database.known_mut().learn_all(from.known(), version);
            database.known_mut().learn(from.id(), from.snapshot(), version);
        }
        let id = database.id();
        self.tell_followers(name);
        if let Some(from) = merged
            && from.template_id() == Some(id)
            && let Some(held) = self.by_name.get_mut(from.name())
        {
            held.catch_up().give_up_own();
            self.tell_followers(from.name());
        }
        Ok(news)
    }

    fn fork(&mut self, fork: &Fork, back: &[Change]) -> Result<(), String> {
        let template = (self.find(&fork.template))
            .ok_or_else(|| format!("it forks \"{}\", which is not there", fork.template))?;
        let (id, made) = (self.forks_made + 1, self.version);
        let database = match fork.at {
            None => template.fork(id, fork, made),
            Some(at) => template.back_to(at, back).fork(id, fork, made),
        };
        self.forks_made += 1;
        if fork.mode == ForkMode::Tracking {
            let followers = self.followers.entry(Arc::clone(&fork.template)).or_default();
            followers.push(Arc::clone(&fork.name));
        }
        self.by_name.insert(Arc::clone(&fork.name), Held { database, pending: None });
        Ok(())
    }

    /// Forks that followed it stay as they are from now on.
    fn remove(&mut self, name: &str) -> Result<(), String> {
        let held = (self.by_name.remove(name))
            .ok_or_else(|| format!("it drops \"{name}\", which is not there"))?;
        for follower in self.followers.remove(name).unwrap_or_default() {
            if let Some(held) = self.by_name.get_mut(&follower) {
                held.catch_up().stop_following();
            }
        }
        if let Some(template) = held.database.template()
            && let Some(followers) = self.followers.get_mut(&template.name)
        {
            followers.retain(|follower| &**follower != name);
        }
        self.dropped += 1;
        if self.dropped > self.by_name.len() {
            self.let_go();
        }
        Ok(())
    }

    /// A follower that is itself followed catches up at once, so that its followers see it move.
    fn tell_followers(&mut self, name: &str) {
        let mut moved: Vec<Arc<str>> = vec![name.into()];
        while let Some(name) = moved.pop() {
            let followers = self.followers.get(&name).cloned().unwrap_or_default();
            let template = self.find(&name).filter(|_| !followers.is_empty()).cloned();
            let Some(template) = template else { continue };
            for follower in &followers {
                if let Some(held) = self.by_name.get_mut(follower) {
                    held.template_moved(template.clone());
                }
            }
            moved.extend(followers);
        }
    }

    /// Lets go of states of databases that are gone and that no two others have taken in: no merge
    /// can start from them.
    fn let_go(&mut self) {
        self.dropped = 0;
        let mut knowers: BTreeMap<DatabaseId, usize> = BTreeMap::new();
        for database in self.by_name.values().map(|held| &held.database) {
            *knowers.entry(database.id()).or_default() += 2;
            database.known().iter().for_each(|(id, _)| *knowers.entry(id).or_default() += 1);
        }
        for held in self.by_name.values_mut() {
            held.database.known_mut().forget(|id| knowers.get(&id).is_some_and(|count| *count > 1));
        }
    }
}

impl Held {
    fn now(&self) -> &Database {
        match &self.pending {
            None => &self.database,
            Some(pending) => {
                pending.caught_up.get_or_init(|| self.database.follow(&pending.template))
            }
        }
    }

    fn catch_up(&mut self) -> &mut Database {
        if let Some(pending) = self.pending.take() {
            let Pending { template, caught_up } = *pending;
            let caught_up = caught_up.into_inner();
            self.database = caught_up.unwrap_or_else(|| self.database.follow(&template));
        }
        &mut self.database
    }

    fn template_moved(&mut self, template: Database) {
        // What somebody looked at is where the next catching up starts.
        if let Some(pending) = self.pending.take()
            && let Some(caught_up) = pending.caught_up.into_inner()
        {
            self.database = caught_up;
        }
        self.pending = Some(Box::new(Pending { template, caught_up: OnceLock::new() }));
    }
}
