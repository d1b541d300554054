//! Screens as SVG: text in the viewer's monospaced font, bars and frames as shapes, so that they join in every font.

use std::collections::BTreeMap;
use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

/// The size of a cell in pixels.
const CELL: (u16, u16) = (8, 17);

/// A rectangle in a cell: x, y, width, height.
type Part = (u16, u16, u16, u16);

/// A screen, and for how long it is seen.
pub(crate) struct Frame {
    pub(crate) buffer: Buffer,
    pub(crate) milliseconds: u32,
}

/// Draws the frames, which have the same size, one after the other, again and again. A reader who wants no motion sees the last one.
pub(crate) fn svg(frames: &[Frame], title: &str) -> String {
    let area = frames[0].buffer.area;
    let (width, height) = (area.width * CELL.0 + 16, area.height * CELL.1 + 16);
    let background = frames[0].buffer[(0, 0)].bg;
    let mut classes = Classes::default();
    let mut rows: Vec<String> = Vec::new();
    let mut uses = String::new();
    let total: u32 = frames.iter().map(|frame| frame.milliseconds).sum();
    let mut begin = 0;
    let mut animations = String::new();
    for (index, frame) in frames.iter().enumerate() {
        let _ = write!(uses, "<g class=\"f f{index}\">");
        for y in 0..area.height {
            let row = row(&line(&frame.buffer, y), background, &mut classes);
            if row.is_empty() {
                continue;
            }
            let id = rows.iter().position(|known| *known == row).unwrap_or_else(|| {
                rows.push(row);
                rows.len() - 1
            });
            let _ = write!(uses, "<use href=\"#r{id}\" y=\"{}\"/>", y * CELL.1);
        }
        uses += "</g>\n";
        if frames.len() > 1 {
            let percent = |at: u32| f64::from(at) * 100.0 / f64::from(total);
            let end = begin + frame.milliseconds;
            let _ = writeln!(
                animations,
                ".f{index}{{animation:k{index} {total}ms step-end infinite}}\n\
                 @keyframes k{index}{{0%{{visibility:{}}}{:.3}%{{visibility:visible}}{:.3}%{{visibility:hidden}}}}",
                if begin == 0 { "visible" } else { "hidden" },
                percent(begin),
                percent(end)
            );
            begin = end;
        }
    }
    let last = frames.len() - 1;
    if last > 0 {
        let _ = writeln!(
            animations,
            ".f{{visibility:hidden}}.f{last}{{visibility:visible}}\n@media (prefers-reduced-motion:reduce){{.f{{animation:none}}}}"
        );
    }
    let rows: String = rows.iter().enumerate().fold(String::new(), |text, (id, row)| text + &format!("<g id=\"r{id}\">{row}</g>\n"));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>{}</title>\n<style>\ntext{{font:13.3px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;white-space:pre}}\n\
         .m{{text-anchor:middle}}.B{{font-weight:700}}.I{{font-style:italic}}.U{{text-decoration:underline}}.D{{opacity:.6}}\n{}{animations}</style>\n\
         <defs>\n{rows}</defs>\n\
         <rect x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"{}\" stroke=\"#808080\" stroke-opacity=\".4\"/>\n<g transform=\"translate(8 8)\">\n{uses}</g>\n</svg>\n",
        escaped(title),
        classes.css(),
        width - 1,
        height - 1,
        hex(background)
    )
}

/// The colours, each with a class.
#[derive(Default)]
struct Classes(Vec<(String, u8)>);

impl Classes {
    /// Returns the class of a colour with an opacity in percent.
    fn class(&mut self, colour: Color, opacity: u8) -> usize {
        let colour = (hex(colour), opacity);
        self.0.iter().position(|known| *known == colour).unwrap_or_else(|| {
            self.0.push(colour);
            self.0.len() - 1
        })
    }

    fn css(&self) -> String {
        let mut css = String::new();
        for (index, (colour, opacity)) in self.0.iter().enumerate() {
            let opacity = if *opacity == 100 { String::new() } else { format!(";fill-opacity:.{opacity}") };
            let _ = writeln!(css, ".c{index}{{fill:{colour}{opacity}}}");
        }
        css
    }
}

