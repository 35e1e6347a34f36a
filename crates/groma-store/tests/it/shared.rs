//! A shared world: whoever looks does not wait for the disk, and sees what is durable only.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use groma_model::Version;
use groma_store::{
    Journal, JournalError, JournalReader, LIVE, MemoryJournal, SharedWorld, World, Writer as _,
};

use crate::made::{commit, schema};

/// A disk that says when it was asked to write, and writes when it is told to.
struct SlowJournal {
    journal: MemoryJournal,
    asked: Sender<()>,
    told: Mutex<Receiver<()>>,
}

impl Journal for SlowJournal {
    fn reader(&self) -> Result<Box<dyn JournalReader>, JournalError> {
        self.journal.reader()
    }

    fn append(&self, entry: &[u8]) -> Result<u64, JournalError> {
        self.asked.send(()).unwrap();
        self.told.lock().unwrap().recv().unwrap();
        self.journal.append(entry)
    }

    fn rewrite(&mut self, entries: &[(u64, Vec<u8>)]) -> Result<(), JournalError> {
        self.journal.rewrite(entries)
    }
}

#[test]
fn whoever_looks_does_not_wait_for_the_disk() {
    let ((asked, is_asked), (tell, told)) = (channel(), channel());
    let journal = SlowJournal { journal: MemoryJournal::default(), asked, told: Mutex::new(told) };
    let world = Arc::new(SharedWorld::new(World::open(schema(), Box::new(journal)).unwrap()));
    let change = |mtu: i64| {
        let world = Arc::clone(&world);
        let line = format!("port d:1 mtu={mtu}");
        thread::spawn(move || world.turn().commit(LIVE, commit("cmdb", &line, mtu)).unwrap())
    };

    let first = change(1);
    is_asked.recv().unwrap();
    let second = change(2);
    assert_eq!(world.now().version(), Version(0), "what is not durable is not seen");
    assert_eq!(world.now().snapshot(LIVE).unwrap().version(), Version(0));

    tell.send(()).unwrap();
    assert_eq!(first.join().unwrap(), Version(1));
    is_asked.recv().unwrap();
    assert_eq!(world.now().version(), Version(1), "the second is still on its way");
    tell.send(()).unwrap();
    assert_eq!(second.join().unwrap(), Version(2));
    assert_eq!(world.now().snapshot(LIVE).unwrap().version(), Version(2));
}

#[test]
fn who_has_the_turn_sees_what_he_changed() {
    let world = World::open(schema(), Box::new(MemoryJournal::default())).unwrap();
    let world = SharedWorld::new(world);
    let mut turn = world.turn();
    let version = turn.commit(LIVE, commit("cmdb", "port d:1 mtu=1", 1)).unwrap();
    assert_eq!(turn.version(), version);
    turn.commit(LIVE, commit("cmdb", "port d:1 mtu=2", 2)).unwrap();
    assert_eq!(world.now().version(), Version(2), "others too, before the turn is over");
}
