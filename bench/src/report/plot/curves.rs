//! Curves: latency over percentiles and over time, and load throughput over the number of keys. The y axis is logarithmic, and
//! the x axis nearly, but for time.

use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::engine::Outcome;
use crate::report::plot::{FONT, colour};
use crate::report::statistics::Medians;
use crate::report::table::SCALED;

/// Percentiles of a curve: each is a tenfold step towards the longest, but for the first two.
const PERCENTILES: [(&str, f64); 6] =
    [("p50", 0.3), ("p90", 1.0), ("p99", 2.0), ("p99.9", 3.0), ("p99.99", 4.0), ("p99.999", 5.0)];

/// A named line of points.
struct Line<'a> {
    engine: &'a str,
    points: Vec<(f64, f64)>,
}

/// Draws a latency curve of the rows that begin with `name`; whether there was anything to draw.
pub fn latencies(file: &Path, medians: &Medians<'_>, workload: &str, name: &str) -> Outcome<bool> {
    let of = |engine: &str, percentile: &str| medians.of(engine, workload, &format!("{name} {percentile}"));
    let lines = lines(medians, |engine| {
        PERCENTILES.iter().filter_map(|(percentile, x)| Some((*x, of(engine, percentile)?))).collect()
    });
    let label = |x: f64| {
        let nearest = PERCENTILES.iter().find(|(_, at)| (at - x).abs() < 0.05);
        nearest.map_or(String::new(), |(percentile, _)| (*percentile).to_owned())
    };
    let title = format!("Latency of one {name}, µs");
    draw(file, &title, &lines, 0.2..5.1, &PERCENTILES.map(|(_, x)| x), &label)
}

/// Draws load throughput over the number of keys; whether there was anything to draw.
pub fn scaling(file: &Path, medians: &Medians<'_>) -> Outcome<bool> {
    let workload = crate::workload::SCALING;
    let sizes = medians.keys_of(workload);
    let millions = |keys: u64| keys as f64 / 1e6;
    let mut lines = lines(medians, |engine| {
        let of = |keys: u64| medians.at(engine, workload, SCALED, keys);
        sizes.iter().filter_map(|keys| Some((millions(*keys).log10(), of(*keys)? / 1e3))).collect()
    });
    lines.retain(|line| !line.points.is_empty());
    let ticks: Vec<f64> = sizes.iter().map(|keys| millions(*keys).log10()).collect();
    let (Some(first), Some(last)) = (ticks.first(), ticks.last()) else { return Ok(false) };
    let label = |x: f64| format!("{:.0} M", 10f64.powf(x));
    draw(
        file,
        "Random load until settled, thousand puts/s, over keys",
        &lines,
        first - 0.05..last + 0.05,
        &ticks,
        &label,
    )
}

/// Draws a row of a sustained load, a point a second; whether there was anything to draw.
pub fn over_time(file: &Path, medians: &Medians<'_>, row: &str, title: &str) -> Outcome<bool> {
    let lines = lines(medians, |engine| {
        let seconds = medians.seconds(engine, "sustained", row);
        seconds.into_iter().map(|(second, figure)| (second as f64, figure)).collect()
    });
    let last = lines.iter().flat_map(|line| &line.points).fold(0.0, |last, (second, _)| second.max(last));
    let step = (last / 10.0).ceil().max(1.0);
    let ticks: Vec<f64> = (0..).map(|at| f64::from(at) * step).take_while(|second| *second <= last).collect();
    let title = format!("{title} in each second of a load, µs, over seconds");
    draw(file, &title, &lines, -0.5..last + 0.5, &ticks, &|second| format!("{second:.0}"))
}

fn lines<'a>(medians: &Medians<'a>, points: impl Fn(&str) -> Vec<(f64, f64)>) -> Vec<Line<'a>> {
    let all = medians.engines().iter().map(|engine| Line { engine, points: points(engine) });
    all.filter(|line| !line.points.is_empty()).collect()
}

/// Draws lines over a logarithmic y axis, with grid lines and labels at the ticks alone, and names right of the plot.
fn draw(
    file: &Path,
    title: &str,
    lines: &[Line<'_>],
    x: Range<f64>,
    ticks: &[f64],
    label: &dyn Fn(f64) -> String,
) -> Outcome<bool> {
    let values = || lines.iter().flat_map(|line| line.points.iter().map(|(_, y)| *y)).filter(|y| *y > 0.0);
    let (Some(least), Some(most)) = (values().reduce(f64::min), values().reduce(f64::max)) else {
        return Ok(false);
    };
    let root = SVGBackend::new(file, (760, 430)).into_drawing_area();
    root.fill(&WHITE)?;
    let (plot, names) = root.split_horizontally(640);
    let y = 10f64.powf(least.log10().floor())..10f64.powf(most.log10().ceil());
    let mut chart = ChartBuilder::on(&plot)
        .caption(title, (FONT, 17))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d(x, y.clone().log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .label_style((FONT, 12))
        .light_line_style(WHITE)
        .draw()?;
    for tick in ticks {
        chart.draw_series(std::iter::once(PathElement::new(
            [(*tick, y.start), (*tick, y.end)],
            BLACK.mix(0.12),
        )))?;
        let style = TextStyle::from((FONT, 12).into_font()).pos(Pos::new(HPos::Center, VPos::Top));
        let below = move || EmptyElement::at((*tick, y.start)) + Text::new(label(*tick), (0, 6), style);
        chart.draw_series(std::iter::once(below()))?;
    }
    for line in lines {
        let style = colour(line.engine).stroke_width(if line.engine == "esker" { 3 } else { 2 });
        chart.draw_series(
            LineSeries::new(line.points.iter().copied(), style).point_size(if line.points.len() > 30 {
                1
            } else {
                3
            }),
        )?;
    }
    legend(&names, lines)?;
    root.present()?;
    Ok(true)
}

/// The names of the lines in the order in which they end, from the top.
fn legend<B: DrawingBackend>(area: &DrawingArea<B, Shift>, lines: &[Line<'_>]) -> Outcome<()>
where
    B::ErrorType: 'static,
{
    let mut ordered: Vec<&Line<'_>> = lines.iter().collect();
    let end = |line: &Line<'_>| line.points.last().map_or(0.0, |(_, y)| *y);
    ordered.sort_by(|a, b| end(b).total_cmp(&end(a)));
    for (at, line) in ordered.iter().enumerate() {
        let y = 60 + 20 * i32::try_from(at)?;
        area.draw(&Rectangle::new([(4, y), (16, y + 4)], colour(line.engine).filled()))?;
        area.draw(&Text::new(line.engine.to_owned(), (22, y - 4), (FONT, 13)))?;
    }
    Ok(())
}