/// Returns a line of cells. The cell behind a wide character, which has no style of its own, gets that character's.
fn line(buffer: &Buffer, y: u16) -> Vec<Cell> {
    let mut cells: Vec<Cell> = (0..buffer.area.width).map(|x| buffer[(x, y)].clone()).collect();
    for x in 1..cells.len() {
        if cells[x - 1].symbol().width() == 2 {
            let style = cells[x - 1].style();
            cells[x].set_style(style);
        }
    }
    cells
}

/// Draws a line of cells at the top.
fn row(cells: &[Cell], screen: Color, classes: &mut Classes) -> String {
    // The outlines of each class, in the order in which they are painted: backgrounds first.
    let mut backgrounds: BTreeMap<usize, String> = BTreeMap::new();
    let mut shapes: BTreeMap<usize, String> = BTreeMap::new();
    let mut texts = String::new();
    let mut x = 0_usize;
    while x < cells.len() {
        let background = colours(&cells[x]).1;
        let count = cells[x..].iter().take_while(|cell| colours(cell).1 == background).count();
        if background != screen {
            let path = backgrounds.entry(classes.class(background, 100)).or_default();
            rectangle(path, (x as u16 * CELL.0, 0, count as u16 * CELL.0, CELL.1));
        }
        x += count;
    }
    x = 0;
    while x < cells.len() {
        let cell = &cells[x];
        let count = cells[x..].iter().take_while(|other| *other == cell).count();
        let foreground = colours(cell).0;
        let left = x as u16 * CELL.0;
        if let Some((parts, opacity)) = shape(cell.symbol()) {
            let path = shapes.entry(classes.class(foreground, opacity)).or_default();
            let repeats = parts.len() == 1 && parts[0].0 == 0 && parts[0].2 == CELL.0;
            for at in 0..if repeats { 1 } else { count as u16 } {
                for &(dx, dy, width, height) in &parts {
                    rectangle(path, (left + at * CELL.0 + dx, dy, if repeats { width * count as u16 } else { width }, height));
                }
            }
            x += count;
        } else if let Some(corner) = corner(cell.symbol()) {
            let _ = write!(shapes.entry(classes.class(foreground, 100)).or_default(), "M{left} 0{corner}");
            x += 1;
        } else if cell.symbol().trim().is_empty() {
            x += count;
        } else {
            let run = run(&cells[x..]);
            let class = classes.class(foreground, 100);
            let style: String = [(Modifier::BOLD, 'B'), (Modifier::ITALIC, 'I'), (Modifier::UNDERLINED, 'U'), (Modifier::DIM, 'D')]
                .iter()
                .filter(|(modifier, _)| cell.modifier.contains(*modifier))
                .fold(String::new(), |style, (_, class)| style + " " + &class.to_string());
            let width = run.width() as u16;
            let text = escaped(&run);
            let _ = if run.is_ascii() && width > 1 {
                write!(texts, "<text class=\"c{class}{style}\" x=\"{left}\" y=\"13\" textLength=\"{}\">{text}</text>", width * CELL.0)
            } else {
                let middle = left + width * CELL.0 / 2;
                write!(texts, "<text class=\"c{class} m{style}\" x=\"{middle}\" y=\"13\">{text}</text>")
            };
            x += usize::from(width.max(1));
        }
    }
    let paths = |paths: BTreeMap<usize, String>| {
        paths.iter().fold(String::new(), |text, (class, path)| text + &format!("<path class=\"c{class}\" d=\"{path}\"/>"))
    };
    paths(backgrounds) + &paths(shapes) + &texts
}

/// Returns the text at the beginning that is drawn at once: ASCII of one style without wide gaps, or one other character.
fn run(cells: &[Cell]) -> String {
    let first = &cells[0];
    if !first.symbol().is_ascii() {
        return first.symbol().to_owned();
    }
    let is_same = |cell: &&Cell| (cell.fg, cell.bg, cell.modifier) == (first.fg, first.bg, first.modifier) && cell.symbol().is_ascii();
    let text: String = cells.iter().take_while(is_same).map(Cell::symbol).collect();
    text.split("  ").next().unwrap_or_default().trim_end().to_owned()
}

fn colours(cell: &Cell) -> (Color, Color) {
    if cell.modifier.contains(Modifier::REVERSED) { (cell.bg, cell.fg) } else { (cell.fg, cell.bg) }
}

