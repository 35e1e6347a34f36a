//! The databases of the store.

use groma_model::{Timestamp, Version};
use groma_store::own_changes;

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "databases",
    doc: "The databases of the store: live and its forks.",
    columns: &[
        column("name", Type::Text, "Its name."),
        column(
            "mode",
            Type::Text,
            "live, frozen, or tracking: it sees later commits of its template.",
        ),
        column("template", Type::Text, "The database it was forked from; NULL: it is live."),
        column("template_version", Type::Integer, "Version of the template at that time."),
        column("created_at", Type::Time, "When it was forked, by our clock."),
        column("created_by", Type::Text, "Who forked it; NULL: not known."),
        column(
            "last_used_at",
            Type::Time,
            "When it was made, committed to or, since the server started, asked; NULL: never.",
        ),
        column("version", Type::Integer, "Its last commit."),
        column(
            "oldest_version",
            Type::Integer,
            "The oldest version that can be asked, of any database; NULL: nothing was given up.",
        ),
        column("oldest_heard_at", Type::Time, "When that was heard."),
        column("entities", Type::Integer, "Entities in it."),
        column(
            "own_changes",
            Type::Integer,
            "Attributes and entities that it changed and its template has not got; NULL: it is live.",
        ),
    ],
    rows: |view, sheet| {
        let all = view.databases();
        let (oldest, heard_at) = view.engine().oldest_version();
        let kept = |cell: Cell<'static>| if oldest == Version(0) { Cell::Null } else { cell };
        all.iter().try_for_each(|database| {
            let template = database.template();
            let snapshot = database.snapshot();
            let entities: usize = snapshot.kinds().map(|kind| snapshot.count(kind.id)).sum();
            sheet.push([
                Cell::Text(database.name()),
                Cell::Text(template.map_or("live", |template| template.mode.name())),
                template.map_or(Cell::Null, |template| Cell::Text(&template.name)),
                template.map_or(Cell::Null, |template| Cell::Integer(template.version.0 as i64)),
                template.map_or(Cell::Null, |template| Cell::Time(template.created_at)),
                template
                    .filter(|template| !template.created_by.is_empty())
                    .map_or(Cell::Null, |template| Cell::Text(&template.created_by)),
                match database.last_used_at() {
                    Timestamp::MIN => Cell::Null,
                    at => Cell::Time(at),
                },
                Cell::Integer(database.version().0 as i64),
                kept(Cell::Integer(oldest.0 as i64)),
                kept(Cell::Time(heard_at)),
                Cell::Integer(entities as i64),
                template.map_or(Cell::Null, |_| {
                    let parent = all.iter().find(|other| database.is_fork_of(other));
                    Cell::Integer(own_changes(database, parent) as i64)
                }),
            ])
        })
    },
};
