//! Throughput: a small panel per row, a bar per engine, each panel with its own scale from zero.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::engine::Outcome;
use crate::report::plot::{FONT, colour};
use crate::report::rows::{self, Spec, Unit};
use crate::report::statistics::Medians;
use crate::report::table::marked;

const COLUMNS: usize = 4;
const PANEL: (i32, i32) = (290, 34);
const BAR: i32 = 17;
/// Room for names left of the bars, and for figures right of the longest.
const MARGINS: (i32, i32) = (86, 52);

/// Draws it; whether there was anything to draw.
pub fn draw(file: &Path, medians: &Medians<'_>) -> Outcome<bool> {
    let panels: Vec<&Spec> = rows::ALL
        .iter()
        .filter(|spec| spec.unit == Unit::PerSecond && spec.workload != crate::workload::SCALING)
        .filter(|spec| {
            medians.engines().iter().any(|engine| medians.of(engine, spec.workload, spec.row).is_some())
        })
        .collect();
    if panels.is_empty() {
        return Ok(false);
    }
    let height = PANEL.1 + BAR * i32::try_from(medians.engines().len())?;
    let lines = panels.len().div_ceil(COLUMNS);
    let size = (PANEL.0 * i32::try_from(COLUMNS)?, height * i32::try_from(lines)? + 10);
    let root = SVGBackend::new(file, (u32::try_from(size.0)?, u32::try_from(size.1)?)).into_drawing_area();
    root.fill(&WHITE)?;
    for (at, spec) in panels.iter().enumerate() {
        let corner = (PANEL.0 * i32::try_from(at % COLUMNS)?, height * i32::try_from(at / COLUMNS)?);
        panel(&root, corner, medians, spec)?;
    }
    root.present()?;
    Ok(true)
}

/// One row of the table.
fn panel<B: DrawingBackend>(
    root: &DrawingArea<B, plotters::coord::Shift>,
    (left, top): (i32, i32),
    medians: &Medians<'_>,
    spec: &Spec,
) -> Outcome<()>
where
    B::ErrorType: 'static,
{
    let text = |size: i32, weight: FontStyle, right: bool| {
        let anchor = Pos::new(if right { HPos::Right } else { HPos::Left }, VPos::Center);
        TextStyle::from((FONT, size, weight).into_font()).pos(anchor)
    };
    root.draw(&Text::new(spec.title, (left + 8, top + 18), text(13, FontStyle::Bold, false)))?;
    let of = |engine: &str| medians.of(engine, spec.workload, spec.row);
    let most = medians.engines().iter().filter_map(|engine| of(engine)).fold(f64::MIN_POSITIVE, f64::max);
    let room = f64::from(PANEL.0 - MARGINS.0 - MARGINS.1);
    for (at, engine) in medians.engines().iter().enumerate() {
        let middle = top + PANEL.1 + BAR * i32::try_from(at)? + BAR / 2 - 4;
        let start = left + MARGINS.0;
        root.draw(&Text::new((*engine).to_owned(), (start - 5, middle), text(11, FontStyle::Normal, true)))?;
        let Some(value) = of(engine) else {
            root.draw(&Text::new("–", (start + 3, middle), text(11, FontStyle::Normal, false)))?;
            continue;
        };
        let end = start + (value / most * room).round().max(1.0) as i32;
        let bar = [(start, middle - BAR / 2 + 2), (end, middle + BAR / 2 - 2)];
        root.draw(&Rectangle::new(bar, colour(engine).filled()))?;
        let label = marked(medians, engine, spec, value);
        root.draw(&Text::new(label, (end + 4, middle), text(11, FontStyle::Normal, false)))?;
    }
    Ok(())
}