fn rectangle(path: &mut String, (x, y, width, height): Part) {
    let _ = write!(path, "M{x} {y}h{width}v{height}h-{width}z");
}

/// Returns the rectangles of a character made of such, and their opacity in percent.
fn shape(symbol: &str) -> Option<(Vec<Part>, u8)> {
    let (width, height) = CELL;
    let (across, down) = ((0, 8, width, 1), (4, 0, 1, height));
    let (left, right, up, below) = ((0, 8, 5, 1), (4, 8, 4, 1), (4, 0, 1, 9), (4, 8, 1, 9));
    let c = symbol.chars().next()?;
    let parts = match c {
        '█' | '░' | '▒' | '▓' => vec![(0, 0, width, height)],
        '▉'..='▏' => vec![(0, 0, ('▏' as u32 - c as u32 + 1) as u16, height)],
        '▐' => vec![(4, 0, 4, height)],
        '▕' => vec![(7, 0, 1, height)],
        '▁'..='▇' => {
            let filled = ((c as u32 - '▁' as u32 + 1) * u32::from(height) / 8) as u16;
            vec![(0, height - filled, width, filled)]
        }
        '─' => vec![across],
        '│' => vec![down],
        '├' => vec![down, right],
        '┤' => vec![left, down],
        '┬' => vec![across, below],
        '┴' => vec![across, up],
        '┼' => vec![across, down],
        '└' => vec![up, right],
        '┌' => vec![below, right],
        '┐' => vec![left, below],
        '┘' => vec![left, up],
        '┆' | '┊' => vec![(4, 1, 1, 3), (4, 7, 1, 3), (4, 13, 1, 3)],
        '┄' => vec![(1, 8, 2, 1), (5, 8, 2, 1)],
        '━' => vec![(0, 8, width, 2)],
        '┃' => vec![(3, 0, 2, height)],
        '┣' => vec![(3, 0, 2, height), (5, 8, 3, 2)],
        '┗' => vec![(3, 0, 2, 10), (5, 8, 3, 2)],
        _ => return None,
    };
    let opacity = match c {
        '░' => 25,
        '▒' => 50,
        '▓' => 75,
        _ => 100,
    };
    Some((parts, opacity))
}

/// Returns the outline of a round corner, from the cell's upper left.
fn corner(symbol: &str) -> Option<&'static str> {
    Some(match symbol {
        "╭" => "m4 17v-5a4 4 0 0 1 4-4v1a3 3 0 0 0-3 3v5z",
        "╮" => "m5 17v-5a4 4 0 0 0-4-4h-1v1h1a3 3 0 0 1 3 3v5z",
        "╰" => "m4 0v5a4 4 0 0 0 4 4v-1a3 3 0 0 1-3-3v-5z",
        "╯" => "m5 0v5a4 4 0 0 1-4 4h-1v-1h1a3 3 0 0 0 3-3v-5z",
        _ => return None,
    })
}

/// Returns a colour as CSS has it.
fn hex(colour: Color) -> String {
    let [r, g, b] = match colour {
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Indexed(index @ 232..) => [8 + 10 * (index - 232); 3],
        Color::Indexed(index @ 16..) => {
            [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6].map(|step| if step == 0 { 0 } else { 55 + 40 * step })
        }
        other => panic!("the built-in themes use no {other}"),
    };
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[test]
fn a_screen_becomes_text_and_shapes() {
    let mut buffer = Buffer::with_lines(["a <b  │██▎", "╭─── 北"]);
    for cell in &mut buffer.content {
        cell.set_fg(Color::Indexed(231)).set_bg(Color::Rgb(0, 0, 0));
    }
    let svg = svg(&[Frame { buffer, milliseconds: 1 }], "A & B");
    for expected in [
        "<title>A &amp; B</title>",
        ".c0{fill:#ffffff}",
        "<text class=\"c0\" x=\"0\" y=\"13\" textLength=\"32\">a &lt;b</text>",
        "d=\"M52 0h1v17h-1zM56 0h16v17h-16zM72 0h2v17h-2z\"",
        "M8 8h24v1h-24z",
        "x=\"48\" y=\"13\">北</text>",
    ] {
        assert!(svg.contains(expected), "{expected} is not in\n{svg}");
    }
}
