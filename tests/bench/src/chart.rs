//! The charts, as SVG.

use std::path::Path;

use plotters::coord::combinators::IntoLogRange;
use plotters::prelude::*;

use crate::contestant::Contestant;
use crate::sample::Row;
use crate::workload::shown_size;

/// Width and height, in pixels.
const SIZE: (u32, u32) = (860, 480);

/// The font of all words.
const FONT: &str = "sans-serif";

/// The height of a bar, as a part of its row.
const BAR: f64 = 0.6;

/// The workloads whose ratios are in the chart: larger bodies would make the rest too small to see.
const IN_BARS: [&str; 3] = ["plain", "shaped", "http"];

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Bars: CPU per request as a multiple of the native route's.
pub fn ratios(path: &Path, rows: &[Row]) -> Result<(), String> {
    drawn(path, draw_ratios(path, rows))
}

/// Lines: CPU per request by the size of the bodies.
pub fn by_size(path: &Path, rows: &[Row], sizes: &[usize]) -> Result<(), String> {
    let x = |row: &Row| sizes.iter().copied().find(|&size| shown_size(size) == row.workload);
    let points = points(rows, x);
    drawn(
        path,
        draw_lines(
            path,
            "Envoy's CPU per request by size of both bodies",
            &points,
            SeriesLabelPosition::UpperLeft,
            &shown_size,
        ),
    )
}

/// Lines: CPU per request by connections.
pub fn by_connections(path: &Path, rows: &[Row]) -> Result<(), String> {
    let points = points(rows, |row| Some(row.connections));
    drawn(
        path,
        draw_lines(
            path,
            "Envoy's CPU per request by connections, plain result",
            &points,
            SeriesLabelPosition::UpperRight,
            &|x| x.to_string(),
        ),
    )
}

fn drawn(path: &Path, outcome: Outcome) -> Result<(), String> {
    outcome.map_err(|error| format!("{}: {error}", path.display()))
}

fn draw_ratios(path: &Path, rows: &[Row]) -> Outcome {
    let bars: Vec<_> = rows
        .iter()
        .filter(|row| row.contestant != Contestant::Native && IN_BARS.contains(&row.workload.as_str()))
        .filter_map(|row| {
            Some((format!("{}: {}", row.workload, row.contestant.name()), row.contestant, row.to_native?))
        })
        .collect();
    let most = bars.iter().map(|(_, _, ratio)| ratio.max).fold(1.0, f64::max) * 1.05;
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Envoy's CPU per request, native route = 1", (FONT, 20))
        .margin(15)
        .margin_left(235)
        .x_label_area_size(30)
        .build_cartesian_2d(0.0..most, bars.len() as f64..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .max_light_lines(0)
        .x_label_formatter(&|x| format!("{x:.1}"))
        .draw()?;
    for (row, (label, contestant, ratio)) in bars.iter().enumerate() {
        let middle = row as f64 + 0.5;
        let (top, bottom) = (middle - BAR / 2.0, middle + BAR / 2.0);
        let bar = Rectangle::new([(0.0, top), (ratio.median, bottom)], color(*contestant).filled());
        chart.draw_series([bar])?;
        let whisker = |from, to| PathElement::new([from, to], BLACK.stroke_width(1));
        chart.draw_series([
            whisker((ratio.min, middle), (ratio.max, middle)),
            whisker((ratio.min, middle - 0.1), (ratio.min, middle + 0.1)),
            whisker((ratio.max, middle - 0.1), (ratio.max, middle + 0.1)),
        ])?;
        let (x, y) = chart.backend_coord(&(0.0, middle));
        let words = (FONT, 14).into_font().color(&BLACK);
        area.draw_text(label, &words, (15, y - 8))?;
        area.draw_text(&format!("{:.2}", ratio.median), &(FONT, 14).into_font().color(&WHITE), (x + 6, y - 8))?;
    }
    chart.draw_series([PathElement::new([(1.0, 0.0), (1.0, bars.len() as f64)], BLACK.stroke_width(2))])?;
    area.present()?;
    Ok(())
}

type Points = Vec<(Contestant, Vec<(f64, f64)>)>;

/// For each contestant its points, with `x` as told.
fn points(rows: &[Row], x: impl Fn(&Row) -> Option<usize>) -> Points {
    let mut points = Points::new();
    for row in rows {
        let Some(x) = x(row) else { continue };
        let point = (x as f64, row.cpu.median);
        match points.iter_mut().find(|(contestant, _)| *contestant == row.contestant) {
            Some((_, of_contestant)) => of_contestant.push(point),
            None => points.push((row.contestant, vec![point])),
        }
    }
    points
}

fn draw_lines(
    path: &Path,
    title: &str,
    points: &Points,
    legend: SeriesLabelPosition,
    label: &dyn Fn(usize) -> String,
) -> Outcome {
    let all = || points.iter().flat_map(|(_, points)| points);
    let range = |value: fn(&(f64, f64)) -> f64| {
        let ends = all().map(value).fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), v| (least.min(v), most.max(v)));
        ends.0 * 0.8..ends.1 * 1.25
    };
    let vertical = range(|(_, y)| *y);
    // So that there are a few lines to read it by, whatever the range.
    let base = if vertical.end < vertical.start * 20.0 { 2.0 } else { 10.0 };
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, (FONT, 20))
        .margin(15)
        .x_label_area_size(35)
        .y_label_area_size(65)
        .build_cartesian_2d(range(|(x, _)| *x).log_scale().base(2.0), vertical.log_scale().base(base))?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .y_desc("µs per request")
        .x_label_formatter(&|x| label(x.round() as usize))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;
    for (contestant, points) in points {
        let style = color(*contestant).stroke_width(2);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), style))?
            .label(contestant.name())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
        chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, style.filled())))?;
    }
    chart.configure_series_labels().position(legend).background_style(WHITE.mix(0.8)).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}

const fn color(contestant: Contestant) -> RGBColor {
    match contestant {
        Contestant::Native => RGBColor(110, 110, 110),
        Contestant::LuaBare => RGBColor(70, 130, 180),
        Contestant::LuaShaping => RGBColor(25, 60, 120),
        Contestant::FilterBefore => RGBColor(225, 160, 110),
        Contestant::Filter | Contestant::FilterHttp => RGBColor(200, 80, 20),
    }
}
