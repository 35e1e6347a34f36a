//! A world that many look at while one at a time changes it.

use std::ops::Deref;

use parking_lot::{RwLock, RwLockUpgradableReadGuard};

use super::{World, Writer};

/// A world that many look at while one at a time changes it. Whoever looks waits for a change to become
/// visible, some microseconds, and never for the disk.
pub struct SharedWorld(RwLock<World>);

impl SharedWorld {
    /// From now on shared.
    pub fn new(world: World) -> SharedWorld {
        SharedWorld(RwLock::new(world))
    }

    /// The world as it is. Changes wait until this is dropped: hold it for a moment only.
    pub fn now(&self) -> impl Deref<Target = World> {
        self.0.read()
    }

    /// The turn to change it; waits until others have had theirs.
    pub fn turn(&self) -> Turn<'_> {
        Turn(self.0.upgradable_read())
    }
}

/// The turn to change a shared world, until it is dropped.
pub struct Turn<'w>(RwLockUpgradableReadGuard<'w, World>);

impl Deref for Turn<'_> {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl Writer for Turn<'_> {
    fn world(&self) -> &World {
        &self.0
    }

    fn publish<T>(&mut self, change: impl FnOnce(&mut World) -> T) -> T {
        self.0.with_upgraded(change)
    }
}
