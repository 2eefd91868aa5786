//! The layout: where what goes, in pixels.

use super::{
    Across, Figure, Panel, Style,
    axis::{Axis, round_step},
    svg::{Anchor, Svg},
};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 24.0;
const PLOT: f64 = WIDTH - LEFT - RIGHT;
/// Of a panel, and from one to the next.
const HEIGHT: f64 = 150.0;
const PITCH: f64 = HEIGHT + 44.0;
const LEGEND_LINE: f64 = 20.0;
/// Letters of a line below the title, at about 6.3 pixels each.
const LINE_OF_TEXT: usize = 138;

const TITLE: &str = "font-size=\"20\" font-weight=\"600\" fill=\"#1b1f24\"";
const ABOUT: &str = "font-size=\"13\" fill=\"#57606a\"";
const NAME: &str = "font-size=\"13\" fill=\"#1b1f24\"";
const PANEL_TITLE: &str = "font-size=\"13\" font-weight=\"600\" fill=\"#1b1f24\"";
const TICK: &str = "font-size=\"11\" fill=\"#57606a\"";
const GRID: &str = "stroke=\"#e4e7eb\" stroke-width=\"1\"";
const LEVEL: &str = "stroke=\"#8c959f\" stroke-width=\"1\" stroke-dasharray=\"2 3\"";
/// Behind a text that curves run through.
const HALO: &str = "font-size=\"11\" stroke=\"#ffffff\" stroke-width=\"3\"";
const SHADE: &str = "#fbeeea";

pub(super) fn draw(figure: &Figure) -> String {
    let about = wrapped(&figure.about);
    let legend = places(&figure.legend);
    let legend_lines = legend.last().map_or(0.0, |[_, y]| y + 1.0);
    let legend_top = 56.0 + 18.0 * about.len() as f64;
    let first = legend_top + LEGEND_LINE * legend_lines + 30.0;
    let height = first + PITCH * figure.panels.len() as f64 + 8.0;

    let mut svg = Svg::new(WIDTH, height, &figure.title);
    svg.text([24.0, 36.0], Anchor::Start, TITLE, &figure.title);
    for (index, line) in about.iter().enumerate() {
        let y = 58.0 + 18.0 * index as f64;
        svg.text([24.0, y], Anchor::Start, ABOUT, line);
    }
    for ((name, style), [x, line]) in figure.legend.iter().zip(legend) {
        let y = legend_top + LEGEND_LINE * (line + 0.5);
        let sample = [Some([x, y - 4.5]), Some([x + 26.0, y - 4.5])];
        svg.curve(sample.into_iter(), &pen(style));
        svg.text([x + 33.0, y], Anchor::Start, NAME, name);
    }
    for (index, panel) in figure.panels.iter().enumerate() {
        draw_panel(&mut svg, figure, panel, first + PITCH * index as f64);
    }
    let bottom = first + PITCH * (figure.panels.len() as f64 - 1.0) + HEIGHT;
    let unit = match figure.across {
        Across::Seconds => "seconds",
        Across::Sizes(of) => of,
    };
    svg.text([WIDTH - RIGHT, bottom + 34.0], Anchor::End, TICK, unit);
    svg.finish()
}

fn draw_panel(svg: &mut Svg, figure: &Figure, panel: &Panel, top: f64) {
    let values = panel
        .curves
        .iter()
        .flatten()
        .filter_map(|(_, value)| *value);
    let level = panel.level.as_ref().map(|(value, _)| *value);
    let axis = Axis::around(panel.scale, values.chain(level));
    let length = figure.time.end - figure.time.start;
    let x = |time: f64| LEFT + PLOT * ((time - figure.time.start) / length).clamp(0.0, 1.0);
    let y = |value: f64| top + HEIGHT * (1.0 - axis.place(value));

    let [from, to] = [figure.shaded.start, figure.shaded.end].map(x);
    svg.rectangle([from, top], [to - from, HEIGHT], SHADE);
    for tick in axis.ticks() {
        let y = y(tick);
        svg.curve([Some([LEFT, y]), Some([LEFT + PLOT, y])].into_iter(), GRID);
        let label = (panel.label)(tick);
        svg.text([LEFT - 8.0, y + 4.0], Anchor::End, TICK, &label);
    }
    // Twice as many as beside a panel: it is wider than high.
    let step = match figure.across {
        Across::Seconds => round_step(length / 2.0),
        Across::Sizes(_) => 1.0,
    };
    for tick in 0..=(length / step).floor() as u32 {
        let time = figure.time.start + f64::from(tick) * step;
        let label = match figure.across {
            Across::Seconds => format!("{}", (time * 100.0).round() / 100.0),
            Across::Sizes(_) => format!("{}", 10_f64.powf(time).round()),
        };
        svg.text([x(time), top + HEIGHT + 16.0], Anchor::Middle, TICK, &label);
    }
    svg.text([LEFT, top - 8.0], Anchor::Start, PANEL_TITLE, &panel.title);
    if let Some(value) = level {
        let y = y(value);
        svg.curve([Some([LEFT, y]), Some([LEFT + PLOT, y])].into_iter(), LEVEL);
    }
    // The first of the legend lies on top.
    for (curve, (_, style)) in panel.curves.iter().zip(&figure.legend).rev() {
        let points = curve
            .iter()
            .map(|&(time, value)| value.map(|value| [x(time), y(value)]));
        svg.curve(points, &pen(style));
    }
    if let Some((value, what)) = &panel.level {
        let place = [LEFT + PLOT - 4.0, y(*value) - 4.0];
        svg.text(place, Anchor::End, HALO, what);
        svg.text(place, Anchor::End, TICK, what);
    }
}

fn pen(style: &Style) -> String {
    let Style {
        color,
        width,
        dashes,
    } = style;
    let dashes = dashes.map_or(String::new(), |dashes| {
        format!(" stroke-dasharray=\"{dashes}\"")
    });
    format!("stroke=\"{color}\" stroke-width=\"{width}\"{dashes}")
}

/// Where each entry of the legend begins, and in which line.
fn places(legend: &[(String, Style)]) -> Vec<[f64; 2]> {
    let (mut x, mut line) = (24.0, 0.0);
    let mut places = Vec::new();
    for (name, _) in legend {
        // A letter of this size is 7 pixels wide at most, on average.
        let width = 33.0 + 7.0 * name.chars().count() as f64 + 22.0;
        if x + width > WIDTH - RIGHT {
            (x, line) = (24.0, line + 1.0);
        }
        places.push([x, line]);
        x += width;
    }
    places
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < LINE_OF_TEXT => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
