//! What the tests ask of an importer's answer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use groma_connect::{Heard, Input, discover};
use groma_model::{Observation, Problem, Schema, Timestamp, Value};

/// An entity's attributes as people see them.
pub(crate) type Attributes = BTreeMap<String, String>;

/// All that was heard, read against the schema that ships.
#[derive(Default)]
pub(crate) struct World {
    entities: BTreeMap<(String, String), Attributes>,
    pub(crate) observations: Vec<Observation>,
    pub(crate) problems: Vec<Problem>,
}

/// Reads a file or folder. Panics if an importer says something that does not fit the schema.
pub(crate) fn hear(path: &Path) -> World {
    let found = discover(path).unwrap();
    let mut world = World { problems: found.problems, ..World::default() };
    found.inputs.iter().for_each(|input| world.hear(input));
    world
}

/// Reads what a live source answered.
pub(crate) fn hear_input(input: &Input) -> World {
    let mut world = World::default();
    world.hear(input);
    world
}

impl World {
    fn hear(&mut self, input: &Input) {
        let schema = Schema::builtin();
        input.decode(Timestamp(7), &mut |heard: Heard| {
            self.problems.extend(heard.problems);
            for observation in heard.observations {
                self.take(&schema, observation);
            }
        });
    }

    fn take(&mut self, schema: &Schema, observation: Observation) {
        let kind = schema.find(&observation.kind).unwrap();
        let key = (observation.kind.to_string(), observation.key.clone());
        let entity = self.entities.entry(key).or_default();
        for (name, raw) in &observation.attributes {
            // The store tells of it once a commit.
            let Some(at) = kind.attribute(name) else {
                self.problems.push(Problem::new(
                    kind.to_string(),
                    name,
                    "it has no such attribute",
                ));
                continue;
            };
            let attribute = &kind.attributes[at];
            let value = Value::read(raw, attribute, schema)
                .unwrap_or_else(|error| panic!("{}: {error}", observation.key));
            let text = value.map_or("NULL".into(), |value| value.print(&attribute.of, schema));
            entity.insert(name.to_string(), text);
        }
        self.observations.push(observation);
    }

    /// How many entities of a kind there are.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.all(kind).count()
    }

    /// Entities of a kind, by key.
    pub(crate) fn all<'a>(
        &'a self,
        kind: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Attributes)> {
        let all = self.entities.iter().filter(move |((of, _), _)| of == kind);
        all.map(|((_, key), attributes)| (key.as_str(), attributes))
    }

    /// An attribute, empty if nothing is said about it.
    pub(crate) fn get(&self, kind: &str, key: &str, attribute: &str) -> &str {
        let entity = self.entities.get(&(kind.to_owned(), key.to_owned()));
        let entity = entity.unwrap_or_else(|| panic!("there is no {kind} {key}"));
        entity.get(attribute).map_or("", String::as_str)
    }

    /// Reasons of all problems.
    pub(crate) fn reasons(&self) -> Vec<&str> {
        self.problems.iter().map(|problem| problem.reason.as_str()).collect()
    }

    /// Whether some problem has all these words in its place, text or reason.
    pub(crate) fn has_problem(&self, words: &[&str]) -> bool {
        self.problems.iter().any(|problem| {
            let all = format!("{} {} {}", problem.place, problem.text, problem.reason);
            words.iter().all(|word| all.contains(word))
        })
    }
}

/// A path below the shared data; `None`, with a line on stdout, when it is not there.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let path = root.join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

/// A folder with these files, gone when dropped.
pub(crate) fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}
