//! Generates into a folder and says how long it took: `generate <folder> [scale] [seed]`.

use std::path::PathBuf;
use std::time::Instant;

use groma_generate::{Plan, generate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder: PathBuf = arguments.next().ok_or("name a folder")?.into();
    let mut plan = Plan::default();
    if let Some(scale) = arguments.next() {
        plan.scale = scale.parse()?;
    }
    if let Some(seed) = arguments.next() {
        plan.seed = seed.parse()?;
    }
    let started = Instant::now();
    let truth = generate(&plan, &folder, &mut |_| {})?;
    println!("{truth:#?}\nin {:.2} s", started.elapsed().as_secs_f64());
    Ok(())
}
